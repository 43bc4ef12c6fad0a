//! EmbeddingGemma 2 (`embedding_gemma2`): pictures and words in one sequence that everything in it
//! sees, by the code of `transformers` 5.23.0.
//!
//! A picture becomes up to 280 places (`vision.rs`), between two special tokens at its place in the
//! text. The text stack (`text.rs`) is an encoder whose layers are gated with a signal of their own,
//! made of what the sequence began as. The vector is the mean of all places, projected.
//!
//! A folder may lack the vision tower; then it serves text. The audio tower is not run: it would be
//! another source of places, as `vision.rs` is one.

mod load;
mod text;
mod vision;

use onespace_compute::{Cpu, Isa, l2_normalize};
use onespace_media::PreparedImage;

use super::interleaved::{check_interleaved, places, with_encoded};
use super::traced::{self, TracedModel};
use crate::checks;
use crate::huggingface::Prompt;
use crate::passes::{Workspaces, packed};
use crate::trace::{Stage, Trace};
use crate::{
    EmbeddingModel, EncodedImage, InputPart, ModelDescription, ModelError, Sequence, TokenizedInput,
};
use text::TextStack;
use vision::VisionTower;

/// Places in one pass through the text stack, unless one sequence alone has more. Bounds the memory
/// of a pass.
const PLACES_PER_PASS: usize = 2048;
/// Pictures that go through the vision tower together, by their patches: one, mostly.
const PATCHES_PER_PASS: usize = 4096;

/// The model.
pub(crate) struct EmbeddingGemma2 {
    description: ModelDescription,
    isa: Isa,
    prompt: Prompt,
    text: TextStack,
    vision: Option<VisionTower>,
    /// Most places of a sequence.
    places_max: usize,
    workspaces: Workspaces,
}

impl EmbeddingGemma2 {
    fn places(&self, sequence: &Sequence) -> usize {
        places(sequence, |width, height| self.image_tokens(width, height))
    }

    /// Pictures through the vision tower; none where there is no tower.
    fn encode(&self, images: &[&PreparedImage], trace: &mut Trace) -> Vec<EncodedImage> {
        let Some(vision) = &self.vision else { return Vec::new() };
        let cpu = Cpu::on_current_pool(self.isa);
        let patches = |image: &&PreparedImage| vision.patches(image.width, image.height);
        let patches: Vec<usize> = images.iter().map(patches).collect();
        let ranges = packed(&patches, PATCHES_PER_PASS);
        let encoded = self.workspaces.run(cpu, ranges, |range, workspace| {
            vision.forward(&images[range], (workspace, &mut *trace))
        });
        encoded.collect::<Vec<_>>().concat()
    }
}

impl TracedModel for EmbeddingGemma2 {
    fn check(&self, batch: &[Sequence]) -> Result<(), ModelError> {
        let vocabulary = self.text.vocabulary();
        let has_made =
            |image: &EncodedImage| self.vision.as_ref().is_some_and(|tower| tower.has_made(image));
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
            self.text.means(&encoded[range], (workspace, &mut *trace))
        });
        let mut vectors = passes.collect::<Result<Vec<_>, _>>()?.concat();
        for vector in &mut vectors {
            l2_normalize(cpu, vector);
        }
        Ok(vectors)
    }
}

impl EmbeddingModel for EmbeddingGemma2 {
    fn description(&self) -> &ModelDescription {
        &self.description
    }

    fn tokenize(&self, input: &[InputPart<'_>]) -> Result<TokenizedInput, ModelError> {
        self.prompt.tokenize("", input)
    }

    /// The model's prompts are beginnings of the text, such as `task: search result | query:`.
    fn tokenize_instructed(
        &self,
        input: &[InputPart<'_>],
        instruction: &str,
    ) -> Result<TokenizedInput, ModelError> {
        let trimmed = instruction.trim();
        let space = if trimmed.is_empty() { "" } else { " " };
        self.prompt.tokenize(&format!("{trimmed}{space}"), input)
    }

    fn image_tokens(&self, width: u32, height: u32) -> usize {
        self.vision.as_ref().map_or(0, |vision| vision.places(width, height))
    }

    fn cost(&self, sequence: &Sequence) -> u64 {
        let image = |image: &PreparedImage| {
            let vision = self.vision.as_ref();
            vision.map_or(0, |tower| tower.multiply_adds(tower.patches(image.width, image.height)))
        };
        let images: u64 = sequence.images().map(image).sum();
        (images + self.text.multiply_adds(self.places(sequence))).div_ceil(1000)
    }

    fn encodes_images(&self) -> bool {
        self.vision.is_some()
    }

    fn encode_images(
        &self,
        images: &[&PreparedImage],
    ) -> Result<Option<Vec<EncodedImage>>, ModelError> {
        if self.vision.is_none() {
            return Ok(None);
        }
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
