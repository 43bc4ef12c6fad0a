//! The vision tower from its tensors.

use onespace_media::PreprocessSpec;

use super::{DualVisionTower, Head, Positions};
use crate::LoadError;
use crate::huggingface::{DualConfig, Family};
use crate::layers::{
    AttentionPool, Encoder, LayerNames, Linear, Packing, PatchEmbedding, PatchOrder, PositionGrid,
    layer_norm as load_norm,
};
use crate::weights::Weights;

impl DualVisionTower {
    /// Takes `vision_model.*` and `visual_projection`.
    pub(in super::super) fn load(
        weights: &mut Weights,
        packing: Packing,
        config: &DualConfig,
        spec: &PreprocessSpec,
    ) -> Result<Self, LoadError> {
        let shape = &config.vision.shape;
        let (width, sizes) = (shape.width, (shape.width, config.dimension));
        let layers = ("vision_model.encoder.layers", LayerNames::Split);
        let norm = "vision_model.post_layernorm";
        let patches = patches(weights, packing, config, spec)?;
        Ok(Self {
            positions: positions(weights, config, patches.bias())?,
            patches,
            encoder: Encoder::load(weights, packing, layers, shape)?,
            post_norm: load_norm(weights, norm, width, shape.epsilon)?,
            head: if config.family == Family::Clip {
                let name = "visual_projection";
                Head::Class(Linear::load_without_bias(weights, packing, name, sizes)?)
            } else {
                let name = "vision_model.head";
                let pool = AttentionPool::load(weights, packing, name, shape)?;
                Head::Attention(Box::new(pool))
            },
            width,
        })
    }
}

fn patches(
    weights: &mut Weights,
    packing: Packing,
    config: &DualConfig,
    spec: &PreprocessSpec,
) -> Result<PatchEmbedding, LoadError> {
    let (width, side) = (config.vision.shape.width, config.vision.patch_px);
    let name = |part: &str| format!("vision_model.embeddings.patch_embedding.{part}");
    let (shape, order) = if config.family == Family::Siglip2 {
        (vec![width, 3 * side * side], PatchOrder::ChannelLast)
    } else {
        (vec![width, 3, side, side], PatchOrder::ChannelFirst)
    };
    let matrix = weights.take(&name("weight"), &shape)?;
    let bias = match config.family {
        Family::Clip => vec![0.0; width],
        Family::Siglip | Family::Siglip2 => weights.take(&name("bias"), &[width])?,
    };
    Ok(PatchEmbedding::new(packing, (&matrix, order), bias, side, (spec.mean, spec.std)))
}

fn positions(
    weights: &mut Weights,
    config: &DualConfig,
    patch_bias: &[f32],
) -> Result<Positions, LoadError> {
    let (width, side) = (config.vision.shape.width, config.vision.grid);
    let before = usize::from(config.family == Family::Clip);
    let name = "vision_model.embeddings.position_embedding.weight";
    let mut table = weights.take(name, &[before + side * side, width])?;
    Ok(match config.family {
        Family::Siglip => Positions::Fixed(table),
        Family::Siglip2 => Positions::Shaped(PositionGrid::new(table, side, width)),
        Family::Clip => {
            let patches = table.split_off(width);
            let class = weights.take("vision_model.embeddings.class_embedding", &[width])?;
            // The patch embedding adds its bias to every place; here it is taken back.
            let class = class.iter().zip(&table).zip(patch_bias);
            let class = class.map(|((class, position), bias)| class + position - bias).collect();
            let (norm, epsilon) = ("vision_model.pre_layrnorm", config.vision.shape.epsilon);
            let pre_norm = load_norm(weights, norm, width, epsilon)?;
            Positions::WithClass { class, patches, pre_norm }
        }
    })
}
