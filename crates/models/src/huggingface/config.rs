//! `config.json` of dual encoders: the sizes of both towers, checked before anything is allocated
//! by them.

use onespace_compute::Mask;
use serde_json::{Map, Value};

use super::tower::{Tower, text_defaults, vision_defaults};
use crate::config::{refuse, require, within};
use crate::layers::EncoderShape;
use crate::model_files::CONFIG_FILE;
use crate::{LoadError, LoadErrorKind};

const VOCABULARY_MAX: usize = 1 << 20;
const DIMENSION_MAX: usize = 4096;
const TEXT_POSITIONS_MAX: usize = 4096;
/// Fewer leave no room for a word between the special tokens.
const TEXT_POSITIONS_MIN: usize = 4;
const IMAGE_SIDE_PX_MAX: usize = 1024;
const PATCH_PX_MAX: usize = 64;
const PATCHES_MAX: usize = 4096;
const RGB: usize = 3;
/// The value of `eos_token_id` in OpenAI's configurations, which stands for "the highest id".
const HIGHEST_ID: u32 = 2;

/// The kinds of dual encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// `clip`: class token, causal text, projections.
    Clip,
    /// `siglip`: pooled by attention, all 64 text places, fixed resolution. Also the fixed-size
    /// models of `SigLIP 2`.
    Siglip,
    /// `siglip2`: the same with pictures of any shape (`NaFlex`).
    Siglip2,
}

/// Both towers.
#[derive(Clone, Debug)]
pub(crate) struct DualConfig {
    pub(crate) family: Family,
    pub(crate) text: TextConfig,
    pub(crate) vision: VisionConfig,
    /// Length of the vectors.
    pub(crate) dimension: usize,
    /// Whether the towers were trained for the sum of their outputs.
    pub(crate) trained_for_sum: bool,
}

/// The text tower.
#[derive(Clone, Debug)]
pub(crate) struct TextConfig {
    pub(crate) shape: EncoderShape,
    pub(crate) vocabulary: usize,
    pub(crate) positions: usize,
    pub(crate) pad_id: u32,
    pub(crate) eos_id: u32,
}

/// The vision tower.
#[derive(Clone, Debug)]
pub(crate) struct VisionConfig {
    pub(crate) shape: EncoderShape,
    pub(crate) patch_px: usize,
    /// Patches along a side of the position table.
    pub(crate) grid: usize,
    /// Side of a picture; `None` where it follows from the picture.
    pub(crate) image_side_px: Option<usize>,
}

impl DualConfig {
    /// Reads and checks the file's contents.
    pub(crate) fn parse(json: &[u8]) -> Result<Self, LoadError> {
        let config: Map<String, Value> = serde_json::from_slice(json).map_err(|error| {
            refuse("is not the configuration of a model; copy it again").caused_by(error)
        })?;
        let family = family(&config)?;
        let text = Tower::of(&config, "text", text_defaults(family))?;
        let vision = Tower::of(&config, "vision", vision_defaults(family))?;
        let dimension = match (family, config.get("projection_dim")) {
            (Family::Clip, None | Some(Value::Null)) => 512,
            (Family::Clip, Some(given)) => whole("projection_dim", given)?,
            _ => text.projection_size.unwrap_or(text.hidden_size),
        };
        within("projection_dim", dimension, 1..=DIMENSION_MAX)?;
        if family != Family::Clip && vision.hidden_size != dimension {
            let (text, vision) = (dimension, vision.hidden_size);
            let message = format!("text vectors have {text} numbers, image vectors {vision}");
            return Err(refuse(message));
        }
        Ok(Self {
            family,
            trained_for_sum: trained_for_sum(&config),
            text: TextConfig::of(family, &text)?,
            vision: VisionConfig::of(family, &vision)?,
            dimension,
        })
    }
}

impl TextConfig {
    /// Whether the place with the highest id stands for a text, not the first that ends it.
    pub(crate) fn pools_highest_id(&self) -> bool {
        self.eos_id == HIGHEST_ID
    }

    fn of(family: Family, tower: &Tower) -> Result<Self, LoadError> {
        within("text_config.vocab_size", tower.vocab_size, 1..=VOCABULARY_MAX)?;
        let (positions, sizes) =
            (tower.max_position_embeddings, TEXT_POSITIONS_MIN..=TEXT_POSITIONS_MAX);
        within("text_config.max_position_embeddings", positions, sizes)?;
        let mask = if family == Family::Clip { Mask::Causal } else { Mask::Full };
        let eos = match &tower.eos_token_id {
            Value::Array(ids) => ids.first().and_then(Value::as_u64),
            one => one.as_u64(),
        };
        Ok(Self {
            shape: tower.shape("text_config", mask)?,
            vocabulary: tower.vocab_size,
            positions,
            pad_id: tower.pad_token_id.unwrap_or(0),
            eos_id: eos.and_then(|id| u32::try_from(id).ok()).unwrap_or(u32::MAX),
        })
    }
}

impl VisionConfig {
    fn of(family: Family, tower: &Tower) -> Result<Self, LoadError> {
        let patch_px = whole("vision_config.patch_size", &tower.patch_size)?;
        within("vision_config.patch_size", patch_px, 1..=PATCH_PX_MAX)?;
        within("vision_config.num_channels", tower.num_channels, RGB..=RGB)?;
        let has_head = family == Family::Clip || tower.vision_use_head;
        require(has_head, "vision_config.vision_use_head must be true")?;
        let (grid, image_side_px) = if family == Family::Siglip2 {
            let patches = tower.num_patches;
            within("vision_config.num_patches", patches, 1..=PATCHES_MAX)?;
            let square = patches.isqrt().pow(2) == patches;
            require(square, "vision_config.num_patches must be a square number")?;
            (patches.isqrt(), None)
        } else {
            let side = whole("vision_config.image_size", &tower.image_size)?;
            within("vision_config.image_size", side, patch_px..=IMAGE_SIDE_PX_MAX)?;
            let grid = side / patch_px;
            within("patches (image_size / patch_size, squared)", grid * grid, 1..=PATCHES_MAX)?;
            (grid, Some(side))
        };
        Ok(Self { shape: tower.shape("vision_config", Mask::Full)?, patch_px, grid, image_side_px })
    }
}

fn family(config: &Map<String, Value>) -> Result<Family, LoadError> {
    let model_type = config.get("model_type").and_then(Value::as_str).unwrap_or_default();
    match model_type {
        "clip" => Ok(Family::Clip),
        "siglip" => Ok(Family::Siglip),
        "siglip2" => Ok(Family::Siglip2),
        _ => {
            let message = format!(
                "model_type {model_type:?} is not supported; this program runs clip, siglip, \
                 siglip2, qwen3_vl, embedding_gemma2 and its own onespace_fusion"
            );
            Err(LoadError::new(LoadErrorKind::Unsupported, CONFIG_FILE, message))
        }
    }
}

/// `BGE-VL` (first called `MMRet`) declares plain CLIP with code of its own, which sums features.
fn trained_for_sum(config: &Map<String, Value>) -> bool {
    let named = |text: &str| text.contains("MMRet") || text.contains("BGE-VL");
    let code = config.get("auto_map").and_then(Value::as_object);
    let in_code = code.is_some_and(|map| map.values().any(|v| v.as_str().is_some_and(named)));
    in_code || config.get("_name_or_path").and_then(Value::as_str).is_some_and(named)
}

/// A whole number, given once or, as a width and a height, twice the same.
fn whole(key: &str, value: &Value) -> Result<usize, LoadError> {
    let one = |value: &Value| value.as_u64().and_then(|number| usize::try_from(number).ok());
    let number = match value {
        Value::Array(sides) => match sides.as_slice() {
            [height, width] if height == width => one(height),
            _ => None,
        },
        value => one(value),
    };
    number.ok_or_else(|| refuse(format!("{key} must be one whole number")))
}
