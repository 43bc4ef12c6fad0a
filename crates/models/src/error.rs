//! Why a model cannot be loaded, or cannot embed.

use std::error::Error;
use std::fmt;

type Source = Box<dyn Error + Send + Sync>;

/// A sequence cannot be embedded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// No part, or parts without a single token.
    #[error("sequence {index} holds neither text nor an image; give it at least one")]
    EmptySequence {
        /// Place in the batch.
        index: usize,
    },
    /// More text than the model reads.
    #[error("sequence {index} has {tokens} text tokens, the model reads {tokens_max}; shorten it")]
    TextTooLong {
        /// Place in the batch.
        index: usize,
        /// Tokens in all its text parts.
        tokens: usize,
        /// What the model reads at most.
        tokens_max: usize,
    },
    /// More images than the model reads.
    #[error("sequence {index} has {images} images, the model reads {images_max}; leave some out")]
    TooManyImages {
        /// Place in the batch.
        index: usize,
        /// Images in the sequence.
        images: usize,
        /// What the model reads at most.
        images_max: usize,
    },
    /// An image that was not prepared as the model's description asks.
    #[error(
        "sequence {index} has an image of {width}x{height} ({bytes} bytes), the model reads \
         {expected}; prepare it by the model's description"
    )]
    ImageSize {
        /// Place in the batch.
        index: usize,
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Bytes of its pixels.
        bytes: usize,
        /// What the model reads.
        expected: String,
    },
    /// A token id that is not in the vocabulary.
    #[error("sequence {index} has token id {id}, the vocabulary ends at {vocabulary}")]
    UnknownToken {
        /// Place in the batch.
        index: usize,
        /// The id.
        id: u32,
        /// Ids in the vocabulary.
        vocabulary: usize,
    },
    /// The tokenizer failed.
    #[error("the text could not be cut into tokens")]
    Tokenizer {
        /// What the tokenizer said.
        #[source]
        source: Source,
    },
    /// The file of weights, which is read row by row while the model is used, can no longer be
    /// read.
    #[error("the model's weights can no longer be read; load the model again")]
    WeightsUnreadable {
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A vector came out that is not finite or not of unit length. Nothing is returned.
    #[error("the model gave a broken vector for sequence {index} (length {norm})")]
    InvalidOutput {
        /// Place in the batch.
        index: usize,
        /// Its Euclidean length, which should be 1.
        norm: f32,
    },
}

/// What kind of thing stands in the way of loading a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadErrorKind {
    /// A file is missing, cannot be read, or is larger than any model's.
    File,
    /// `config.json` is malformed or asks for something impossible.
    Config,
    /// The architecture, or a size of it, is not one that this program runs.
    Unsupported,
    /// `tokenizer.json` is malformed or does not fit the model.
    Tokenizer,
    /// `model.safetensors` is malformed or does not fit the configuration.
    Weights,
    /// The processor lacks what was asked for.
    Processor,
}

/// A model cannot be loaded. The message names the file, the tensor where there is one, and
/// what to do.
#[derive(Debug)]
pub struct LoadError {
    kind: LoadErrorKind,
    file: String,
    tensor: Option<String>,
    message: String,
    source: Option<Source>,
}

impl LoadError {
    pub(crate) fn new(kind: LoadErrorKind, file: &str, message: impl Into<String>) -> Self {
        Self { kind, file: file.to_owned(), tensor: None, message: message.into(), source: None }
    }

    pub(crate) fn of_tensor(file: &str, tensor: &str, message: impl Into<String>) -> Self {
        let tensor = Some(tensor.to_owned());
        Self { tensor, ..Self::new(LoadErrorKind::Weights, file, message) }
    }

    pub(crate) fn caused_by(self, source: impl Into<Source>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// What kind of thing is wrong.
    #[must_use]
    pub fn kind(&self) -> LoadErrorKind {
        self.kind
    }

    /// The file at fault.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The tensor at fault, where it is one.
    #[must_use]
    pub fn tensor(&self) -> Option<&str> {
        self.tensor.as_deref()
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tensor {
            Some(tensor) => write!(f, "{}: tensor {tensor}: {}", self.file, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

impl Error for LoadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}
