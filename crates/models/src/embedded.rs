//! The model that is part of the program.

use std::sync::Arc;

use crate::model_files::{FileBytes, ModelFiles};
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

/// Loads the embedded model. No file is read.
///
/// # Errors
/// When [`onespace_compute::ISA_VARIABLE`] asks for an instruction set that is absent; the files
/// themselves are checked by this crate's tests.
pub fn load() -> Result<Arc<dyn EmbeddingModel>, LoadError> {
    ModelFiles {
        config: FileBytes::Embedded(CONFIG),
        tokenizer: FileBytes::Embedded(TOKENIZER),
        weights: FileBytes::Embedded(WEIGHTS),
    }
    .load()
}
