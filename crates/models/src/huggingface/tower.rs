//! The keys of one tower in `config.json`.
//!
//! Keys that a file leaves out have the values of the class that it is for, in `transformers`
//! 5.23: files that older versions wrote have only what differed from them.

use onespace_compute::{Activation, Mask};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::config::Family;
use crate::config::{check_epsilon, refuse, require, within};
use crate::layers::EncoderShape;
use crate::model_files::CONFIG_FILE;
use crate::{LoadError, LoadErrorKind};

// Ceilings far above any published model of these kinds, so that a broken or hostile file cannot
// ask for absurd amounts of memory or time.
const WIDTH_MAX: usize = 4096;
const LAYERS_MAX: usize = 96;
const MLP_MAX: usize = 16_384;

/// The keys of either tower; those of the other one are at their defaults.
#[derive(Deserialize)]
pub(super) struct Tower {
    pub(super) hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    hidden_act: String,
    layer_norm_eps: f32,
    #[serde(default)]
    pub(super) num_channels: usize,
    #[serde(default)]
    pub(super) vocab_size: usize,
    #[serde(default)]
    pub(super) max_position_embeddings: usize,
    #[serde(default)]
    pub(super) pad_token_id: Option<u32>,
    #[serde(default)]
    pub(super) eos_token_id: Value,
    #[serde(default)]
    pub(super) projection_size: Option<usize>,
    #[serde(default)]
    pub(super) image_size: Value,
    #[serde(default)]
    pub(super) patch_size: Value,
    #[serde(default)]
    pub(super) num_patches: usize,
    #[serde(default)]
    pub(super) vision_use_head: bool,
}

/// What the text tower's keys are where the file leaves them out.
pub(super) fn text_defaults(family: Family) -> Value {
    match family {
        Family::Clip => json!({
            "vocab_size": 49408, "hidden_size": 512, "intermediate_size": 2048,
            "num_hidden_layers": 12, "num_attention_heads": 8, "max_position_embeddings": 77,
            "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5, "pad_token_id": 1,
            "eos_token_id": 49407,
        }),
        Family::Siglip | Family::Siglip2 => json!({
            "vocab_size": 32000, "hidden_size": 768, "intermediate_size": 3072,
            "num_hidden_layers": 12, "num_attention_heads": 12, "max_position_embeddings": 64,
            "hidden_act": "gelu_pytorch_tanh", "layer_norm_eps": 1e-6, "pad_token_id": 1,
            "eos_token_id": 49407,
        }),
    }
}

/// The same of the vision tower.
pub(super) fn vision_defaults(family: Family) -> Value {
    let clip = family == Family::Clip;
    json!({
        "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12,
        "num_attention_heads": 12, "num_channels": 3, "image_size": 224,
        "patch_size": if clip { 32 } else { 16 }, "num_patches": 256,
        "hidden_act": if clip { "quick_gelu" } else { "gelu_pytorch_tanh" },
        "layer_norm_eps": if clip { 1e-5 } else { 1e-6 }, "vision_use_head": true,
    })
}

impl Tower {
    /// The defaults, under `{which}_config` or, where there is one, the older
    /// `{which}_config_dict`. As in the reference, nothing of the former counts beside the latter.
    pub(super) fn of(
        config: &Map<String, Value>,
        which: &str,
        defaults: Value,
    ) -> Result<Self, LoadError> {
        let mut keys = defaults;
        let given = |name: String| config.get(&name).filter(|given| !given.is_null());
        let given = given(format!("{which}_config_dict")).or(given(format!("{which}_config")));
        if let (Some(given), Value::Object(keys)) = (given, &mut keys) {
            let Value::Object(given) = given else {
                return Err(refuse(format!(
                    "{which}_config must be an object; copy the file again"
                )));
            };
            let given = given.iter().filter(|(_, value)| !value.is_null());
            keys.extend(given.map(|(key, value)| (key.clone(), value.clone())));
        }
        serde_json::from_value(keys).map_err(|error| {
            refuse(format!("{which}_config cannot be read; copy the file again")).caused_by(error)
        })
    }

    /// The shape of the layers, checked; `key` is what messages call the tower.
    pub(super) fn shape(&self, key: &str, mask: Mask) -> Result<EncoderShape, LoadError> {
        let (width, heads) = (self.hidden_size, self.num_attention_heads);
        within(&format!("{key}.hidden_size"), width, 1..=WIDTH_MAX)?;
        within(&format!("{key}.num_hidden_layers"), self.num_hidden_layers, 1..=LAYERS_MAX)?;
        within(&format!("{key}.intermediate_size"), self.intermediate_size, 1..=MLP_MAX)?;
        within(&format!("{key}.num_attention_heads"), heads, 1..=width)?;
        let whole = width.is_multiple_of(heads);
        require(whole, format!("{key}.hidden_size must be a multiple of num_attention_heads"))?;
        check_epsilon(&format!("{key}.layer_norm_eps"), self.layer_norm_eps)?;
        Ok(EncoderShape {
            width,
            layers: self.num_hidden_layers,
            heads,
            mlp: self.intermediate_size,
            epsilon: self.layer_norm_eps,
            activation: self.activation(key)?,
            mask,
        })
    }

    fn activation(&self, key: &str) -> Result<Activation, LoadError> {
        match self.hidden_act.as_str() {
            "quick_gelu" => Ok(Activation::QuickGelu),
            "gelu" => Ok(Activation::Gelu),
            "gelu_pytorch_tanh" | "gelu_new" => Ok(Activation::GeluTanh),
            other => {
                let message = format!(
                    "{key}.hidden_act {other:?} is not supported; quick_gelu, gelu and \
                     gelu_pytorch_tanh are"
                );
                Err(LoadError::new(LoadErrorKind::Unsupported, CONFIG_FILE, message))
            }
        }
    }
}
