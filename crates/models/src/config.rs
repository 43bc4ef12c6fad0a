//! `config.json`: the sizes of a model, checked before anything is allocated by them.

use onespace_compute::{Activation, Mask};
use onespace_media::{Fit, PreprocessSpec, Resample};
use serde::Deserialize;

use crate::layers::EncoderShape;
use crate::model_files::CONFIG_FILE;
use crate::{LoadError, LoadErrorKind};

/// The one architecture that there is so far.
pub(crate) const ONESPACE_FUSION: &str = "onespace_fusion";

/// Side of the last feature map: four quadrants of four positions each.
pub(crate) const FINAL_SIDE: usize = 4;
/// Four quadrants and the whole.
pub(crate) const VISUAL_TOKENS: usize = 5;

// Ceilings far above any sensible model of this architecture, so that a broken or hostile file
// cannot ask for absurd amounts of memory or time.
const WIDTH_MAX: usize = 4096;
const LAYERS_MAX: usize = 64;
const MLP_MAX: usize = 16_384;
const VOCABULARY_MAX: usize = 1 << 20;
const DIMENSION_MAX: usize = 8192;
const VISION_CHANNELS_MAX: usize = 4096;
const VISION_STAGES_MAX: usize = 6;
const VISION_BLOCKS_MAX: usize = 64;
const TEXT_TOKENS_MAX: usize = 16_384;
const IMAGES_MAX: usize = 64;
/// Published models have 1e-12 to 1e-3; far above it a normalisation passes almost nothing on.
const EPSILON_MAX: f32 = 0.1;
const NAME_BYTES_MAX: usize = 100;

/// The contents of `config.json`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    #[expect(dead_code, reason = "read beforehand, as `Architecture`; here for its key")]
    architecture: String,
    pub(crate) name: String,
    pub(crate) revision: String,
    pub(crate) image_side_px: usize,
    pub(crate) image_mean: [f32; 3],
    pub(crate) image_std: [f32; 3],
    /// Channels after the stem.
    pub(crate) vision_stem: usize,
    /// Channels and number of residual blocks of each stage.
    pub(crate) vision_stages: Vec<(usize, usize)>,
    pub(crate) visual_tokens: usize,
    pub(crate) width: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) mlp: usize,
    pub(crate) rope_base: f64,
    pub(crate) norm_eps: f32,
    pub(crate) vocabulary: usize,
    pub(crate) dimension: usize,
    pub(crate) dimensions: Vec<usize>,
    pub(crate) text_tokens_max: usize,
    pub(crate) images_max: usize,
}

/// The one key that says how to read the others.
#[derive(Deserialize)]
struct Architecture {
    architecture: String,
}

impl Config {
    /// Reads and checks the file's contents.
    pub(crate) fn parse(json: &[u8]) -> Result<Self, LoadError> {
        let unreadable = |error: serde_json::Error| {
            let message = "is not the configuration of a model; export the model again";
            LoadError::new(LoadErrorKind::Config, CONFIG_FILE, message).caused_by(error)
        };
        let named: Architecture = serde_json::from_slice(json).map_err(unreadable)?;
        if named.architecture != ONESPACE_FUSION {
            let message = format!(
                "architecture {:?} is unknown; this program runs {ONESPACE_FUSION:?}",
                named.architecture
            );
            return Err(LoadError::new(LoadErrorKind::Unsupported, CONFIG_FILE, message));
        }
        let config: Self = serde_json::from_slice(json).map_err(unreadable)?;
        config.check_vision()?;
        config.check_sizes()?;
        config.check_numbers()?;
        Ok(config)
    }

    /// The shape of the transformer.
    pub(crate) fn encoder(&self) -> EncoderShape {
        EncoderShape {
            width: self.width,
            layers: self.layers,
            heads: self.heads,
            mlp: self.mlp,
            epsilon: self.norm_eps,
            activation: Activation::GeluTanh,
            mask: Mask::Full,
        }
    }

    /// Numbers per attention head.
    pub(crate) fn head(&self) -> usize {
        self.width / self.heads
    }

    /// Places in the longest sequence: the class vector, text, and images.
    pub(crate) fn positions_max(&self) -> usize {
        1 + self.text_tokens_max + self.images_max * self.visual_tokens
    }

    /// What a picture is turned into.
    pub(crate) fn preprocess(&self) -> PreprocessSpec {
        let side = u32::try_from(self.image_side_px).expect("the side was checked at load");
        PreprocessSpec {
            fit: Fit::Squash { width: side, height: side },
            resample: Resample::Bicubic,
            mean: self.image_mean,
            std: self.image_std,
        }
    }

    fn check_vision(&self) -> Result<(), LoadError> {
        let stages = self.vision_stages.len();
        within("vision_stages (their number)", stages, 1..=VISION_STAGES_MAX)?;
        within("vision_stem", self.vision_stem, 1..=VISION_CHANNELS_MAX)?;
        for &(channels, blocks) in &self.vision_stages {
            within("vision_stages (channels)", channels, 1..=VISION_CHANNELS_MAX)?;
            within("vision_stages (blocks)", blocks, 0..=VISION_BLOCKS_MAX)?;
        }
        // The stem and each stage halve the side.
        let side = FINAL_SIDE << (stages + 1);
        if self.image_side_px != side {
            let found = self.image_side_px;
            let message = format!(
                "image_side_px {found} is not supported: {stages} vision_stages need {side}"
            );
            return Err(LoadError::new(LoadErrorKind::Unsupported, CONFIG_FILE, message));
        }
        within("visual_tokens", self.visual_tokens, VISUAL_TOKENS..=VISUAL_TOKENS)
    }

    fn check_sizes(&self) -> Result<(), LoadError> {
        within("width", self.width, 1..=WIDTH_MAX)?;
        within("layers", self.layers, 1..=LAYERS_MAX)?;
        within("heads", self.heads, 1..=self.width)?;
        within("mlp", self.mlp, 1..=MLP_MAX)?;
        within("vocabulary", self.vocabulary, 1..=VOCABULARY_MAX)?;
        within("dimension", self.dimension, 1..=DIMENSION_MAX)?;
        within("text_tokens_max", self.text_tokens_max, 1..=TEXT_TOKENS_MAX)?;
        within("images_max", self.images_max, 0..=IMAGES_MAX)?;
        within("name (its length)", self.name.len(), 1..=NAME_BYTES_MAX)?;
        within("revision (its length)", self.revision.len(), 1..=NAME_BYTES_MAX)?;
        let even_heads = self.width.is_multiple_of(self.heads) && self.head().is_multiple_of(2);
        require(even_heads, "width must be heads times an even number")?;
        let rising = self.dimensions.is_sorted_by(|a, b| a < b);
        let ends =
            self.dimensions.first() > Some(&0) && self.dimensions.last() == Some(&self.dimension);
        require(rising && ends, "dimensions must rise and end with dimension")
    }

    fn check_numbers(&self) -> Result<(), LoadError> {
        let mean = self.image_mean.iter().all(|x| x.is_finite());
        let std = self.image_std.iter().all(|&x| x.is_finite() && x > 0.0);
        require(mean && std, "image_mean and image_std must be finite, and image_std positive")?;
        let base = self.rope_base.is_finite() && self.rope_base > 1.0;
        require(base, "rope_base must be above 1")?;
        check_epsilon("norm_eps", self.norm_eps)
    }
}

/// Checks what a normalisation adds to a variance.
pub(crate) fn check_epsilon(key: &str, epsilon: f32) -> Result<(), LoadError> {
    let usable = epsilon > 0.0 && epsilon <= EPSILON_MAX;
    require(usable, format!("{key} is {epsilon:e}; it must be above 0 and at most {EPSILON_MAX}"))
}

/// Checks a size against both of its bounds.
pub(crate) fn within(
    key: &str,
    value: usize,
    range: std::ops::RangeInclusive<usize>,
) -> Result<(), LoadError> {
    let (low, high) = (range.start(), range.end());
    require(range.contains(&value), format!("{key} is {value}; it must be {low} to {high}"))
}

/// Refuses the file unless something holds.
pub(crate) fn require(holds: bool, message: impl Into<String>) -> Result<(), LoadError> {
    if holds { Ok(()) } else { Err(refuse(message)) }
}

/// The error of a configuration that cannot be used.
pub(crate) fn refuse(message: impl Into<String>) -> LoadError {
    LoadError::new(LoadErrorKind::Config, CONFIG_FILE, message)
}
