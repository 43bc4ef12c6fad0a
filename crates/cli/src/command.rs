//! One file for each command.

pub(crate) mod accounts;
pub(crate) mod bench;
pub(crate) mod decode_worker;
pub(crate) mod embed;
pub(crate) mod keys;
pub(crate) mod models;
pub(crate) mod serve;
