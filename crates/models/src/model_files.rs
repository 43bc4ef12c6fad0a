//! The three files of a model, from wherever they come.

use std::ops::{Deref, Range};
use std::sync::Arc;

use crate::architectures::onespace_fusion::OnespaceFusion;
use crate::config::Config;
use crate::tokenizer::TextTokenizer;
use crate::weights::Weights;
use crate::{EmbeddingModel, LoadError};

/// Sizes and settings.
pub(crate) const CONFIG_FILE: &str = "config.json";
/// Text to token ids.
pub(crate) const TOKENIZER_FILE: &str = "tokenizer.json";
/// Tensors.
pub(crate) const WEIGHTS_FILE: &str = "model.safetensors";

/// The contents of a file.
pub(crate) enum FileBytes {
    /// Part of the program.
    Embedded(&'static [u8]),
    /// Read from a folder.
    Read(Vec<u8>),
}

impl FileBytes {
    /// A part to keep: of an embedded file without copying it.
    pub(crate) fn part(&self, range: Range<usize>) -> Self {
        match self {
            Self::Embedded(bytes) => Self::Embedded(&bytes[range]),
            Self::Read(bytes) => Self::Read(bytes[range].to_vec()),
        }
    }
}

impl Deref for FileBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Embedded(bytes) => bytes,
            Self::Read(bytes) => bytes,
        }
    }
}

/// The files.
pub(crate) struct ModelFiles {
    pub(crate) config: FileBytes,
    pub(crate) tokenizer: FileBytes,
    pub(crate) weights: FileBytes,
}

impl ModelFiles {
    /// Checks the files against each other and builds the model.
    pub(crate) fn load(self) -> Result<Arc<dyn EmbeddingModel>, LoadError> {
        let config = Config::parse(&self.config)?;
        let tokenizer = TextTokenizer::load(&self.tokenizer, config.vocabulary)?;
        let weights = Weights::open(&self.weights)?;
        Ok(Arc::new(OnespaceFusion::load(config, tokenizer, weights)?))
    }
}
