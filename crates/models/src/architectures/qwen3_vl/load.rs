//! From a folder to a model.

use onespace_compute::{Isa, Precision};
use onespace_media::{Fit, PreprocessSpec};

use super::Qwen3Vl;
use super::text::TextStack;
use super::vision::VisionTower;
use crate::architectures::IMAGES_MAX;
use crate::architectures::interleaved::tensor_prefix;
use crate::folder::LoadOptions;
use crate::huggingface::{
    ChatTemplate, Folder, OVERRIDES_FILE, Overrides, Prompt, PromptShape, QwenConfig,
    TOKENIZER_SETTINGS_FILE, pixel_budget, preprocessor_settings,
};
use crate::layers::Packing;
use crate::model_files::TOKENIZER_FILE;
use crate::passes::Workspaces;
use crate::{Fusion, LoadError, ModelDescription};

/// Most places of a sequence: what the published inference code of the model cuts at.
const PLACES_MAX: usize = 8192;
/// Most text tokens of a sequence. Ten pictures then still have four hundred places each.
const TEXT_TOKENS_MAX: usize = 4096;
/// Shortest vector that the models are trained to be cut to, in numbers.
const DIMENSION_MIN: usize = 64;
/// What a vector is cut to where no length is asked for.
const DIMENSION_DEFAULT: usize = 512;
/// The model's neutral instruction.
const INSTRUCTION: &str = "Represent the user's input.";

impl Qwen3Vl {
    /// Builds the model, taking every tensor.
    pub(crate) fn load(
        config: &[u8],
        mut folder: Folder<'_>,
        isa: Isa,
        options: &LoadOptions,
    ) -> Result<Self, LoadError> {
        let config = QwenConfig::parse(config)?;
        let overrides = Overrides::parse(folder.optional_settings(OVERRIDES_FILE)?.as_deref())?;
        overrides.check_without_fusion()?;
        let spec = pixel_budget(&preprocessor_settings(&mut folder)?, &config.vision, &overrides)?;
        let prompt = prompt(&mut folder, &config)?;
        // Published weights are bf16, which this keeps as they are. Integers of 16 bits would be
        // faster on some processors, but activations of language models have outliers that take
        // the range of a row.
        let precision = options.precision.unwrap_or(Precision::Bf16);
        let packing = Packing { isa, precision };
        let mut weights = folder.weights()?;
        let prefix = tensor_prefix(&weights);
        let (dimension, normalisation) = (config.text.layer.width, (spec.mean, spec.std));
        let vision = (prefix, &config.vision);
        let vision = VisionTower::load(&mut weights, packing, vision, (normalisation, dimension))?;
        let text = TextStack::load(&mut weights, packing, prefix, &config.text)?;
        let (name, revision) = overrides.name_and_revision(options, &folder);
        let places_max = PLACES_MAX.min(config.text.positions_max);
        let place_px = config.vision.patch_px * config.vision.merge;
        let description = ModelDescription {
            name,
            revision,
            dimension,
            dimensions: dimensions(dimension),
            dimension_default: DIMENSION_DEFAULT.min(dimension),
            text_tokens_max: TEXT_TOKENS_MAX.min(places_max / 2),
            images_max: IMAGES_MAX,
            image_tokens_max: image_tokens_max(&spec, place_px),
            text_chunk_tokens: None,
            instruction: Some(INSTRUCTION.to_owned()),
            preprocess: spec,
            precision,
            fusion: Fusion::Early,
            weights_sha256: weights.sha256()?,
        };
        weights.finish(is_ignored)?;
        Ok(Self {
            description,
            isa,
            prompt,
            instruction: INSTRUCTION.to_owned(),
            text,
            vision,
            places_max,
            place_px: u32::try_from(place_px).unwrap_or(u32::MAX),
            workspaces: Workspaces::default(),
        })
    }
}

/// The folder's own prompt, or the published one.
fn prompt(folder: &mut Folder<'_>, config: &QwenConfig) -> Result<Prompt, LoadError> {
    let published = ChatTemplate {
        before_instruction: "<|im_start|>system\n".to_owned(),
        before_parts: "<|im_end|>\n<|im_start|>user\n".to_owned(),
        image: "<|vision_start|><|image_pad|><|vision_end|>".to_owned(),
        behind_parts: "<|im_end|>\n<|im_start|>assistant\n".to_owned(),
    };
    let settings = folder.optional_settings(TOKENIZER_SETTINGS_FILE)?;
    let template = ChatTemplate::load(folder, settings.as_deref(), &published)?;
    let json = folder.tokenizer(TOKENIZER_FILE)?;
    let (image_id, vocabulary) = (config.image_id, config.text.vocabulary);
    Prompt::load(&json, &PromptShape { template: &template, image_id, vocabulary })
}

/// Powers of two up to the model's width, and that.
fn dimensions(dimension: usize) -> Vec<usize> {
    let mut dimensions: Vec<usize> =
        (0..).map(|power| DIMENSION_MIN << power).take_while(|&size| size < dimension).collect();
    dimensions.push(dimension);
    dimensions
}

/// Tensors that published files hold beyond the model: what only generates text, and buffers.
fn is_ignored(name: &str) -> bool {
    name.starts_with("lm_head.") || name.ends_with(".inv_freq")
}

fn image_tokens_max(spec: &PreprocessSpec, place_px: usize) -> usize {
    match spec.fit {
        Fit::PixelBudget { pixels_max, .. } => {
            usize::try_from(pixels_max).unwrap_or(usize::MAX) / (place_px * place_px)
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn vectors_are_cut_to_powers_of_two() {
        assert_eq!(super::dimensions(2048), [64, 128, 256, 512, 1024, 2048]);
        assert_eq!(super::dimensions(40), [40]);
    }
}
