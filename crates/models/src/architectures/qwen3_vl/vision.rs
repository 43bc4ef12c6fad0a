//! The vision tower: pictures to rows of the text stack's width.
//!
//! Patches are taken in squares of `merge` by `merge`, which become one place each at the end. Their
//! learned positions are read from a square table with its corners on the picture's, bilinearly.

use std::sync::Arc;

use onespace_compute::{Activation, Finish, LayerNorm, Precision, Workspace, layer_norm};
use onespace_media::PreparedImage;

use crate::huggingface::QwenVision;
use crate::layers::{
    Encoder, Frequencies, LayerNames, Linear, Packing, PatchEmbedding, PatchOrder, Turns, by_rows,
    layer_norm as load_norm,
};
use crate::trace::Trace;
use crate::weights::Weights;
use crate::{EncodedImage, LoadError};

/// What the tower's results behind further layers are called in traces.
const DEEPSTACK_NAMES: [&str; 3] = ["deepstack 0", "deepstack 1", "deepstack 2"];

/// The tower.
pub(super) struct VisionTower {
    patches: PatchEmbedding,
    /// `[grid, grid, width]`
    positions: Vec<f32>,
    grid: usize,
    encoder: Encoder,
    frequencies: Frequencies,
    deepstack: Vec<(usize, Merger)>,
    merger: Merger,
    merge: usize,
    width: usize,
}

/// A square of patches to one place: `linear(gelu(linear(norm(square))))`.
struct Merger {
    norm: LayerNorm,
    up: Linear,
    down: Linear,
}

impl Merger {
    /// Takes `{name}.*`; the norm is over `norm_width` numbers, one patch or a square of them.
    fn load(
        weights: &mut Weights,
        packing: Packing,
        (name, norm_width): (&str, usize),
        (inner, out): (usize, usize),
        epsilon: f32,
    ) -> Result<Self, LoadError> {
        let part = |which: &str| format!("{name}.{which}");
        Ok(Self {
            norm: load_norm(weights, &part("norm"), norm_width, epsilon)?,
            up: Linear::load(weights, packing, &part("linear_fc1"), (inner, inner))?,
            down: Linear::load(weights, packing, &part("linear_fc2"), (inner, out))?,
        })
    }

    /// `[places, outputs]`
    fn forward(&self, patches: &[f32], workspace: &mut Workspace) -> Vec<f32> {
        let (cpu, width) = (workspace.cpu, self.norm.width());
        let mut normed = workspace.scratch.take(patches.len());
        by_rows(cpu, (&mut normed, width), |cpu, first, rows| {
            layer_norm(cpu, &patches[first * width..][..rows.len()], &self.norm, rows);
        });
        let mut inner = workspace.scratch.take(patches.len());
        let gelu = Finish::default().activation(Activation::Gelu);
        self.up.apply(cpu, &normed, gelu, &mut inner);
        let mut out = vec![0.0; patches.len() / self.down.inputs() * self.down.outputs()];
        self.down.apply(cpu, &inner, Finish::default(), &mut out);
        [normed, inner].into_iter().for_each(|buffer| workspace.scratch.put(buffer));
        out
    }
}

impl VisionTower {
    /// Takes `{prefix}visual.*`; pictures are normalised by mean and spread.
    pub(super) fn load(
        weights: &mut Weights,
        packing: Packing,
        (prefix, config): (&str, &QwenVision),
        (normalisation, out): (([f32; 3], [f32; 3]), usize),
    ) -> Result<Self, LoadError> {
        let name = |part: &str| format!("{prefix}visual.{part}");
        let (width, epsilon) = (config.shape.width, config.shape.epsilon);
        let inner = width * config.merge * config.merge;
        let layers = (&*name("blocks"), LayerNames::Vision);
        let deepstack = config.deepstack.iter().enumerate().map(|(index, &layer)| {
            let name = name(&format!("deepstack_merger_list.{index}"));
            let merger = Merger::load(weights, packing, (&name, inner), (inner, out), epsilon)?;
            Ok((layer, merger))
        });
        let deepstack = deepstack.collect::<Result<_, LoadError>>()?;
        let positions =
            weights.take(&name("pos_embed.weight"), &[config.grid * config.grid, width])?;
        Ok(Self {
            patches: patches(weights, packing, &name("patch_embed.proj"), (config, normalisation))?,
            positions,
            grid: config.grid,
            encoder: Encoder::load(weights, packing, layers, &config.shape)?,
            frequencies: Frequencies::new(width / config.shape.heads / 2, config.rope_base),
            deepstack,
            merger: {
                let sizes = (inner, out);
                Merger::load(weights, packing, (&name("merger"), width), sizes, epsilon)?
            },
            merge: config.merge,
            width,
        })
    }

    /// Places of a picture of that size in pixels, down and across.
    pub(super) fn places(&self, width: u32, height: u32) -> (usize, usize) {
        let (down, across) = self.patches.grid(width, height);
        (down / self.merge, across / self.merge)
    }

    /// Patches of a picture of that size in pixels.
    pub(super) fn patches(&self, width: u32, height: u32) -> usize {
        let (down, across) = self.patches.grid(width, height);
        down * across
    }

    /// Whether an encoded picture can be this tower's work.
    pub(super) fn has_made(&self, image: &EncodedImage) -> bool {
        let (down, across) = self.places(image.width, image.height);
        let layers = 1 + self.deepstack.len();
        let rows = layers * down * across;
        rows > 0
            && image.layers == layers
            && image.values.len() == rows * self.merger.down.outputs()
    }

    /// Multiply-adds for a picture of so many patches.
    pub(super) fn multiply_adds(&self, patches: usize) -> u64 {
        let mergers = self.deepstack.iter().map(|(_, merger)| merger).chain([&self.merger]);
        let merging: u64 =
            mergers.map(|merger| merger.up.multiply_adds() + merger.down.multiply_adds()).sum();
        let places = (patches / (self.merge * self.merge)) as u64;
        patches as u64 * self.patches.multiply_adds()
            + self.encoder.multiply_adds(patches)
            + places * merging
    }

    /// Runs pictures through the tower.
    pub(super) fn forward(
        &self,
        images: &[&PreparedImage],
        (workspace, trace): (&mut Workspace, &mut Trace),
    ) -> Vec<EncodedImage> {
        let mut offsets = vec![0];
        for image in images {
            offsets.push(offsets[offsets.len() - 1] + self.patches(image.width, image.height));
        }
        let mut hidden = workspace.scratch.take(offsets[images.len()] * self.width);
        let mut turns = Turns::default();
        for (image, range) in images.iter().zip(offsets.windows(2)) {
            let grid = self.patches.grid(image.width, image.height);
            self.fill_positions(grid, &mut hidden[range[0] * self.width..range[1] * self.width]);
            self.push_turns(grid, &mut turns);
        }
        self.patches.add(images, 0, &mut hidden, workspace);
        trace.record("embeddings", &hidden);
        let mut behind = Vec::with_capacity(self.deepstack.len());
        self.encoder.forward_turned(
            (&mut hidden, &offsets),
            (&turns, &mut |layer, states, workspace| {
                let merger = self.deepstack.iter().find(|(index, _)| *index == layer);
                behind.extend(merger.map(|(_, merger)| merger.forward(states, workspace)));
            }),
            (&mut *workspace, &mut *trace),
        );
        let merged = self.merger.forward(&hidden, workspace);
        workspace.scratch.put(hidden);
        for (name, values) in DEEPSTACK_NAMES.iter().zip(&behind) {
            trace.record(name, values);
        }
        trace.record("merged", &merged);
        self.cut(images, &offsets, &[vec![merged], behind].concat())
    }

    /// What belongs to each picture, of what the mergers gave for all.
    fn cut(
        &self,
        images: &[&PreparedImage],
        offsets: &[usize],
        layers: &[Vec<f32>],
    ) -> Vec<EncodedImage> {
        let (square, out) = (self.merge * self.merge, self.merger.down.outputs());
        let one = |(image, range): (&&PreparedImage, &[usize])| {
            let rows = range[0] / square * out..range[1] / square * out;
            let values: Vec<f32> =
                layers.iter().flat_map(|layer| &layer[rows.clone()]).copied().collect();
            let (width, height, layers) = (image.width, image.height, layers.len());
            EncodedImage { width, height, layers, values: Arc::from(values) }
        };
        images.iter().zip(offsets.windows(2)).map(one).collect()
    }

    /// Learned positions of a picture's patches: `[patches, width]`.
    fn fill_positions(&self, (down, across): (usize, usize), states: &mut [f32]) {
        let width = self.width;
        let (rows, columns) = (taps(self.grid, down), taps(self.grid, across));
        for (place, state) in states.chunks_exact_mut(width).enumerate() {
            let (row, column) = self.patches.patch_at(place, across);
            state.fill(0.0);
            for (y, down_weight) in rows[row] {
                for (x, across_weight) in columns[column] {
                    let weight = down_weight * across_weight;
                    let learned = &self.positions[(y * self.grid + x) * width..][..width];
                    state.iter_mut().zip(learned).for_each(|(sum, x)| *sum += weight * x);
                }
            }
        }
    }

    /// Half of a head's frequencies turn by the row of a patch, half by its column.
    fn push_turns(&self, (down, across): (usize, usize), turns: &mut Turns) {
        for place in 0..down * across {
            let (row, column) = self.patches.patch_at(place, across);
            for position in [row, column] {
                let position = u32::try_from(position).unwrap_or(u32::MAX);
                for index in 0..self.frequencies.len() {
                    turns.push(self.frequencies.angle(index, position));
                }
            }
        }
    }
}

/// The convolution over still pictures: a picture fills all frames, so their weights add up.
fn patches(
    weights: &mut Weights,
    packing: Packing,
    name: &str,
    (config, normalisation): (&QwenVision, ([f32; 3], [f32; 3])),
) -> Result<PatchEmbedding, LoadError> {
    let (width, side, frames) = (config.shape.width, config.patch_px, config.frames);
    let area = side * side;
    let stored = weights.take(&format!("{name}.weight"), &[width, 3, frames, side, side])?;
    let mut summed = vec![0.0; width * 3 * area];
    for (channel, sums) in stored.chunks_exact(frames * area).zip(summed.chunks_exact_mut(area)) {
        for frame in channel.chunks_exact(area) {
            sums.iter_mut().zip(frame).for_each(|(sum, weight)| *sum += weight);
        }
    }
    let bias = weights.take(&format!("{name}.bias"), &[width])?;
    // Sums, and with the normalisation in them: no longer what was rounded for storing.
    let packing = Packing { precision: Precision::F32, ..packing };
    let matrix = (&*summed, PatchOrder::ChannelFirst);
    Ok(PatchEmbedding::new(packing, matrix, bias, side, normalisation).in_squares(config.merge))
}

/// The two places of a table's side that each of `count` places is made of, with their weights, in
/// `f32` as the reference computes them.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "places are a few thousand at most"
)]
fn taps(side: usize, count: usize) -> Vec<[(usize, f32); 2]> {
    let one = |index: usize| {
        let source = index as f32 * (side - 1) as f32 / count.saturating_sub(1).max(1) as f32;
        let floor = source.floor();
        let (first, rest) = (floor as usize, source - floor);
        [(first.min(side - 1), 1.0 - rest), ((first + 1).min(side - 1), rest)]
    };
    (0..count).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::taps;

    #[test]
    fn corners_lie_on_corners() {
        assert_eq!(taps(6, 1), [[(0, 1.0), (1, 0.0)]]);
        assert_eq!(taps(3, 2), [[(0, 1.0), (1, 0.0)], [(2, 1.0), (2, 0.0)]]);
        assert_eq!(taps(2, 3)[1], [(0, 0.5), (1, 0.5)]);
    }
}
