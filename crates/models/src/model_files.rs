//! The three files of a model, from wherever they come.

use std::borrow::Cow;
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

/// The contents of the files: part of the program, or read from a folder.
pub(crate) struct ModelFiles {
    pub(crate) config: Cow<'static, [u8]>,
    pub(crate) tokenizer: Cow<'static, [u8]>,
    pub(crate) weights: Cow<'static, [u8]>,
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
