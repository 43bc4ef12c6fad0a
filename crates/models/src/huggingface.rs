//! Ordinary Hugging Face folders: which files there are, and what they say.
//!
//! | file | what is read of it |
//! | --- | --- |
//! | `config.json` | `model_type` and the sizes of both towers, or of vision tower and text stack |
//! | `tokenizer.json` | everything; `tokenizer_config.json` adds what goes around a text |
//! | `preprocessor_config.json` or `processor_config.json` | sizes, filter, mean and spread of pictures |
//! | `model.safetensors`, or the shards in `model.safetensors.index.json` | the tensors |
//! | `chat_template.jinja` or `.json`, or `chat_template` in `tokenizer_config.json` | what a prompt puts around a user's parts |
//! | `onespace.json` | optional: how text and pictures are fused, sizes of pictures, name and revision |
//!
//! None of them can run code, and each has a limit on its size.

mod cell_budget;
mod chat_template;
mod config;
mod embedding_gemma2;
mod files;
mod overrides;
mod pixel_budget;
mod preprocessor;
mod prompt;
mod qwen3_vl;
mod tokenizer;
mod tokenizer_file;
mod tower;

pub(crate) use cell_budget::{cell_budget, no_pictures};
pub(crate) use chat_template::ChatTemplate;
pub(crate) use config::{DualConfig, Family};
pub(crate) use embedding_gemma2::{GemmaConfig, GemmaText, GemmaVision};
pub(crate) use files::{Folder, read};
pub(crate) use overrides::{OVERRIDES_FILE, Overrides};
pub(crate) use pixel_budget::pixel_budget;
pub(crate) use preprocessor::{preprocess, preprocessor_settings};
pub(crate) use prompt::{Prompt, PromptShape, ended};
pub(crate) use qwen3_vl::{QwenConfig, QwenText, QwenVision};
pub(crate) use tokenizer::{FramedTokenizer, Side, TOKENIZER_SETTINGS_FILE};
