//! One folder per architecture.

pub(crate) mod dual_encoder;
pub(crate) mod onespace_fusion;
