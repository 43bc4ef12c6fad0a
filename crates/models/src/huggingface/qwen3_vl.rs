//! `config.json` of `qwen3_vl`: sizes of the vision tower and of the text stack, checked before
//! anything is allocated by them.
//!
//! Files of 2025 spell rotary positions `rope_theta` and `rope_scaling`, those of `transformers` 5
//! `rope_parameters`; both are read.

use onespace_compute::{Activation, Gate, Mask};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::config::{check_epsilon, refuse, require, within};
use crate::layers::{EncoderShape, GatedShape};
use crate::model_files::CONFIG_FILE;
use crate::{LoadError, LoadErrorKind};

// Ceilings far above any published model of this kind, so that a broken or hostile file cannot ask
// for absurd amounts of memory or time.
const VOCABULARY_MAX: usize = 1 << 20;
const WIDTH_MAX: usize = 8192;
const LAYERS_MAX: usize = 128;
const MLP_MAX: usize = 65_536;
const HEADS_MAX: usize = 256;
const HEAD_MAX: usize = 512;
const POSITIONS_MAX: usize = 1 << 20;
const GRID_MAX: usize = 1 << 16;
const PATCH_PX_MAX: usize = 64;
/// Layers of the vision tower that are given to the text stack besides its result.
const DEEPSTACK_MAX: usize = 16;
/// The tower's layer norms, which no file names.
const VISION_EPSILON: f32 = 1e-6;
const VISION_ROPE_BASE: f64 = 10_000.0;
const RGB: usize = 3;

/// Sizes of both halves.
#[derive(Clone, Debug)]
pub(crate) struct QwenConfig {
    pub(crate) text: QwenText,
    pub(crate) vision: QwenVision,
    /// Id whose places pictures take.
    pub(crate) image_id: u32,
}

/// The text stack.
#[derive(Clone, Debug)]
pub(crate) struct QwenText {
    pub(crate) layer: GatedShape,
    pub(crate) layers: usize,
    pub(crate) vocabulary: usize,
    pub(crate) positions_max: usize,
    pub(crate) rope_base: f64,
    /// Frequencies of time, height and width.
    pub(crate) sections: [usize; 3],
}

/// The vision tower.
#[derive(Clone, Debug)]
pub(crate) struct QwenVision {
    pub(crate) shape: EncoderShape,
    pub(crate) patch_px: usize,
    /// Pictures that are read as one; a picture that stands still fills all of them.
    pub(crate) frames: usize,
    /// Side of the squares of patches that become one place.
    pub(crate) merge: usize,
    /// Patches along a side of the position table.
    pub(crate) grid: usize,
    /// Layers whose states are given to the first layers of the text stack.
    pub(crate) deepstack: Vec<usize>,
    pub(crate) rope_base: f64,
}

#[derive(Deserialize)]
struct Text {
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    rms_norm_eps: f32,
    max_position_embeddings: Option<usize>,
    #[serde(default)]
    attention_bias: bool,
    hidden_act: Option<String>,
    rope_theta: Option<f64>,
    rope_scaling: Option<Rope>,
    rope_parameters: Option<Rope>,
}

#[derive(Clone, Default, Deserialize)]
struct Rope {
    #[serde(alias = "type")]
    rope_type: Option<String>,
    rope_theta: Option<f64>,
    mrope_section: Option<[usize; 3]>,
    mrope_interleaved: Option<bool>,
}

#[derive(Deserialize)]
struct Vision {
    depth: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_heads: usize,
    out_hidden_size: usize,
    num_position_embeddings: usize,
    deepstack_visual_indexes: Vec<usize>,
    #[serde(default = "sixteen")]
    patch_size: usize,
    #[serde(default = "two")]
    spatial_merge_size: usize,
    #[serde(default = "two")]
    temporal_patch_size: usize,
    #[serde(default = "three")]
    in_channels: usize,
    hidden_act: Option<String>,
    rope_parameters: Option<Rope>,
}

fn sixteen() -> usize {
    16
}

fn two() -> usize {
    2
}

fn three() -> usize {
    RGB
}

impl QwenConfig {
    /// Reads and checks the file's contents.
    pub(crate) fn parse(json: &[u8]) -> Result<Self, LoadError> {
        let config: Map<String, Value> = serde_json::from_slice(json).map_err(|error| {
            refuse("is not the configuration of a model; copy it again").caused_by(error)
        })?;
        let text = QwenText::of(section(&config, "text_config")?)?;
        let vision = QwenVision::of(section(&config, "vision_config")?, text.layer.width)?;
        // Behind the last layer they would change no state that is read.
        let fits = vision.deepstack.len() < text.layers;
        require(
            fits,
            "vision_config.deepstack_visual_indexes must have fewer entries than there are text layers",
        )?;
        let image_id: u32 = value(&config, "image_token_id")?;
        within("image_token_id", image_id as usize, 0..=text.vocabulary - 1)?;
        Ok(Self { text, vision, image_id })
    }
}

impl QwenText {
    fn of(text: Text) -> Result<Self, LoadError> {
        let key = |which: &str| format!("text_config.{which}");
        let (width, heads) = (text.hidden_size, text.num_attention_heads);
        within(&key("vocab_size"), text.vocab_size, 1..=VOCABULARY_MAX)?;
        within(&key("hidden_size"), width, 1..=WIDTH_MAX)?;
        within(&key("num_hidden_layers"), text.num_hidden_layers, 1..=LAYERS_MAX)?;
        within(&key("intermediate_size"), text.intermediate_size, 1..=MLP_MAX)?;
        within(&key("num_attention_heads"), heads, 1..=HEADS_MAX)?;
        let key_heads = text.num_key_value_heads.unwrap_or(heads);
        within(&key("num_key_value_heads"), key_heads, 1..=heads)?;
        let multiple = heads.is_multiple_of(key_heads);
        require(multiple, key("num_attention_heads must be a multiple of num_key_value_heads"))?;
        let head = text.head_dim.unwrap_or(width / heads);
        within(&key("head_dim"), head, 2..=HEAD_MAX)?;
        require(head.is_multiple_of(2), key("head_dim must be even"))?;
        check_epsilon(&key("rms_norm_eps"), text.rms_norm_eps)?;
        supported(!text.attention_bias, "text_config.attention_bias must be false")?;
        let silu = text.hidden_act.as_deref().is_none_or(|act| act == "silu");
        supported(silu, "text_config.hidden_act must be silu")?;
        let positions_max = text.max_position_embeddings.unwrap_or(POSITIONS_MAX);
        within(&key("max_position_embeddings"), positions_max, 1..=POSITIONS_MAX)?;
        let (rope_base, sections) = text.rope(head)?;
        Ok(Self {
            layer: GatedShape {
                width,
                heads,
                key_heads,
                head,
                mlp: text.intermediate_size,
                epsilon: text.rms_norm_eps,
                gate: Gate::Silu,
                mask: Mask::Causal,
                sandwich: false,
                matrix_suffix: "",
            },
            layers: text.num_hidden_layers,
            vocabulary: text.vocab_size,
            positions_max,
            rope_base,
            sections,
        })
    }
}

impl Text {
    /// Base and sections, in either spelling.
    fn rope(&self, head: usize) -> Result<(f64, [usize; 3]), LoadError> {
        let rope = self.rope_parameters.clone().or(self.rope_scaling.clone()).unwrap_or_default();
        let plain =
            rope.rope_type.as_deref().is_none_or(|kind| kind == "default" || kind == "mrope");
        supported(plain, "text_config: the type of rotary positions must be `default`")?;
        let interleaved = rope.mrope_interleaved != Some(false);
        supported(interleaved, "text_config: mrope_interleaved must be true")?;
        let base = rope.rope_theta.or(self.rope_theta);
        let base = base.filter(|base| base.is_finite() && *base > 1.0);
        let base = base.ok_or_else(|| refuse("text_config: rope_theta must be given, above 1"))?;
        let sections = rope
            .mrope_section
            .ok_or_else(|| refuse("text_config: mrope_section must be three whole numbers"))?;
        let sum = sections.iter().try_fold(0_usize, |sum, &section| sum.checked_add(section));
        require(sum == Some(head / 2), "text_config: mrope_section must sum to half of head_dim")?;
        Ok((base, sections))
    }
}

impl QwenVision {
    fn of(vision: Vision, text_width: usize) -> Result<Self, LoadError> {
        let key = |which: &str| format!("vision_config.{which}");
        let (width, heads) = (vision.hidden_size, vision.num_heads);
        within(&key("hidden_size"), width, 1..=WIDTH_MAX)?;
        within(&key("depth"), vision.depth, 1..=LAYERS_MAX)?;
        within(&key("intermediate_size"), vision.intermediate_size, 1..=MLP_MAX)?;
        within(&key("num_heads"), heads, 1..=width)?;
        // Two axes take half of a head's frequencies each.
        require(width.is_multiple_of(4 * heads), key("hidden_size must be 4 n times num_heads"))?;
        within(&key("out_hidden_size"), vision.out_hidden_size, text_width..=text_width)?;
        within(&key("patch_size"), vision.patch_size, 1..=PATCH_PX_MAX)?;
        within(&key("spatial_merge_size"), vision.spatial_merge_size, 1..=8)?;
        within(&key("temporal_patch_size"), vision.temporal_patch_size, 1..=8)?;
        within(&key("in_channels"), vision.in_channels, RGB..=RGB)?;
        within(&key("num_position_embeddings"), vision.num_position_embeddings, 1..=GRID_MAX)?;
        let grid = vision.num_position_embeddings.isqrt();
        let square = grid * grid == vision.num_position_embeddings;
        require(square, key("num_position_embeddings must be a square number"))?;
        let tanh = vision.hidden_act.as_deref().is_none_or(|act| act == "gelu_pytorch_tanh");
        supported(tanh, "vision_config.hidden_act must be gelu_pytorch_tanh")?;
        let deepstack = vision.deepstack_visual_indexes;
        within(&key("deepstack_visual_indexes"), deepstack.len(), 0..=DEEPSTACK_MAX)?;
        let rising = deepstack.is_sorted_by(|a, b| a < b);
        let known = deepstack.last().is_none_or(|&last| last < vision.depth);
        require(rising && known, key("deepstack_visual_indexes must be layers, ascending"))?;
        let rope_base = vision.rope_parameters.and_then(|rope| rope.rope_theta);
        Ok(Self {
            shape: EncoderShape {
                width,
                layers: vision.depth,
                heads,
                mlp: vision.intermediate_size,
                epsilon: VISION_EPSILON,
                activation: Activation::GeluTanh,
                mask: Mask::Full,
            },
            patch_px: vision.patch_size,
            frames: vision.temporal_patch_size,
            merge: vision.spatial_merge_size,
            grid,
            deepstack,
            rope_base: rope_base.unwrap_or(VISION_ROPE_BASE),
        })
    }
}

/// An object of the file.
pub(super) fn section<T: DeserializeOwned>(
    config: &Map<String, Value>,
    key: &str,
) -> Result<T, LoadError> {
    value(config, key)
}

fn value<T: DeserializeOwned>(config: &Map<String, Value>, key: &str) -> Result<T, LoadError> {
    let value = config.get(key).cloned().unwrap_or_default();
    serde_json::from_value(value).map_err(|error| {
        refuse(format!("{key} is missing or cannot be read; copy the file again")).caused_by(error)
    })
}

pub(super) fn supported(holds: bool, message: &str) -> Result<(), LoadError> {
    if holds {
        return Ok(());
    }
    Err(LoadError::new(LoadErrorKind::Unsupported, CONFIG_FILE, message))
}
