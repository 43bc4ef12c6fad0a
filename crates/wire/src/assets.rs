//! `/assets`: uploaded files that all other calls can name by id.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::UnknownFields;

/// An asset as `POST /assets` answers it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Asset {
    /// The id: 24 lower-case hexadecimal digits.
    #[serde(rename = "_id")]
    pub id: String,
    /// How it got here: `direct`, `url` or `multipart`.
    pub method: String,
    /// Always `ready`: pictures are checked and stored before the call returns.
    pub status: String,
    /// The name of the file.
    pub filename: String,
    /// The media type, read from the bytes.
    pub file_type: String,
    /// When it was stored.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// The client's own data; absent when there is none.
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub user_metadata: Map<String, Value>,
    /// What only retrieve and list tell.
    #[serde(flatten)]
    pub detail: Option<AssetDetail>,
}

/// What retrieve and list tell about an asset in addition.
#[derive(Debug, Serialize, ToSchema)]
pub struct AssetDetail {
    /// The size of the file in bytes.
    pub size: u64,
    /// The SHA-256 of the file in lower-case hexadecimal; an extension of onespace.
    pub sha256: String,
    /// What the header of the file says: width, height, format, colour and so on.
    #[schema(value_type = Object)]
    pub technical_metadata: Map<String, Value>,
}

/// The body of PUT and PATCH `/assets/{asset_id}/user-metadata`.
#[derive(Debug, Deserialize, ToSchema)]
pub struct UserMetadataRequest {
    /// The new data: strings, numbers, booleans and lists of strings. With PATCH, `null` removes.
    #[schema(value_type = Object)]
    pub user_metadata: Option<Map<String, Value>>,
    /// Whatever else the body holds.
    #[serde(flatten)]
    #[schema(ignore)]
    pub unknown: UnknownFields,
}
