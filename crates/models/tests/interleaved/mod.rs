//! Results of `transformers` for interleaved requests, written by `parity/interleaved_reference.py`.

#![expect(clippy::unwrap_used, reason = "what is missing here fails the test")]

use std::fs;
use std::path::{Path, PathBuf};

use onespace_media::{DecodeLimits, PreparedImage, prepare};
use onespace_models::{EmbeddingModel, InputPart, Part, Sequence, TokenizedInput};
use safetensors::SafeTensors;
use serde::Deserialize;

/// What was given to the reference, and what it made of ids and sizes.
#[derive(Deserialize)]
pub(crate) struct Inputs {
    /// Files of pictures.
    pub(crate) pictures: Vec<String>,
    pub(crate) requests: Vec<Request>,
}

/// One request.
#[derive(Deserialize)]
pub(crate) struct Request {
    pub(crate) name: String,
    pub(crate) parts: Vec<GivenPart>,
    pub(crate) instruction: Option<String>,
    /// Ids with those of pictures' places.
    pub(crate) ids: Vec<u32>,
    /// Width and height of each picture after resizing.
    pub(crate) sizes: Vec<(u32, u32)>,
}

/// A part as JSON has it.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GivenPart {
    Text(String),
    Image(usize),
}

/// A model's folder with what the reference made of it.
pub(crate) struct Reference {
    pub(crate) dir: PathBuf,
    pub(crate) inputs: Inputs,
    expected: Vec<u8>,
    files: Vec<Vec<u8>>,
    image_id: u32,
}

impl Reference {
    pub(crate) fn read(dir: &Path) -> Self {
        let read = |file: &str| {
            let path = dir.join(file);
            fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        let inputs: Inputs = serde_json::from_slice(&read("requests.json")).unwrap();
        let config: serde_json::Value = serde_json::from_slice(&read("config.json")).unwrap();
        let files = inputs.pictures.iter().map(|file| read(file)).collect();
        let image_id = config["image_token_id"].as_u64().unwrap().try_into().unwrap();
        Self {
            dir: dir.to_owned(),
            inputs,
            expected: read("expected.safetensors"),
            files,
            image_id,
        }
    }

    /// A stored result, whole numbers widened; `None` where the reference had none.
    pub(crate) fn numbers(&self, name: &str) -> Option<Vec<f32>> {
        let tensors = SafeTensors::deserialize(&self.expected).unwrap();
        let tensor = tensors.tensor(name).ok()?;
        let whole = tensor.dtype() == safetensors::Dtype::I32;
        let bytes = tensor.data().to_vec();
        let number = |bytes: &[u8; 4]| {
            if whole { i32::from_le_bytes(*bytes) as f32 } else { f32::from_le_bytes(*bytes) }
        };
        Some(bytes.as_chunks::<4>().0.iter().map(number).collect())
    }

    /// The pixels that the reference prepared.
    pub(crate) fn prepared(&self, index: usize) -> PreparedImage {
        let tensors = SafeTensors::deserialize(&self.expected).unwrap();
        let tensor = tensors.tensor(&format!("image.{index}.prepared")).unwrap();
        let side = |at: usize| u32::try_from(tensor.shape()[at]).unwrap();
        PreparedImage { width: side(1), height: side(0), rgb: tensor.data().into() }
    }

    /// What we prepare of a picture in a request.
    pub(crate) fn prepare(
        &self,
        model: &dyn EmbeddingModel,
        (input, index): (&TokenizedInput, usize),
    ) -> PreparedImage {
        prepare(&self.files[index], &DecodeLimits::default(), &model.preprocess(input)).unwrap()
    }

    /// What we make of a request.
    pub(crate) fn tokenize(&self, model: &dyn EmbeddingModel, request: &Request) -> TokenizedInput {
        let part = |part: &'_ GivenPart| match part {
            GivenPart::Text(text) => Some(text.clone()),
            GivenPart::Image(_) => None,
        };
        let texts: Vec<Option<String>> = request.parts.iter().map(part).collect();
        let parts: Vec<InputPart<'_>> = request
            .parts
            .iter()
            .zip(&texts)
            .map(|(part, text)| match (part, text) {
                (GivenPart::Image(index), _) => InputPart::Image(*index),
                (_, text) => InputPart::Text(text.as_deref().unwrap()),
            })
            .collect();
        match &request.instruction {
            Some(instruction) => model.tokenize_instructed(&parts, instruction).unwrap(),
            None => model.tokenize(&parts).unwrap(),
        }
    }

    /// The same with the pictures that it needs.
    pub(crate) fn sequence(&self, model: &dyn EmbeddingModel, request: &Request) -> Sequence {
        let input = self.tokenize(model, request);
        let pictures: Vec<_> =
            (0..self.files.len()).map(|index| self.prepare(model, (&input, index))).collect();
        input.with_pictures(&pictures)
    }

    /// The ids of a sequence with those of pictures' places, and the pictures' sizes.
    pub(crate) fn ids(
        &self,
        model: &dyn EmbeddingModel,
        sequence: &Sequence,
    ) -> (Vec<u32>, Vec<(u32, u32)>) {
        let (mut ids, mut sizes) = (Vec::new(), Vec::new());
        for part in &sequence.parts {
            match part {
                Part::Text(more) | Part::Frame(more) => ids.extend(more),
                Part::Image(image) => {
                    let places = model.image_tokens(image.width, image.height);
                    ids.extend(std::iter::repeat_n(self.image_id, places));
                    sizes.push((image.width, image.height));
                }
                Part::Encoded(_) => unreachable!("no picture is encoded yet"),
            }
        }
        (ids, sizes)
    }
}
