//! Text to token ids.

use tokenizers::models::ModelWrapper;
use tokenizers::{Model, Tokenizer};

use crate::model_files::TOKENIZER_FILE;
use crate::{LoadError, LoadErrorKind, ModelError};

/// A tokenizer that knows ordinary text only: no special tokens, no truncation, no padding, and
/// nothing random, so a text has one sequence of ids.
pub(crate) struct TextTokenizer(Tokenizer);

impl TextTokenizer {
    /// Reads `tokenizer.json` and checks that it gives ids below `vocabulary`, by text alone.
    pub(crate) fn load(json: &[u8], vocabulary: usize) -> Result<Self, LoadError> {
        let tokenizer = Tokenizer::from_bytes(json).map_err(|error| {
            refuse("is not a tokenizer that can be read; export the model again").caused_by(error)
        })?;
        let ModelWrapper::BPE(bpe) = tokenizer.get_model() else {
            return Err(refuse("is not a byte-pair encoding; export the model again"));
        };
        let found = bpe.get_vocab_size();
        if found != vocabulary {
            let message =
                format!("has {found} tokens, config.json says {vocabulary}; export again");
            return Err(refuse(message));
        }
        if bpe.dropout.is_some_and(|probability| probability > 0.0) {
            return Err(refuse("has dropout, which makes ids random; export it without"));
        }
        if !tokenizer.get_added_vocabulary().is_empty() {
            return Err(refuse("has added tokens, which user text could spell; export it without"));
        }
        if tokenizer.get_truncation().is_some() || tokenizer.get_padding().is_some() {
            return Err(refuse("truncates or pads; export it without"));
        }
        Ok(Self(tokenizer))
    }

    /// The ids of a text.
    pub(crate) fn ids(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        let encoding = self
            .0
            .encode_fast(text, false)
            .map_err(|error| ModelError::Tokenizer { source: error })?;
        Ok(encoding.get_ids().to_vec())
    }
}

fn refuse(message: impl Into<String>) -> LoadError {
    LoadError::new(LoadErrorKind::Tokenizer, TOKENIZER_FILE, message)
}
