//! One file for each group of routes; [`crate::router`] is their table of contents.

pub(crate) mod assets;
pub(crate) mod chunk_reports;
pub(crate) mod embed_tasks;
pub(crate) mod embed_v1;
pub(crate) mod embed_v2;
pub(crate) mod health;
pub(crate) mod multipart_uploads;
pub(crate) mod not_served;
pub(crate) mod upload_parts;
pub(crate) mod user_metadata;
