//! Qwen3-VL-Embedding (`qwen3_vl`): pictures and words in one causal sequence, by the code of
//! `transformers` 5.23.0.
//!
//! A vision transformer turns each picture into rows of the text stack's width (`vision.rs`); they
//! stand in the sequence at the picture's place, and the states of some of its layers are added
//! there behind the first layers of the text stack ("deepstack"). Positions are three numbers, of
//! time, height and width (`positions.rs`). The vector is the last place's state: which token that is,
//! the chat template and the tokenizer's post-processor say.
//!
//! A picture's rows do not depend on what stands around it, so they can be kept
//! ([`crate::EncodedImage`]).

mod load;
mod positions;
mod sequence;
mod text;
mod vision;

use onespace_compute::{Cpu, Isa, l2_normalize};
use onespace_media::{Fit, PreparedImage, PreprocessSpec};

use super::interleaved::{check_interleaved, places, with_encoded};
use super::traced::{self, TracedModel};
use crate::checks;
use crate::huggingface::{Prompt, ended};
use crate::passes::{Workspaces, packed};
use crate::trace::{Stage, Trace};
use crate::{
    EmbeddingModel, EncodedImage, InputPart, ModelDescription, ModelError, Sequence, TokenizedInput,
};
use sequence::Layout;
use text::TextStack;
use vision::VisionTower;

/// Places in one pass through the text stack, unless one sequence alone has more. Bounds the memory
/// of a pass.
const PLACES_PER_PASS: usize = 1024;
/// Pictures that go through the vision tower together, by their patches, unless one alone has more.
const PATCHES_PER_PASS: usize = 4096;

/// The model.
pub(crate) struct Qwen3Vl {
    description: ModelDescription,
    isa: Isa,
    prompt: Prompt,
    instruction: String,
    text: TextStack,
    vision: VisionTower,
    /// Most places of a sequence.
    places_max: usize,
    /// Width and height of a picture's place, in pixels.
    place_px: u32,
    workspaces: Workspaces,
}

impl Qwen3Vl {
    fn places(&self, sequence: &Sequence) -> usize {
        places(sequence, |width, height| self.image_tokens(width, height))
    }

    /// Pictures through the vision tower, several at a time.
    fn encode(&self, images: &[&PreparedImage], trace: &mut Trace) -> Vec<EncodedImage> {
        let cpu = Cpu::on_current_pool(self.isa);
        let patches = |image: &&PreparedImage| self.vision.patches(image.width, image.height);
        let patches: Vec<usize> = images.iter().map(patches).collect();
        let ranges = packed(&patches, PATCHES_PER_PASS);
        let encoded = self.workspaces.run(cpu, ranges, |range, workspace| {
            self.vision.forward(&images[range], (workspace, &mut *trace))
        });
        encoded.collect::<Vec<_>>().concat()
    }
}

impl TracedModel for Qwen3Vl {
    fn check(&self, batch: &[Sequence]) -> Result<(), ModelError> {
        let vocabulary = self.text.vocabulary();
        let has_made = |image: &EncodedImage| self.vision.has_made(image);
        batch.iter().enumerate().try_for_each(|(index, sequence)| {
            checks::check_sequence(&self.description, vocabulary, (index, sequence))?;
            let places = (self.places(sequence), self.places_max);
            check_interleaved((index, sequence), has_made, places)
        })
    }

    fn embed_checked(
        &self,
        batch: &[Sequence],
        trace: &mut Trace,
    ) -> Result<Vec<Vec<f32>>, ModelError> {
        let encoded = with_encoded(batch, |images| self.encode(images, trace));
        let cpu = Cpu::on_current_pool(self.isa);
        let places: Vec<usize> = encoded.iter().map(|sequence| self.places(sequence)).collect();
        let ranges = packed(&places, PLACES_PER_PASS);
        let passes = self.workspaces.run(cpu, ranges, |range, workspace| {
            let layout = Layout::of(&encoded[range], &self.vision);
            self.text.last_states(&layout, (workspace, &mut *trace))
        });
        let mut vectors = passes.collect::<Result<Vec<_>, _>>()?.concat();
        for vector in &mut vectors {
            l2_normalize(cpu, vector);
        }
        Ok(vectors)
    }
}

impl EmbeddingModel for Qwen3Vl {
    fn description(&self) -> &ModelDescription {
        &self.description
    }

    fn tokenize(&self, input: &[InputPart<'_>]) -> Result<TokenizedInput, ModelError> {
        self.prompt.tokenize(&self.instruction, input)
    }

    fn tokenize_instructed(
        &self,
        input: &[InputPart<'_>],
        instruction: &str,
    ) -> Result<TokenizedInput, ModelError> {
        self.prompt.tokenize(&ended(instruction), input)
    }

    /// Pictures share what text and prompt leave of the sequence.
    fn preprocess(&self, input: &TokenizedInput) -> PreprocessSpec {
        let mut spec = self.description.preprocess.clone();
        let taken = input.text_tokens() + input.frame_tokens();
        let each = self.places_max.saturating_sub(taken) / input.images().max(1);
        if let Fit::PixelBudget { pixels_min, pixels_max, .. } = &mut spec.fit {
            let room = each as u64 * u64::from(self.place_px).pow(2);
            *pixels_max = room.min(*pixels_max);
            *pixels_min = room.min(*pixels_min);
        }
        spec
    }

    fn image_tokens(&self, width: u32, height: u32) -> usize {
        (width / self.place_px) as usize * (height / self.place_px) as usize
    }

    fn cost(&self, sequence: &Sequence) -> u64 {
        let images = sequence
            .images()
            .map(|image| self.vision.multiply_adds(self.vision.patches(image.width, image.height)));
        let total = images.sum::<u64>() + self.text.multiply_adds(self.places(sequence));
        total.div_ceil(1000)
    }

    fn encodes_images(&self) -> bool {
        true
    }

    fn encode_images(
        &self,
        images: &[&PreparedImage],
    ) -> Result<Option<Vec<EncodedImage>>, ModelError> {
        for (index, image) in images.iter().enumerate() {
            checks::check_image(&self.description, (index, image))?;
        }
        Ok(Some(self.encode(images, &mut Trace::default())))
    }

    fn embed(&self, batch: &[Sequence]) -> Result<Vec<Vec<f32>>, ModelError> {
        traced::embed(self, batch)
    }

    fn stages(&self, sequence: &Sequence) -> Result<Vec<Stage>, ModelError> {
        traced::stages(self, sequence)
    }
}
