//! One folder per architecture.

pub(crate) mod dual_encoder;
pub(crate) mod embedding_gemma2;
mod interleaved;
pub(crate) mod onespace_fusion;
pub(crate) mod qwen3_vl;
mod traced;

/// Most images of a sequence in models that set no limit of their own: what the API allows.
const IMAGES_MAX: usize = 10;
