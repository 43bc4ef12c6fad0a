//! From a folder to a model.

use onespace_compute::{Isa, Precision};
use onespace_media::{Fit, PreprocessSpec};

use super::EmbeddingGemma2;
use super::text::TextStack;
use super::vision::VisionTower;
use crate::architectures::IMAGES_MAX;
use crate::architectures::interleaved::tensor_prefix;
use crate::folder::LoadOptions;
use crate::huggingface::{
    Folder, GemmaConfig, OVERRIDES_FILE, Overrides, Prompt, cell_budget, no_pictures,
    preprocessor_settings,
};
use crate::layers::Packing;
use crate::model_files::TOKENIZER_FILE;
use crate::passes::Workspaces;
use crate::weights::Weights;
use crate::{Fusion, LoadError, ModelDescription};

/// Most places of a sequence: what the model was trained with.
const PLACES_MAX: usize = 8192;
/// Most text tokens of a sequence. Ten pictures of 280 places fit besides.
const TEXT_TOKENS_MAX: usize = 4096;
/// What the model was trained to be cut to.
const DIMENSIONS: [usize; 3] = [128, 256, 512];
/// What a vector is cut to where no length is asked for.
const DIMENSION_DEFAULT: usize = 512;
/// What stands between pictures that come without a word.
const BETWEEN_PICTURES: &str = " ";

impl EmbeddingGemma2 {
    /// Builds the model, taking every tensor but those of the audio tower.
    pub(crate) fn load(
        config: &[u8],
        mut folder: Folder<'_>,
        isa: Isa,
        options: &LoadOptions,
    ) -> Result<Self, LoadError> {
        let config = GemmaConfig::parse(config)?;
        let overrides = Overrides::parse(folder.optional_settings(OVERRIDES_FILE)?.as_deref())?;
        overrides.check_without_fusion()?;
        overrides.check_without_sizes()?;
        let json = folder.tokenizer(TOKENIZER_FILE)?;
        let around_image = config.around_image;
        let vocabulary = config.text.vocabulary;
        let prompt = Prompt::bare(&json, (around_image, BETWEEN_PICTURES), vocabulary)?;
        drop(json);
        // Activations of this model overflow 16-bit floats; bf16 has their range, and is how the
        // published weights are stored.
        let precision = options.precision.unwrap_or(Precision::Bf16);
        let packing = Packing { isa, precision };
        let mut weights = folder.weights()?;
        let prefix = tensor_prefix(&weights);
        let tower = config.vision.as_ref().filter(|_| has_tower(&weights, prefix));
        let spec = match tower {
            Some(vision) => cell_budget(&preprocessor_settings(&mut folder)?, vision)?,
            None => no_pictures(),
        };
        let vision = tower.map(|vision| {
            let sizes = ((spec.mean, spec.std), config.text.width);
            VisionTower::load(&mut weights, packing, (prefix, vision), sizes)
        });
        let vision = vision.transpose()?;
        let text = TextStack::load(&mut weights, packing, prefix, &config.text)?;
        let (name, revision) = overrides.name_and_revision(options, &folder);
        let description = ModelDescription {
            name,
            revision,
            dimension: config.text.dimension,
            dimensions: dimensions(config.text.dimension),
            dimension_default: DIMENSION_DEFAULT.min(config.text.dimension),
            text_tokens_max: TEXT_TOKENS_MAX,
            images_max: if vision.is_some() { IMAGES_MAX } else { 0 },
            image_tokens_max: if vision.is_some() { cells_max(&spec) } else { 0 },
            text_chunk_tokens: None,
            instruction: Some(String::new()),
            preprocess: spec,
            precision,
            fusion: Fusion::Early,
            weights_sha256: weights.sha256()?,
        };
        weights.finish(is_ignored)?;
        let workspaces = Workspaces::default();
        Ok(Self { description, isa, prompt, text, vision, places_max: PLACES_MAX, workspaces })
    }
}

/// Whether the vision tower is among the weights: it may have been left out to save space.
fn has_tower(weights: &Weights, prefix: &str) -> bool {
    weights.contains(&format!("{prefix}vision_tower.patch_embedder.input_proj.weight"))
}

/// Those below the model's own, and that.
fn dimensions(dimension: usize) -> Vec<usize> {
    DIMENSIONS.into_iter().filter(|size| *size < dimension).chain([dimension]).collect()
}

/// The audio tower, which is not run, and buffers.
fn is_ignored(name: &str) -> bool {
    let bare = name.strip_prefix("model.").unwrap_or(name);
    bare.starts_with("audio_tower.")
        || bare.starts_with("embed_audio.")
        || name.ends_with("inv_freq")
        || name.ends_with(".embed_scale")
}

fn cells_max(spec: &PreprocessSpec) -> usize {
    if let Fit::CellBudget { cells_max, .. } = spec.fit { cells_max as usize } else { 0 }
}
