//! From a folder to a model.

use onespace_compute::{Isa, Precision};
use onespace_media::{Fit, PreprocessSpec};

use super::DualEncoder;
use super::text_tower::TextTower;
use super::vision_tower::DualVisionTower;
use crate::folder::LoadOptions;
use crate::huggingface::{
    DualConfig, Folder, FramedTokenizer, OVERRIDES_FILE, Overrides, preprocess,
};
use crate::layers::Packing;
use crate::model_files::TOKENIZER_FILE;
use crate::passes::Workspaces;
use crate::{LoadError, ModelDescription};

/// Most text tokens of a sequence: what the API allows, in chunks.
const TEXT_TOKENS_MAX: usize = 2000;
/// Most images of a sequence: what the API allows.
const IMAGES_MAX: usize = 10;
const TOKENIZER_SETTINGS_FILE: &str = "tokenizer_config.json";
/// The usual name, and a newer one.
const PREPROCESSOR_FILES: [&str; 2] = ["preprocessor_config.json", "processor_config.json"];

impl DualEncoder {
    /// Builds the model, taking every tensor.
    pub(crate) fn load(
        config: &[u8],
        mut folder: Folder<'_>,
        isa: Isa,
        options: &LoadOptions,
    ) -> Result<Self, LoadError> {
        let config = DualConfig::parse(config)?;
        let overrides = Overrides::parse(folder.optional_settings(OVERRIDES_FILE)?.as_deref())?;
        let spec = preprocess(&preprocessor_settings(&mut folder)?, &config)?;
        let settings = folder.optional_settings(TOKENIZER_SETTINGS_FILE)?;
        let json = folder.tokenizer(TOKENIZER_FILE)?;
        let tokenizer = FramedTokenizer::load(&json, settings.as_deref(), &config)?;
        drop(json);
        let precision =
            options.precision.unwrap_or_else(|| Precision::fastest_within_tolerance(isa));
        let packing = Packing { isa, precision };
        let mut weights = folder.weights()?;
        let text = TextTower::load(&mut weights, packing, &config, &tokenizer)?;
        let vision = DualVisionTower::load(&mut weights, packing, &config, &spec)?;
        let name = options.name.clone().or_else(|| overrides.name.clone());
        let revision = options.revision.clone().or_else(|| overrides.revision.clone());
        let description = ModelDescription {
            name: name.unwrap_or_else(|| folder.name()),
            revision: revision.unwrap_or_else(|| folder.revision()),
            dimension: config.dimension,
            dimensions: vec![config.dimension],
            text_tokens_max: TEXT_TOKENS_MAX,
            images_max: IMAGES_MAX,
            image_tokens_max: image_tokens_max(&vision, &spec),
            text_chunk_tokens: Some(text.chunk_tokens()),
            preprocess: spec,
            precision,
            fusion: overrides.fusion(config.trained_for_sum),
            weights_sha256: weights.sha256()?,
        };
        weights.finish(is_ignored)?;
        let workspaces = Workspaces::default();
        Ok(Self { description, isa, tokenizer, text, vision, workspaces })
    }
}

/// Whichever file there is; where there is none, the usual one is missed.
fn preprocessor_settings(folder: &mut Folder<'_>) -> Result<Vec<u8>, LoadError> {
    for file in PREPROCESSOR_FILES {
        if let Some(settings) = folder.optional_settings(file)? {
            return Ok(settings);
        }
    }
    folder.settings(PREPROCESSOR_FILES[0])
}

/// Tensors that published files hold beyond the model: index buffers, and what only turns
/// similarities into probabilities.
fn is_ignored(name: &str) -> bool {
    matches!(name, "logit_scale" | "logit_bias") || name.ends_with(".position_ids")
}

fn image_tokens_max(vision: &DualVisionTower, spec: &PreprocessSpec) -> usize {
    match spec.fit {
        Fit::Squash { width, height } | Fit::CentreCrop { width, height, .. } => {
            vision.places(width, height)
        }
        Fit::PatchBudget { patches_max, .. } => patches_max as usize,
    }
}
