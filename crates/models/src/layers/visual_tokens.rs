//! Feature maps to the few vectors that stand for an image in a sequence.

use onespace_compute::{
    Buffer, Finish, LayerNorm, MapShape, Workspace, average_pool_2x2, layer_norm, max_of_rows,
};

use super::{Linear, Packing, layer_norm as load_norm};
use crate::LoadError;
use crate::config::{Config, VISUAL_TOKENS};
use crate::weights::Weights;

/// Four quadrant means and the maximum of a 4x4 map, projected, normalised and told apart.
pub(crate) struct VisualTokens {
    projection: Linear,
    norm: LayerNorm,
    /// `[VISUAL_TOKENS, width]`
    positions: Vec<f32>,
}

impl VisualTokens {
    /// Takes `visual.*`; `channels` are those of the feature map.
    pub(crate) fn load(
        weights: &mut Weights,
        packing: Packing,
        config: &Config,
    ) -> Result<Self, LoadError> {
        let channels = config.vision_stages.last().map_or(config.vision_stem, |stage| stage.0);
        let width = config.width;
        Ok(Self {
            projection: Linear::load(weights, packing, "visual.proj", (channels, width))?,
            norm: load_norm(weights, "visual.norm", width, config.norm_eps)?,
            positions: weights.take("visual.position", &[VISUAL_TOKENS, width])?,
        })
    }

    /// Multiply-adds per image.
    pub(crate) fn multiply_adds(&self) -> u64 {
        VISUAL_TOKENS as u64 * self.projection.multiply_adds()
    }

    /// `out` is `[images, VISUAL_TOKENS, width]`; `map` holds 4x4 maps.
    pub(crate) fn forward(
        &self,
        (map, shape): (&Buffer, MapShape),
        out: &mut [f32],
        workspace: &mut Workspace,
    ) {
        let (cpu, channels) = (workspace.cpu, shape.channels);
        let mut pooled = workspace.scratch.take(shape.images * VISUAL_TOKENS * channels);
        let map_length = shape.length() / shape.images;
        for (map, pooled) in
            map.chunks_exact(map_length).zip(pooled.chunks_exact_mut(VISUAL_TOKENS * channels))
        {
            let (quadrants, whole) = pooled.split_at_mut((VISUAL_TOKENS - 1) * channels);
            average_pool_2x2(cpu, map, (shape.width, channels), quadrants);
            max_of_rows(cpu, map, whole);
        }
        let mut projected = workspace.scratch.take(out.len());
        self.projection.apply(cpu, &pooled, Finish::default(), &mut projected);
        layer_norm(cpu, &projected, &self.norm, out);
        for image in out.chunks_exact_mut(self.positions.len()) {
            image.iter_mut().zip(&self.positions).for_each(|(x, position)| *x += position);
        }
        workspace.scratch.put(pooled);
        workspace.scratch.put(projected);
    }
}
