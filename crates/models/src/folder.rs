//! Models from a folder. Their files are read, not trusted.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use crate::model_files::{CONFIG_FILE, FileBytes, ModelFiles, TOKENIZER_FILE, WEIGHTS_FILE};
use crate::{EmbeddingModel, LoadError, LoadErrorKind};

const CONFIG_BYTES_MAX: u64 = 64 << 10;
const TOKENIZER_BYTES_MAX: u64 = 64 << 20;
const WEIGHTS_BYTES_MAX: u64 = 4 << 30;

/// Loads `config.json`, `tokenizer.json` and `model.safetensors` from a folder.
///
/// # Errors
/// When a file is missing or too large, is malformed, or does not fit the others. The message
/// names the file, and the tensor where there is one.
pub fn load(dir: &Path) -> Result<Arc<dyn EmbeddingModel>, LoadError> {
    ModelFiles {
        config: read(dir, CONFIG_FILE, CONFIG_BYTES_MAX)?,
        tokenizer: read(dir, TOKENIZER_FILE, TOKENIZER_BYTES_MAX)?,
        weights: read(dir, WEIGHTS_FILE, WEIGHTS_BYTES_MAX)?,
    }
    .load()
}

fn read(dir: &Path, file: &str, bytes_max: u64) -> Result<FileBytes, LoadError> {
    let path = dir.join(file);
    let shown = path.display().to_string();
    let unreadable = |error: std::io::Error| {
        let message = "cannot be read; check that it exists and may be read";
        LoadError::new(LoadErrorKind::File, &shown, message).caused_by(error)
    };
    let opened = File::open(&path).map_err(unreadable)?;
    let length = opened.metadata().map_err(unreadable)?.len();
    let mut bytes = Vec::new();
    if length <= bytes_max {
        bytes.reserve_exact(usize::try_from(length).unwrap_or(0));
        // The file may have grown since: one byte more than allowed is enough to see it.
        opened.take(bytes_max + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    }
    if length > bytes_max || bytes.len() as u64 > bytes_max {
        let message = format!("is larger than {bytes_max} bytes; it is no file of a model");
        return Err(LoadError::new(LoadErrorKind::File, &shown, message));
    }
    Ok(FileBytes::Read(bytes))
}
