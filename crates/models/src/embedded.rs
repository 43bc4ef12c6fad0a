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

/// Size of its files in bytes.
pub static BYTES: u64 = (CONFIG.len() + TOKENIZER.len() + WEIGHTS.len()) as u64;

/// Its `tokenizer.json`.
#[must_use]
pub fn tokenizer_json() -> &'static [u8] {
    TOKENIZER
}

/// Loads the embedded model at the precision that it was trained for. No file is read.
///
/// # Errors
/// When [`onespace_compute::ISA_VARIABLE`] asks for an instruction set that is absent; the files
/// themselves are checked by this crate's tests.
pub fn load() -> Result<Arc<dyn EmbeddingModel>, LoadError> {
    load_at(Precision::F32)
}

/// Loads the embedded model at a precision.
///
/// # Errors
/// As [`load`].
pub fn load_at(precision: Precision) -> Result<Arc<dyn EmbeddingModel>, LoadError> {
    ModelFiles {
        config: Cow::Borrowed(CONFIG),
        tokenizer: Cow::Borrowed(TOKENIZER),
        weights: Shard::embedded(WEIGHTS_FILE, WEIGHTS),
    }
    .load(current_isa()?, precision)
}
