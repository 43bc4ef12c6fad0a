//! Ordinary Hugging Face folders: which files there are, and what they say.
//!
//! | file | what is read of it |
//! | --- | --- |
//! | `config.json` | `model_type` and the sizes of both towers |
//! | `tokenizer.json` | everything; `tokenizer_config.json` adds what goes around a text |
//! | `preprocessor_config.json` or `processor_config.json` | sizes, filter, mean and spread of pictures |
//! | `model.safetensors`, or the shards in `model.safetensors.index.json` | the tensors |
//! | `onespace.json` | optional: how text and pictures are fused, name and revision |
//!
//! None of them can run code, and each has a limit on its size.

mod config;
mod files;
mod overrides;
mod preprocessor;
mod tokenizer;
mod tower;

pub(crate) use config::{DualConfig, Family};
pub(crate) use files::{Folder, read};
pub(crate) use overrides::{OVERRIDES_FILE, Overrides};
pub(crate) use preprocessor::preprocess;
pub(crate) use tokenizer::{FramedTokenizer, Side};
