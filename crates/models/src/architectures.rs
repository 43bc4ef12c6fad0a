//! One file per architecture.

pub(crate) mod onespace_fusion;
