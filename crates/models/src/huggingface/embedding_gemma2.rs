//! `config.json` of `embedding_gemma2`: sizes of the text stack and, where there is one, of the vision
//! tower, checked before anything is allocated by them.
//!
//! The audio tower's section is not read: audio is not served, and its tensors are left where they
//! are.

use std::collections::BTreeMap;

use onespace_compute::{Gate, Mask};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::qwen3_vl::{section, supported};
use crate::LoadError;
use crate::config::{check_epsilon, refuse, require, within};
use crate::layers::GatedShape;

// Ceilings far above the published model, so that a broken or hostile file cannot ask for absurd
// amounts of memory or time.
const VOCABULARY_MAX: usize = 1 << 20;
const WIDTH_MAX: usize = 8192;
const LAYERS_MAX: usize = 128;
const MLP_MAX: usize = 65_536;
const HEADS_MAX: usize = 256;
const HEAD_MAX: usize = 1024;
const PATCH_PX_MAX: usize = 64;
const POOL_MAX: usize = 8;
const POSITIONS_MAX: usize = 1 << 17;
const WINDOW_MAX: usize = 1 << 20;
const SLIDING_BASE: f64 = 10_000.0;
const FULL_BASE: f64 = 1_000_000.0;
const VISION_BASE: f64 = 100.0;

/// Sizes of both halves.
#[derive(Clone, Debug)]
pub(crate) struct GemmaConfig {
    pub(crate) text: GemmaText,
    pub(crate) vision: Option<GemmaVision>,
    /// Ids before and behind a picture.
    pub(crate) around_image: [u32; 2],
}

/// The text stack.
#[derive(Clone, Debug)]
pub(crate) struct GemmaText {
    pub(crate) width: usize,
    pub(crate) vocabulary: usize,
    /// Layer by layer, and whether it sees all of a sequence.
    pub(crate) layers: Vec<(GatedShape, bool)>,
    pub(crate) epsilon: f32,
    /// Numbers per place and layer of what every layer is gated with.
    pub(crate) per_layer: usize,
    /// Length of the vectors.
    pub(crate) dimension: usize,
    /// Bases of layers that see a window, and of those that see all.
    pub(crate) rope_bases: [f64; 2],
}

/// The vision tower.
#[derive(Clone, Debug)]
pub(crate) struct GemmaVision {
    pub(crate) layer: GatedShape,
    pub(crate) layers: usize,
    pub(crate) patch_px: usize,
    /// Side of the squares of patches that are averaged to one place.
    pub(crate) pool: usize,
    /// Rows, and columns, in the table of positions.
    pub(crate) positions: usize,
    pub(crate) rope_base: f64,
}

#[derive(Deserialize)]
#[serde(default)]
struct Text {
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: usize,
    head_dim: usize,
    hidden_activation: String,
    rms_norm_eps: f32,
    attention_bias: bool,
    sliding_window: usize,
    layer_types: Option<Vec<String>>,
    per_layer_config: Option<BTreeMap<String, LayerConfig>>,
    rope_parameters: BTreeMap<String, Rope>,
    hidden_size_per_layer_input: usize,
    embedding_dim: usize,
}

/// What differs in one layer.
#[derive(Clone, Copy, Deserialize)]
struct LayerConfig {
    head_dim: Option<usize>,
    num_key_value_heads: Option<usize>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Rope {
    rope_type: Option<String>,
    rope_theta: Option<f64>,
}

impl Default for Text {
    /// The published sizes, which the class has as defaults.
    fn default() -> Self {
        Self {
            vocab_size: 262_144,
            hidden_size: 512,
            intermediate_size: 2048,
            num_hidden_layers: 24,
            num_attention_heads: 4,
            num_key_value_heads: 2,
            head_dim: 256,
            hidden_activation: "gelu_pytorch_tanh".to_owned(),
            rms_norm_eps: 1e-6,
            attention_bias: false,
            sliding_window: 512,
            layer_types: None,
            per_layer_config: None,
            rope_parameters: BTreeMap::new(),
            hidden_size_per_layer_input: 512,
            embedding_dim: 768,
        }
    }
}

#[derive(Deserialize)]
#[serde(default)]
struct Vision {
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: usize,
    head_dim: usize,
    hidden_activation: String,
    rms_norm_eps: f32,
    rope_parameters: Rope,
    pooling_kernel_size: usize,
    patch_size: usize,
    position_embedding_size: usize,
    use_clipped_linears: bool,
    standardize: bool,
}

impl Default for Vision {
    fn default() -> Self {
        Self {
            hidden_size: 768,
            intermediate_size: 3072,
            num_hidden_layers: 16,
            num_attention_heads: 12,
            num_key_value_heads: 12,
            head_dim: 64,
            hidden_activation: "gelu_pytorch_tanh".to_owned(),
            rms_norm_eps: 1e-6,
            rope_parameters: Rope::default(),
            pooling_kernel_size: 3,
            patch_size: 16,
            position_embedding_size: 10_240,
            use_clipped_linears: false,
            standardize: false,
        }
    }
}

impl GemmaConfig {
    /// Reads and checks the file's contents.
    pub(crate) fn parse(json: &[u8]) -> Result<Self, LoadError> {
        let config: Map<String, Value> = serde_json::from_slice(json).map_err(|error| {
            refuse("is not the configuration of a model; copy it again").caused_by(error)
        })?;
        let text = GemmaText::of(&section(&config, "text_config")?)?;
        let vision: Option<Vision> = section(&config, "vision_config")?;
        let id = |key: &str, published: u32| {
            let given = config.get(key).filter(|given| !given.is_null());
            let id = given.map_or(Some(u64::from(published)), Value::as_u64);
            let id = id.and_then(|id| u32::try_from(id).ok());
            let known = |id: &u32| (*id as usize) < text.vocabulary;
            id.filter(known).ok_or_else(|| refuse(format!("{key} must be in the vocabulary")))
        };
        let vision = vision.as_ref().map(GemmaVision::of).transpose()?;
        let around_image = match vision {
            Some(_) => [id("boi_token_id", 255_999)?, id("eoi_token_id", 258_882)?],
            None => [0; 2],
        };
        Ok(Self { text, vision, around_image })
    }
}

impl GemmaText {
    fn of(text: &Text) -> Result<Self, LoadError> {
        let key = |which: &str| format!("text_config.{which}");
        within(&key("vocab_size"), text.vocab_size, 1..=VOCABULARY_MAX)?;
        within(&key("num_hidden_layers"), text.num_hidden_layers, 1..=LAYERS_MAX)?;
        within(
            &key("hidden_size_per_layer_input"),
            text.hidden_size_per_layer_input,
            1..=WIDTH_MAX,
        )?;
        within(&key("embedding_dim"), text.embedding_dim, 1..=WIDTH_MAX)?;
        within(&key("sliding_window"), text.sliding_window, 1..=WINDOW_MAX)?;
        supported(!text.attention_bias, "text_config.attention_bias must be false")?;
        let kinds = text.layer_kinds()?;
        let layers = kinds.iter().enumerate().map(|(index, &full)| {
            let own = text.own(index);
            let shape = GatedShape {
                width: text.hidden_size,
                heads: text.num_attention_heads,
                key_heads: own.num_key_value_heads.unwrap_or(text.num_key_value_heads),
                head: own.head_dim.unwrap_or(text.head_dim),
                mlp: text.intermediate_size,
                epsilon: text.rms_norm_eps,
                gate: Gate::GeluTanh,
                mask: if full { Mask::Full } else { Mask::Window(text.sliding_window) },
                sandwich: true,
                matrix_suffix: "",
            };
            check_shape(&shape, "text_config", &text.hidden_activation)?;
            Ok((shape, full))
        });
        Ok(Self {
            width: text.hidden_size,
            vocabulary: text.vocab_size,
            layers: layers.collect::<Result<_, LoadError>>()?,
            epsilon: text.rms_norm_eps,
            per_layer: text.hidden_size_per_layer_input,
            dimension: text.embedding_dim,
            rope_bases: [
                text.base("sliding_attention", SLIDING_BASE)?,
                text.base("full_attention", FULL_BASE)?,
            ],
        })
    }
}

impl Text {
    /// Whether each layer sees all; every sixth does where the file says nothing.
    fn layer_kinds(&self) -> Result<Vec<bool>, LoadError> {
        let Some(types) = &self.layer_types else {
            return Ok((1..=self.num_hidden_layers).map(|layer| layer % 6 == 0).collect());
        };
        let count = types.len() == self.num_hidden_layers;
        require(count, "text_config.layer_types must name every layer")?;
        let kind = |name: &String| match name.as_str() {
            "full_attention" => Ok(true),
            "sliding_attention" => Ok(false),
            other => Err(refuse(format!("text_config.layer_types: {other:?} is not known"))),
        };
        types.iter().map(kind).collect()
    }

    /// What differs in a layer; its number may be written with leading zeros.
    fn own(&self, index: usize) -> LayerConfig {
        let class = || match self.layer_kinds().ok().and_then(|kinds| kinds.get(index).copied()) {
            Some(true) => LayerConfig { head_dim: Some(512), num_key_value_heads: Some(1) },
            _ => LayerConfig { head_dim: None, num_key_value_heads: None },
        };
        let Some(layers) = &self.per_layer_config else { return class() };
        let own = layers.iter().find(|(number, _)| number.parse() == Ok(index));
        own.map_or(LayerConfig { head_dim: None, num_key_value_heads: None }, |(_, own)| *own)
    }

    fn base(&self, kind: &str, published: f64) -> Result<f64, LoadError> {
        self.rope_parameters.get(kind).map_or(Ok(published), |rope| rope.base("default", published))
    }
}

impl Rope {
    fn base(&self, kind: &str, published: f64) -> Result<f64, LoadError> {
        let plain = self.rope_type.as_deref().is_none_or(|given| given == kind);
        supported(plain, "rotary positions of another type are not supported")?;
        let base = self.rope_theta.unwrap_or(published);
        require(base.is_finite() && base > 1.0, "rope_theta must be above 1")?;
        Ok(base)
    }
}

impl GemmaVision {
    fn of(vision: &Vision) -> Result<Self, LoadError> {
        let key = |which: &str| format!("vision_config.{which}");
        within(&key("num_hidden_layers"), vision.num_hidden_layers, 1..=LAYERS_MAX)?;
        within(&key("patch_size"), vision.patch_size, 1..=PATCH_PX_MAX)?;
        within(&key("pooling_kernel_size"), vision.pooling_kernel_size, 1..=POOL_MAX)?;
        within(&key("position_embedding_size"), vision.position_embedding_size, 1..=POSITIONS_MAX)?;
        supported(!vision.use_clipped_linears, "vision_config.use_clipped_linears must be false")?;
        supported(!vision.standardize, "vision_config.standardize must be false")?;
        let layer = GatedShape {
            width: vision.hidden_size,
            heads: vision.num_attention_heads,
            key_heads: vision.num_key_value_heads,
            head: vision.head_dim,
            mlp: vision.intermediate_size,
            epsilon: vision.rms_norm_eps,
            gate: Gate::GeluTanh,
            mask: Mask::Full,
            sandwich: true,
            matrix_suffix: ".linear",
        };
        check_shape(&layer, "vision_config", &vision.hidden_activation)?;
        // Two axes turn half of a head each.
        require(vision.head_dim.is_multiple_of(4), key("head_dim must be a multiple of 4"))?;
        Ok(Self {
            layer,
            layers: vision.num_hidden_layers,
            patch_px: vision.patch_size,
            pool: vision.pooling_kernel_size,
            positions: vision.position_embedding_size,
            rope_base: vision.rope_parameters.base("axial", VISION_BASE)?,
        })
    }
}

fn check_shape(shape: &GatedShape, section: &str, activation: &str) -> Result<(), LoadError> {
    let key = |which: &str| format!("{section}.{which}");
    within(&key("hidden_size"), shape.width, 1..=WIDTH_MAX)?;
    within(&key("intermediate_size"), shape.mlp, 1..=MLP_MAX)?;
    within(&key("num_attention_heads"), shape.heads, 1..=HEADS_MAX)?;
    within(&key("num_key_value_heads"), shape.key_heads, 1..=shape.heads)?;
    let multiple = shape.heads.is_multiple_of(shape.key_heads);
    require(multiple, key("num_attention_heads must be a multiple of num_key_value_heads"))?;
    within(&key("head_dim"), shape.head, 2..=HEAD_MAX)?;
    require(shape.head.is_multiple_of(2), key("head_dim must be even"))?;
    check_epsilon(&key("rms_norm_eps"), shape.epsilon)?;
    let tanh = activation == "gelu_pytorch_tanh";
    supported(tanh, &key("hidden_activation must be gelu_pytorch_tanh"))
}
