//! The towers, from a Hugging Face folder.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use candle_core::{DType, Device, Module, Tensor};
use candle_nn::{Linear, VarBuilder};
use candle_transformers::models::clip::text_model::{
    Activation, ClipTextConfig, ClipTextTransformer,
};
use candle_transformers::models::clip::vision_model::{ClipVisionConfig, ClipVisionTransformer};
use candle_transformers::models::siglip;
use serde_json::Value;

/// One tower with its projection.
pub(crate) enum Tower {
    ClipImage(ClipVisionTransformer, Linear),
    ClipText(ClipTextTransformer, Linear),
    SiglipImage(siglip::VisionModel),
    SiglipText(siglip::TextModel),
}

impl Tower {
    /// Loads the tower for `input` (`image` or `text`) in f32.
    pub(crate) fn load(folder: &Path, input: &str) -> Result<Self> {
        let config: Value = serde_json::from_slice(&std::fs::read(folder.join("config.json"))?)?;
        let file = std::fs::read(folder.join("model.safetensors"))?;
        let weights = VarBuilder::from_buffered_safetensors(file, DType::F32, &Device::Cpu)?;
        match (config["model_type"].as_str(), input) {
            (Some("clip"), "image") => clip_image(&config, weights),
            (Some("clip"), "text") => clip_text(&config, weights),
            (Some("siglip"), "image") => {
                let vision = serde_json::from_value(config["vision_config"].clone())?;
                let weights = weights.pp("vision_model");
                Ok(Self::SiglipImage(siglip::VisionModel::new(&vision, true, weights)?))
            }
            (Some("siglip"), "text") => {
                let text = serde_json::from_value(config["text_config"].clone())?;
                Ok(Self::SiglipText(siglip::TextModel::new(&text, weights.pp("text_model"))?))
            }
            (architecture, input) => bail!("no tower for {architecture:?} and {input}"),
        }
    }

    /// Vectors `[batch, dimension]`, not normalised.
    pub(crate) fn embed(&self, batch: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Self::ClipImage(tower, head) => head.forward(&tower.forward(batch)?)?,
            Self::ClipText(tower, head) => head.forward(&tower.forward(batch)?)?,
            Self::SiglipImage(tower) => tower.forward(batch)?,
            Self::SiglipText(tower) => tower.forward(batch)?,
        })
    }
}

fn size(config: &Value, name: &str) -> Result<usize> {
    let value = config[name].as_u64().with_context(|| format!("config.json has no `{name}`"))?;
    Ok(usize::try_from(value)?)
}

fn clip_image(config: &Value, weights: VarBuilder<'_>) -> Result<Tower> {
    let vision = &config["vision_config"];
    let projection_dim = size(config, "projection_dim")?;
    let config = ClipVisionConfig {
        embed_dim: size(vision, "hidden_size")?,
        activation: Activation::QuickGelu,
        intermediate_size: size(vision, "intermediate_size")?,
        num_hidden_layers: size(vision, "num_hidden_layers")?,
        num_attention_heads: size(vision, "num_attention_heads")?,
        projection_dim,
        num_channels: 3,
        image_size: size(vision, "image_size")?,
        patch_size: size(vision, "patch_size")?,
    };
    let head = weights.pp("visual_projection");
    let head = candle_nn::linear_no_bias(config.embed_dim, projection_dim, head)?;
    Ok(Tower::ClipImage(ClipVisionTransformer::new(weights.pp("vision_model"), &config)?, head))
}

fn clip_text(config: &Value, weights: VarBuilder<'_>) -> Result<Tower> {
    let text = &config["text_config"];
    let projection_dim = size(config, "projection_dim")?;
    let config = ClipTextConfig {
        vocab_size: size(text, "vocab_size")?,
        embed_dim: size(text, "hidden_size")?,
        activation: Activation::QuickGelu,
        intermediate_size: size(text, "intermediate_size")?,
        max_position_embeddings: size(text, "max_position_embeddings")?,
        pad_with: None,
        num_hidden_layers: size(text, "num_hidden_layers")?,
        num_attention_heads: size(text, "num_attention_heads")?,
        projection_dim,
    };
    let head = weights.pp("text_projection");
    let head = candle_nn::linear_no_bias(config.embed_dim, projection_dim, head)?;
    Ok(Tower::ClipText(ClipTextTransformer::new(weights.pp("text_model"), &config)?, head))
}
