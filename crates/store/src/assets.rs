//! Assets: files that an account uploaded, with their metadata.

mod matching;
mod metadata;
mod records;

use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::ids::AssetId;
use crate::rows::text_enum;

pub use metadata::USER_METADATA_BYTES_MAX;
pub(crate) use metadata::{check_user_metadata_size, without_empty_values};

/// How an asset got here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssetMethod {
    /// In the body of the request.
    Direct,
    /// Fetched from a URL.
    Url,
    /// In parts.
    Multipart,
}

text_enum!(AssetMethod { Direct => "direct", Url => "url", Multipart => "multipart" });

/// An asset to be created.
#[derive(Clone, Debug)]
pub struct NewAsset {
    /// The id reserved for it; `None` for a fresh one.
    pub id: Option<AssetId>,
    /// How it got here.
    pub method: AssetMethod,
    /// The file's name, without directories.
    pub filename: String,
    /// The MIME type, such as `image/png`.
    pub file_type: String,
    /// The caller's own values. `""`, `[]` and null members are left out.
    pub user_metadata: Map<String, Value>,
    /// What was found in the file.
    pub technical_metadata: Map<String, Value>,
}

/// A stored asset.
#[derive(Clone, Debug, PartialEq)]
pub struct Asset {
    /// Its id.
    pub id: AssetId,
    /// How it got here.
    pub method: AssetMethod,
    /// The file's name.
    pub filename: String,
    /// The MIME type.
    pub file_type: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of the bytes, 64 lower-case hex digits.
    pub sha256: String,
    /// When it was stored.
    pub created_at: OffsetDateTime,
    /// The caller's own values.
    pub user_metadata: Map<String, Value>,
    /// What was found in the file.
    pub technical_metadata: Map<String, Value>,
}

/// Which assets to list; the conditions combine with AND, an empty one allows all.
#[derive(Clone, Debug, Default)]
pub struct AssetFilter {
    /// Any of these ids. Unknown ones match nothing.
    pub ids: Vec<String>,
    /// Any of `image`, `video`, `audio`, `document`.
    pub types: Vec<String>,
    /// Part of the file name, whatever its case.
    pub filename: Option<String>,
}

/// A change of an asset's user metadata. Members whose value is `""` or `[]` are ignored.
#[derive(Clone, Debug)]
pub enum MetadataChange {
    /// These values and no others; null members are ignored.
    Replace(Map<String, Value>),
    /// Set these values and keep the others; a null member deletes its key.
    Merge(Map<String, Value>),
    /// Delete all values.
    Clear,
}
