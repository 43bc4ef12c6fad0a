//! The three files of a model in this program's own form, from wherever they come.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use onespace_compute::{Isa, Precision};

use crate::architectures::onespace_fusion::OnespaceFusion;
use crate::config::Config;
use crate::layers::Packing;
use crate::tokenizer::TextTokenizer;
use crate::weights::{Shard, Weights};
use crate::{EmbeddingModel, LoadError};

/// Sizes and settings.
pub(crate) const CONFIG_FILE: &str = "config.json";
/// Text to token ids.
pub(crate) const TOKENIZER_FILE: &str = "tokenizer.json";
/// Tensors.
pub(crate) const WEIGHTS_FILE: &str = "model.safetensors";

/// Opens an ordinary file. Anything else is refused before it is opened: the opening of a pipe waits
/// for somebody who writes.
pub(crate) fn open_ordinary(path: &Path) -> io::Result<File> {
    if std::fs::metadata(path)?.is_file() {
        File::open(path)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no ordinary file"))
    }
}

/// The files.
pub(crate) struct ModelFiles<'a> {
    pub(crate) config: Cow<'a, [u8]>,
    pub(crate) tokenizer: Cow<'a, [u8]>,
    pub(crate) weights: Shard,
}

impl ModelFiles<'_> {
    /// Checks the files against each other and builds the model.
    pub(crate) fn load(
        self,
        isa: Isa,
        precision: Precision,
    ) -> Result<Arc<dyn EmbeddingModel>, LoadError> {
        let config = Config::parse(&self.config)?;
        let tokenizer = TextTokenizer::load(&self.tokenizer, config.vocabulary)?;
        let weights = Weights::open(vec![self.weights])?;
        let packing = Packing { isa, precision };
        Ok(Arc::new(OnespaceFusion::load(config, tokenizer, weights, packing)?))
    }
}
