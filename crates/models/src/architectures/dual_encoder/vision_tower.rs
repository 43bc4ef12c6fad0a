//! Pictures to one vector each: vision transformers.

mod load;

use onespace_compute::{Finish, LayerNorm, Workspace, layer_norm};
use onespace_media::PreparedImage;

use crate::layers::{AttentionPool, Encoder, Linear, PatchEmbedding, PositionGrid};
use crate::trace::Trace;

/// The vision tower.
pub(super) struct DualVisionTower {
    patches: PatchEmbedding,
    positions: Positions,
    encoder: Encoder,
    post_norm: LayerNorm,
    head: Head,
    width: usize,
}

/// What is added to the patches, and what stands in front of them.
enum Positions {
    /// A class vector, already with its position, and one position for each patch: CLIP.
    WithClass {
        /// `[width]`
        class: Vec<f32>,
        /// `[patches, width]`
        patches: Vec<f32>,
        pre_norm: LayerNorm,
    },
    /// One position for each patch: `[patches, width]`.
    Fixed(Vec<f32>),
    /// Positions that follow the picture's shape.
    Shaped(PositionGrid),
}

/// How the states become a vector.
enum Head {
    /// That of the class place, projected.
    Class(Linear),
    /// All, by attention.
    Attention(Box<AttentionPool>),
}

impl DualVisionTower {
    /// Places before the patches of a picture.
    fn places_before(&self) -> usize {
        usize::from(matches!(self.positions, Positions::WithClass { .. }))
    }

    /// Places that a prepared picture of that size in pixels takes.
    pub(super) fn places(&self, width: u32, height: u32) -> usize {
        let (down, across) = self.patches.grid(width, height);
        self.places_before() + down * across
    }

    /// Multiply-adds of a picture of that many places.
    pub(super) fn multiply_adds(&self, places: usize) -> u64 {
        let head = match &self.head {
            Head::Class(projection) => projection.multiply_adds(),
            Head::Attention(pool) => pool.multiply_adds(places),
        };
        places as u64 * self.patches.multiply_adds() + self.encoder.multiply_adds(places) + head
    }

    /// One vector per picture: `[images, dimension]`, not normalised.
    pub(super) fn forward(
        &self,
        images: &[&PreparedImage],
        (workspace, trace): (&mut Workspace, &mut Trace),
    ) -> Vec<f32> {
        let width = self.width;
        let mut offsets = vec![0];
        for image in images {
            offsets.push(offsets[offsets.len() - 1] + self.places(image.width, image.height));
        }
        let mut hidden = workspace.scratch.take(offsets[images.len()] * width);
        for (image, range) in images.iter().zip(offsets.windows(2)) {
            self.fill(image, &mut hidden[range[0] * width..range[1] * width]);
        }
        self.patches.add(images, self.places_before(), &mut hidden, workspace);
        trace.record("embeddings", &hidden);
        if let Positions::WithClass { pre_norm, .. } = &self.positions {
            let mut normed = workspace.scratch.take(hidden.len());
            layer_norm(workspace.cpu, &hidden, pre_norm, &mut normed);
            workspace.scratch.put(std::mem::replace(&mut hidden, normed));
        }
        let states = (&mut hidden[..], &offsets[..]);
        let out = match &self.head {
            Head::Class(projection) => self.class_vectors(projection, states, (workspace, trace)),
            Head::Attention(pool) => self.attended_vectors(pool, states, (workspace, trace)),
        };
        workspace.scratch.put(hidden);
        out
    }

    /// Class vector and positions of one picture: `[places, width]`.
    fn fill(&self, image: &PreparedImage, states: &mut [f32]) {
        match &self.positions {
            Positions::WithClass { class, patches, .. } => {
                let (first, others) = states.split_at_mut(self.width);
                first.copy_from_slice(class);
                others.copy_from_slice(patches);
            }
            Positions::Fixed(patches) => states.copy_from_slice(patches),
            Positions::Shaped(grid) => {
                let shape = self.patches.grid(image.width, image.height);
                states.copy_from_slice(&grid.shaped(shape));
            }
        }
    }

    fn class_vectors(
        &self,
        projection: &Linear,
        (hidden, offsets): (&mut [f32], &[usize]),
        (workspace, trace): (&mut Workspace, &mut Trace),
    ) -> Vec<f32> {
        let rows = vec![0; offsets.len() - 1];
        let mut pooled = workspace.scratch.take(rows.len() * self.width);
        let room = (&mut *workspace, trace);
        self.encoder.forward_to_rows((hidden, offsets), &rows, &mut pooled, room);
        let mut normed = workspace.scratch.take(pooled.len());
        layer_norm(workspace.cpu, &pooled, &self.post_norm, &mut normed);
        let mut out = vec![0.0; rows.len() * projection.outputs()];
        projection.apply(workspace.cpu, &normed, Finish::default(), &mut out);
        workspace.scratch.put(pooled);
        workspace.scratch.put(normed);
        out
    }

    fn attended_vectors(
        &self,
        pool: &AttentionPool,
        (hidden, offsets): (&mut [f32], &[usize]),
        (workspace, trace): (&mut Workspace, &mut Trace),
    ) -> Vec<f32> {
        self.encoder.forward((&mut *hidden, offsets), workspace, trace);
        let mut normed = workspace.scratch.take(hidden.len());
        layer_norm(workspace.cpu, hidden, &self.post_norm, &mut normed);
        let mut out = vec![0.0; (offsets.len() - 1) * self.width];
        pool.forward((&normed, offsets), &mut out, workspace);
        workspace.scratch.put(normed);
        out
    }
}
