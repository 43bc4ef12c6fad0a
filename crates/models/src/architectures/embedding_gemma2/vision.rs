//! The vision tower of Gemma 4: pictures to rows of the text stack's width.
//!
//! A patch's position is a row of one table plus a row of another; half of each head is turned by the
//! patch's column, half by its row. Squares of patches are averaged to one place each.

use std::sync::Arc;

use onespace_compute::{Finish, Precision, RmsNorm, Workspace, rms_norm};
use onespace_media::PreparedImage;

use crate::huggingface::GemmaVision;
use crate::layers::{Frequencies, GatedLayer, Linear, Packing, PatchEmbedding, PatchOrder, Turns};
use crate::trace::Trace;
use crate::weights::Weights;
use crate::{EncodedImage, LoadError};

/// The tower.
pub(super) struct VisionTower {
    patches: PatchEmbedding,
    /// By column and by row: `[2, positions, width]`
    positions: Vec<f32>,
    layers: Vec<GatedLayer>,
    frequencies: Frequencies,
    pool: usize,
    norm: RmsNorm,
    project: Linear,
    width: usize,
}

impl VisionTower {
    /// Takes `{prefix}vision_tower.*` and `{prefix}embed_vision.*`; pictures are normalised by mean
    /// and spread.
    pub(super) fn load(
        weights: &mut Weights,
        packing: Packing,
        (prefix, config): (&str, &GemmaVision),
        (normalisation, out): (([f32; 3], [f32; 3]), usize),
    ) -> Result<Self, LoadError> {
        let name = |part: &str| format!("{prefix}vision_tower.{part}");
        let (shape, side) = (&config.layer, config.patch_px);
        let width = shape.width;
        let matrix =
            weights.take(&name("patch_embedder.input_proj.weight"), &[width, 3 * side * side])?;
        let matrix = (&*matrix, PatchOrder::ChannelLast);
        let table = name("patch_embedder.position_embedding_table");
        // With the normalisation in it: no longer what was rounded for storing.
        let exact = Packing { precision: Precision::F32, ..packing };
        let order = head_order(shape.head);
        let layer = |index: usize, weights: &mut Weights| {
            let name = name(&format!("encoder.layers.{index}"));
            GatedLayer::load_reordered(weights, packing, (&name, &order), shape)
        };
        let project = format!("{prefix}embed_vision.embedding_projection");
        Ok(Self {
            patches: PatchEmbedding::new(exact, matrix, vec![0.0; width], side, normalisation),
            positions: weights.take(&table, &[2, config.positions, width])?,
            layers: (0..config.layers)
                .map(|index| layer(index, weights))
                .collect::<Result<_, _>>()?,
            frequencies: Frequencies::new(shape.head / 2, config.rope_base),
            pool: config.pool,
            norm: RmsNorm::new(vec![1.0; width], shape.epsilon),
            project: Linear::load_without_bias(weights, packing, &project, (width, out))?,
            width,
        })
    }

    /// Patches of a picture of that size in pixels.
    pub(super) fn patches(&self, width: u32, height: u32) -> usize {
        let (down, across) = self.patches.grid(width, height);
        down * across
    }

    /// Places of a picture of that size in pixels.
    pub(super) fn places(&self, width: u32, height: u32) -> usize {
        self.patches(width, height) / (self.pool * self.pool)
    }

    /// Whether an encoded picture can be this tower's work.
    pub(super) fn has_made(&self, image: &EncodedImage) -> bool {
        let places = self.places(image.width, image.height);
        places > 0 && image.layers == 1 && image.values.len() == places * self.project.outputs()
    }

    /// Multiply-adds for a picture of so many patches.
    pub(super) fn multiply_adds(&self, patches: usize) -> u64 {
        let layers: u64 = self.layers.iter().map(|layer| layer.multiply_adds(patches)).sum();
        let places = (patches / (self.pool * self.pool)) as u64;
        patches as u64 * self.patches.multiply_adds()
            + layers
            + places * self.project.multiply_adds()
    }

    /// Runs pictures through the tower.
    pub(super) fn forward(
        &self,
        images: &[&PreparedImage],
        (workspace, trace): (&mut Workspace, &mut Trace),
    ) -> Vec<EncodedImage> {
        let (width, mut offsets) = (self.width, vec![0]);
        for image in images {
            offsets.push(offsets[offsets.len() - 1] + self.patches(image.width, image.height));
        }
        let mut hidden = workspace.scratch.take(offsets[images.len()] * width);
        let mut turns = Turns::default();
        for (image, range) in images.iter().zip(offsets.windows(2)) {
            let states = &mut hidden[range[0] * width..range[1] * width];
            self.fill_positions(self.patches.grid(image.width, image.height), states, &mut turns);
        }
        self.patches.add(images, 0, &mut hidden, workspace);
        trace.record("embeddings", &hidden);
        for (index, layer) in self.layers.iter().enumerate() {
            layer.forward((&mut hidden, &offsets), &turns, workspace);
            if index == 0 {
                trace.record("block 0", &hidden);
            }
        }
        trace.record("last block", &hidden);
        let encoded = images.iter().zip(offsets.windows(2)).map(|(image, range)| {
            let states = &hidden[range[0] * width..range[1] * width];
            let values =
                self.pooled(self.patches.grid(image.width, image.height), states, workspace);
            trace.record("merged", &values);
            let (width, height) = (image.width, image.height);
            EncodedImage { width, height, layers: 1, values: Arc::from(values) }
        });
        let encoded = encoded.collect();
        workspace.scratch.put(hidden);
        encoded
    }

    /// Learned positions of a picture's patches, and how each is turned.
    fn fill_positions(
        &self,
        (down, across): (usize, usize),
        states: &mut [f32],
        turns: &mut Turns,
    ) {
        let (columns, rows) = self.positions.split_at(self.positions.len() / 2);
        let width = self.width;
        for (place, state) in states.chunks_exact_mut(width).enumerate() {
            let (row, column) = (place / across, place % across);
            debug_assert!(row < down);
            let pairs = columns[column * width..][..width].iter().zip(&rows[row * width..]);
            state.iter_mut().zip(pairs).for_each(|(x, (column, row))| *x = column + row);
            for position in [column, row] {
                let position = u32::try_from(position).unwrap_or(u32::MAX);
                for index in 0..self.frequencies.len() {
                    turns.push(self.frequencies.angle(index, position));
                }
            }
        }
    }

    /// Averages of squares, scaled, normalised and projected: `[places, outputs]`.
    #[expect(clippy::cast_precision_loss, reason = "widths and squares are far below 2^24")]
    fn pooled(
        &self,
        (down, across): (usize, usize),
        states: &[f32],
        workspace: &mut Workspace,
    ) -> Vec<f32> {
        let (cpu, width, pool) = (workspace.cpu, self.width, self.pool);
        let (rows, columns) = (down / pool, across / pool);
        let mut means = workspace.scratch.take(rows * columns * width);
        let share = 1.0 / (pool * pool) as f32;
        for (place, mean) in means.chunks_exact_mut(width).enumerate() {
            mean.fill(0.0);
            let (top, left) = (place / columns * pool, place % columns * pool);
            for patch in (0..pool * pool).map(|at| (top + at / pool) * across + left + at % pool) {
                let state = &states[patch * width..][..width];
                mean.iter_mut().zip(state).for_each(|(sum, x)| *sum += share * x);
            }
            let scale = (width as f32).sqrt();
            mean.iter_mut().for_each(|x| *x *= scale);
        }
        rms_norm(cpu, &self.norm, &mut means);
        let mut out = vec![0.0; rows * columns * self.project.outputs()];
        self.project.apply(cpu, &means, Finish::default(), &mut out);
        workspace.scratch.put(means);
        out
    }
}

/// The stored head is two halves, by column and by row, each turned in itself; the kernel turns
/// number `i` with number `i + head / 2`. This brings the first quarters of both halves to the front.
fn head_order(head: usize) -> Vec<usize> {
    let quarter = head / 4;
    let from = |start: usize| start * quarter..(start + 1) * quarter;
    [from(0), from(2), from(1), from(3)].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn heads_are_reordered_by_quarters() {
        assert_eq!(super::head_order(8), [0, 1, 4, 5, 2, 3, 6, 7]);
    }
}
