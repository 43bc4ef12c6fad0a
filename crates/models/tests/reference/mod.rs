//! Results of `transformers`, written by `parity/reference.py`.

#![expect(clippy::unwrap_used, reason = "what is missing here fails the test")]

use std::fs;
use std::path::{Path, PathBuf};

use onespace_media::{DecodeLimits, PreparedImage, prepare};
use onespace_models::{EmbeddingModel, InputPart, TokenizedPart};
use safetensors::SafeTensors;
use serde::Deserialize;

/// What was given to the reference.
#[derive(Deserialize)]
pub(crate) struct Inputs {
    pub(crate) texts: Vec<Text>,
    pub(crate) long_text: String,
    /// In how many chunks the long text is embedded.
    pub(crate) chunks: usize,
    /// Files of pictures.
    pub(crate) pictures: Vec<String>,
    pub(crate) mixed: Vec<Mixed>,
}

/// A text, and its ids without special ones.
#[derive(Deserialize)]
pub(crate) struct Text {
    pub(crate) text: String,
    pub(crate) ids: Vec<u32>,
}

/// A text and pictures, by their numbers.
#[derive(Deserialize)]
pub(crate) struct Mixed {
    pub(crate) text: Option<usize>,
    pub(crate) pictures: Vec<usize>,
}

/// A model's folder with what the reference made of it.
pub(crate) struct Reference {
    pub(crate) dir: PathBuf,
    pub(crate) inputs: Inputs,
    expected: Vec<u8>,
}

impl Reference {
    pub(crate) fn read(dir: &Path) -> Self {
        let read = |file: &str| {
            let path = dir.join(file);
            fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        let inputs = serde_json::from_slice(&read("inputs.json")).unwrap();
        Self { dir: dir.to_owned(), inputs, expected: read("expected.safetensors") }
    }

    /// A stored result; `None` where the reference had none.
    pub(crate) fn numbers(&self, name: &str) -> Option<Vec<f32>> {
        let tensors = SafeTensors::deserialize(&self.expected).unwrap();
        let bytes = tensors.tensor(name).ok()?.data().to_vec();
        let (numbers, _) = bytes.as_chunks::<4>();
        Some(numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    }

    /// The pixels that the reference prepared: width, height, row-major RGB.
    pub(crate) fn prepared(&self, index: usize) -> PreparedImage {
        let tensors = SafeTensors::deserialize(&self.expected).unwrap();
        let tensor = tensors.tensor(&format!("image.{index}.prepared")).unwrap();
        let side = |at: usize| u32::try_from(tensor.shape()[at]).unwrap();
        PreparedImage { width: side(1), height: side(0), rgb: tensor.data().into() }
    }

    /// What we prepare of a picture.
    pub(crate) fn prepare(&self, model: &dyn EmbeddingModel, index: usize) -> PreparedImage {
        let file = fs::read(self.dir.join(&self.inputs.pictures[index])).unwrap();
        prepare(&file, &DecodeLimits::default(), &model.description().preprocess).unwrap()
    }
}

/// The ids of a text by itself.
pub(crate) fn ids(model: &dyn EmbeddingModel, text: &str) -> Vec<u32> {
    match model.tokenize(&[InputPart::Text(text)]).unwrap().parts.into_iter().next() {
        Some(TokenizedPart::Text(ids)) => ids,
        _ => Vec::new(),
    }
}
