//! One folder per architecture.

pub(crate) mod dual_encoder;
pub(crate) mod embedding_gemma2;
mod interleaved;
pub(crate) mod onespace_fusion;
pub(crate) mod qwen3_vl;
