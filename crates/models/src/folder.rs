//! Models from a folder. Their files are read, not trusted.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use onespace_compute::{Isa, Precision};
use serde::Deserialize;

use crate::architectures::dual_encoder::DualEncoder;
use crate::architectures::embedding_gemma2::EmbeddingGemma2;
use crate::architectures::qwen3_vl::Qwen3Vl;
use crate::config::{ONESPACE_FUSION, refuse};
use crate::huggingface::{Folder, read};
use crate::model_files::{CONFIG_FILE, ModelFiles, TOKENIZER_FILE, WEIGHTS_FILE};
use crate::weights::Shard;
use crate::{EmbeddingModel, LoadError, LoadErrorKind};

/// `model_type` of Qwen3-VL-Embedding.
const QWEN3_VL: &str = "qwen3_vl";
/// `model_type` of EmbeddingGemma 2.
const EMBEDDING_GEMMA2: &str = "embedding_gemma2";
const TOKENIZER_BYTES_MAX: u64 = 64 << 20;

/// What `config.json` calls the models that are read, under `model_type` or, for this program's own
/// form, `architecture`.
pub const ARCHITECTURES: [&str; 6] =
    [ONESPACE_FUSION, "clip", "siglip", "siglip2", QWEN3_VL, EMBEDDING_GEMMA2];

/// How a model is loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadOptions {
    /// What it computes with. By default the fastest precision whose vectors stay close to those
    /// of [`Precision::F32`]; that alone for models in this program's own form.
    pub precision: Option<Precision>,
    /// What it is called; by default as `onespace.json` in the folder says, or like the folder.
    /// A model in this program's own form keeps its own name.
    pub name: Option<String>,
    /// Which training or download of it; by default a hash of the folder's settings.
    pub revision: Option<String>,
}

/// The keys that say how to read the others.
#[derive(Deserialize)]
struct Kind {
    architecture: Option<String>,
    model_type: Option<String>,
}

/// Loads a model from a folder: an ordinary Hugging Face one (`clip`, `siglip`,
/// `siglip2`, `qwen3_vl`, `embedding_gemma2`), or
/// `config.json`, `tokenizer.json` and `model.safetensors` in this program's own form.
///
/// Weights are read tensor by tensor and packed; of the files only the token table is used later,
/// row by row. The memory needed is that of the packed weights and twice the largest tensor.
///
/// # Errors
/// When a file is missing or too large, is malformed, or does not fit the others. The message
/// names the file, and the tensor where there is one.
pub fn load(dir: &Path, options: &LoadOptions) -> Result<Arc<dyn EmbeddingModel>, LoadError> {
    let mut folder = Folder::new(dir);
    let config = folder.settings(CONFIG_FILE)?;
    let isa = current_isa()?;
    match kind_of(&config)? {
        Some(Kind { architecture: None, model_type: Some(kind) }) if kind == QWEN3_VL => {
            Ok(Arc::new(Qwen3Vl::load(&config, folder, isa, options)?))
        }
        Some(Kind { architecture: None, model_type: Some(kind) }) if kind == EMBEDDING_GEMMA2 => {
            Ok(Arc::new(EmbeddingGemma2::load(&config, folder, isa, options)?))
        }
        Some(Kind { architecture: None, model_type: Some(_) }) => {
            Ok(Arc::new(DualEncoder::load(&config, folder, isa, options)?))
        }
        Some(Kind { architecture: None, model_type: None }) => {
            let message = format!(
                "has neither model_type (clip, siglip, siglip2, qwen3_vl or embedding_gemma2) nor architecture \
                 ({ONESPACE_FUSION}); copy the model's own file"
            );
            Err(LoadError::new(LoadErrorKind::Unsupported, CONFIG_FILE, message))
        }
        // What cannot be read is refused where its contents are.
        Some(Kind { architecture: Some(_), .. }) | None => ModelFiles {
            config: Cow::Owned(config),
            tokenizer: Cow::Owned(read(dir, TOKENIZER_FILE, TOKENIZER_BYTES_MAX)?),
            weights: Shard::open(&dir.join(WEIGHTS_FILE))?,
        }
        .load(isa, options.precision.unwrap_or(Precision::F32)),
    }
}

/// What the configuration says of itself; nothing if it is no JSON.
fn kind_of(config: &[u8]) -> Result<Option<Kind>, LoadError> {
    match serde_json::from_slice(config) {
        Ok(kind) => Ok(Some(kind)),
        Err(error) if error.is_data() => {
            let message = "must be an object whose model_type (or architecture) is a string, such as \"clip\"; \
                           copy the model's own file";
            Err(refuse(message).caused_by(error))
        }
        Err(_) => Ok(None),
    }
}

/// The instruction set of this process.
pub(crate) fn current_isa() -> Result<Isa, LoadError> {
    Isa::current().map_err(|error| {
        LoadError::new(LoadErrorKind::Processor, "processor", error.to_string()).caused_by(error)
    })
}
