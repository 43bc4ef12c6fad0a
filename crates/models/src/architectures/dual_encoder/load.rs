//! From a folder to a model.

use onespace_compute::{Isa, Precision};
use onespace_media::{Fit, PreprocessSpec};

use super::DualEncoder;
use super::text_tower::TextTower;
use super::vision_tower::DualVisionTower;
use crate::architectures::IMAGES_MAX;
use crate::folder::LoadOptions;
use crate::huggingface::{
    DualConfig, Folder, FramedTokenizer, OVERRIDES_FILE, Overrides, TOKENIZER_SETTINGS_FILE,
    preprocess, preprocessor_settings,
};
use crate::layers::Packing;
use crate::model_files::TOKENIZER_FILE;
use crate::passes::Workspaces;
use crate::{LoadError, ModelDescription};

/// Most text tokens of a sequence: what the API allows, in chunks.
const TEXT_TOKENS_MAX: usize = 2000;

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
        overrides.check_without_sizes()?;
        let spec = preprocess(&preprocessor_settings(&mut folder)?, &config)?;
        let settings = folder.optional_settings(TOKENIZER_SETTINGS_FILE)?;
        let json = folder.tokenizer(TOKENIZER_FILE)?;
        let tokenizer = FramedTokenizer::load(&json, settings.as_deref(), &config)?;
        drop(json);
        let precision =
            options.precision.unwrap_or_else(|| Precision::fastest_within_tolerance(isa));
        let packing = Packing { isa, precision };
        let mut weights = folder.weights()?;
        weights.drop_common_prefix("model.");
        let text = TextTower::load(&mut weights, packing, &config, &tokenizer)?;
        let vision = DualVisionTower::load(&mut weights, packing, &config, &spec)?;
        let (name, revision) = overrides.name_and_revision(options, &folder);
        let description = ModelDescription {
            name,
            revision,
            dimension: config.dimension,
            dimensions: vec![config.dimension],
            dimension_default: config.dimension,
            text_tokens_max: TEXT_TOKENS_MAX,
            images_max: IMAGES_MAX,
            image_tokens_max: image_tokens_max(&vision, &spec),
            text_chunk_tokens: Some(text.chunk_tokens()),
            instruction: None,
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

/// Tensors that published files hold beyond the model: index buffers, and what only turns
/// similarities into probabilities.
fn is_ignored(name: &str) -> bool {
    matches!(name, "logit_scale" | "logit_bias")
        || name.starts_with("lm_head.")
        || [".position_ids", ".inv_freq"].iter().any(|end| name.ends_with(end))
}

fn image_tokens_max(vision: &DualVisionTower, spec: &PreprocessSpec) -> usize {
    match spec.fit {
        Fit::Squash { width, height } | Fit::CentreCrop { width, height, .. } => {
            vision.places(width, height)
        }
        Fit::PatchBudget { patches_max, .. } => patches_max as usize,
        // No preprocessing of these models.
        Fit::PixelBudget { .. } | Fit::CellBudget { .. } => 0,
    }
}
