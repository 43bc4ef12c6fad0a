//! The model that is part of the program.

use std::borrow::Cow;
use std::sync::Arc;

use onespace_compute::Precision;

use crate::folder::current_isa;
use crate::model_files::{ModelFiles, WEIGHTS_FILE};
use crate::weights::Shard;
use crate::{EmbeddingModel, LoadError};

static CONFIG: &[u8] = include_bytes!("../embedded/config.json");
static TOKENIZER: &[u8] = include_bytes!("../embedded/tokenizer.json");
static WEIGHTS: &[u8] = include_bytes!("../embedded/model.safetensors");

/// Loads the embedded model. No file is read.
///
/// # Errors
/// When [`onespace_compute::ISA_VARIABLE`] asks for an instruction set that is absent; the files
/// themselves are checked by this crate's tests.
pub fn load() -> Result<Arc<dyn EmbeddingModel>, LoadError> {
    ModelFiles {
        config: Cow::Borrowed(CONFIG),
        tokenizer: Cow::Borrowed(TOKENIZER),
        weights: Shard::embedded(WEIGHTS_FILE, WEIGHTS),
    }
    .load(current_isa()?, Precision::F32)
}
