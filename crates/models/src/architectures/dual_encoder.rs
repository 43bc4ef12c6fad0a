//! Dual encoders: a text tower and a vision tower whose vectors share a space. CLIP (OpenAI,
//! LAION, `DataComp`, `TinyCLIP`, `BGE-VL`) and `SigLIP` (both generations, fixed size and
//! `NaFlex`), by the code of `transformers` 5.23.0.
//!
//! Text and pictures of a sequence are embedded apart and their vectors brought together
//! (`fusion.rs`). Text longer than the tower reads is embedded in chunks of equal length. The
//! pictures and texts of a whole batch are collected and run tower by tower, packed end to end.

mod batch;
mod fusion;
mod load;
mod text_tower;
mod vision_tower;

use onespace_compute::Isa;

use super::traced::{self, TracedModel};
use crate::checks;
use crate::huggingface::FramedTokenizer;
use crate::passes::Workspaces;
use crate::trace::{Stage, Trace};
use crate::{
    EmbeddingModel, InputPart, ModelDescription, ModelError, Sequence, TokenizedInput,
    TokenizedPart,
};
use text_tower::TextTower;
use vision_tower::DualVisionTower;

/// The model.
pub(crate) struct DualEncoder {
    description: ModelDescription,
    isa: Isa,
    tokenizer: FramedTokenizer,
    text: TextTower,
    vision: DualVisionTower,
    workspaces: Workspaces,
}

impl TracedModel for DualEncoder {
    fn check(&self, batch: &[Sequence]) -> Result<(), ModelError> {
        let vocabulary = self.text.vocabulary();
        batch.iter().enumerate().try_for_each(|(index, sequence)| {
            checks::check_plain(index, sequence)?;
            checks::check_sequence(&self.description, vocabulary, (index, sequence))
        })
    }

    fn embed_checked(
        &self,
        batch: &[Sequence],
        trace: &mut Trace,
    ) -> Result<Vec<Vec<f32>>, ModelError> {
        self.vectors(batch, trace)
    }
}

/// The text parts as one text: a placeholder between two becomes a single space.
fn join(input: &[InputPart<'_>]) -> String {
    let texts = input.iter().filter_map(|part| match part {
        InputPart::Text(text) => Some(*text),
        InputPart::Image(_) => None,
    });
    if input.len() == 1 {
        return texts.collect();
    }
    let trimmed: Vec<&str> = texts.map(str::trim).filter(|text| !text.is_empty()).collect();
    trimmed.join(" ")
}

impl EmbeddingModel for DualEncoder {
    fn description(&self) -> &ModelDescription {
        &self.description
    }

    fn tokenize(&self, input: &[InputPart<'_>]) -> Result<TokenizedInput, ModelError> {
        let mut parts = Vec::new();
        let ids = self.tokenizer.ids(&join(input))?;
        if !ids.is_empty() {
            parts.push(TokenizedPart::Text(ids));
        }
        for part in input {
            // A picture that is named twice weighs once.
            if let InputPart::Image(index) = part
                && !parts.contains(&TokenizedPart::Image(*index))
            {
                parts.push(TokenizedPart::Image(*index));
            }
        }
        Ok(TokenizedInput { parts })
    }

    fn image_tokens(&self, width: u32, height: u32) -> usize {
        self.vision.places(width, height)
    }

    fn cost(&self, sequence: &Sequence) -> u64 {
        self.sequence_cost(sequence).div_ceil(1000)
    }

    fn embed(&self, batch: &[Sequence]) -> Result<Vec<Vec<f32>>, ModelError> {
        traced::embed(self, batch)
    }

    fn stages(&self, sequence: &Sequence) -> Result<Vec<Stage>, ModelError> {
        traced::stages(self, sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::join;
    use crate::InputPart::{Image, Text};

    #[test]
    fn placeholders_become_single_spaces_and_lone_text_stays_as_it_is() {
        assert_eq!(join(&[Text("  two  spaces ")]), "  two  spaces ");
        assert_eq!(join(&[Text("a "), Image(0), Text(" left of "), Image(1)]), "a left of");
        assert_eq!(join(&[Image(0), Text(" "), Image(1)]), "");
        assert_eq!(join(&[Text("is"), Image(0), Text(", not")]), "is , not");
    }
}
