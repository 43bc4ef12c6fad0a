//! What the tests share: running the program, speaking HTTP to it, comparing vectors.

pub(crate) mod faults;
pub(crate) mod http;
pub(crate) mod pictures;
pub(crate) mod processes;
pub(crate) mod program;
pub(crate) mod requests;
pub(crate) mod server;
pub(crate) mod vectors;
pub(crate) mod waiting;
