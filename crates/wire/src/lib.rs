//! The TwelveLabs v1.3 compatible API as types: requests, responses, pages and error codes.
//!
//! This crate does no input or output and takes no decisions: a request type accepts what JSON can
//! say (every member optional, unknown members collected in `unknown`), and the embed pipeline of
//! `onespace-server` checks it in the documented order, so that the answer names the first fault.
//!
//! Read [`error_code`] for the one table of errors, [`embed_v2`] for the main request, and
//! [`embedding`] for the answer that every embed route shares.

pub mod assets;
pub mod embed_tasks;
pub mod embed_v1;
pub mod embed_v2;
pub mod embedding;
pub mod error_code;
pub mod multipart_uploads;
pub mod page;

use serde_json::{Map, Value};

/// Members of a JSON object that the API does not know, kept so that they can be refused by name.
pub type UnknownFields = Map<String, Value>;
