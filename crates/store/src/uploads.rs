//! Multipart uploads: a session, its chunks, and the asset that they become.

mod assembly;
mod parts;
mod reports;
mod sessions;
mod tokens;

use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::ids::{AssetId, UploadId};
use crate::rows::text_enum;
use crate::scope::OwnerScope;

pub(crate) use sessions::end_upload;
pub use tokens::PartPass;

/// An upload to be started.
#[derive(Clone, Debug)]
pub struct NewUpload {
    /// The file's name.
    pub filename: String,
    /// The declared class of media, such as `image`.
    pub media_type: String,
    /// Bytes of the whole file, at least 1.
    pub total_size: u64,
    /// Bytes of every chunk but the last, at least 1.
    pub chunk_size: u64,
    /// The caller's own values, for the asset.
    pub user_metadata: Map<String, Value>,
    /// When the session ends.
    pub expires_at: OffsetDateTime,
}

/// The state of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadStatus {
    /// Takes chunks.
    Active,
    /// Its asset exists.
    Completed,
    /// The assembled file was refused.
    Failed,
    /// Not completed in time.
    Expired,
}

text_enum!(UploadStatus {
    Active => "active",
    Completed => "completed",
    Failed => "failed",
    Expired => "expired",
});

/// A multipart upload.
#[derive(Clone, Debug, PartialEq)]
pub struct Upload {
    /// Its id.
    pub id: UploadId,
    /// The id reserved for the asset that it will become.
    pub asset_id: AssetId,
    /// The file's name.
    pub filename: String,
    /// The declared class of media.
    pub media_type: String,
    /// Bytes of the whole file.
    pub total_size: u64,
    /// Bytes of every chunk but the last.
    pub chunk_size: u64,
    /// `total_size / chunk_size`, rounded up.
    pub total_chunks: u32,
    /// The caller's own values.
    pub user_metadata: Map<String, Value>,
    /// Its state; an active upload past `expires_at` reads as expired.
    pub status: UploadStatus,
    /// When it was started.
    pub created_at: OffsetDateTime,
    /// When a chunk or the state last changed.
    pub updated_at: OffsetDateTime,
    /// When the session ends.
    pub expires_at: OffsetDateTime,
    pub(crate) owner: OwnerScope,
}

impl Upload {
    /// The bytes that chunk `chunk_index` (from 1) must have.
    #[must_use]
    pub fn chunk_bytes(&self, chunk_index: u32) -> u64 {
        if chunk_index < self.total_chunks {
            self.chunk_size
        } else {
            self.total_size - self.chunk_size * u64::from(self.total_chunks - 1)
        }
    }

    /// Whether it ended without becoming an asset.
    pub(crate) fn is_lost(&self) -> bool {
        matches!(self.status, UploadStatus::Failed | UploadStatus::Expired)
    }
}

/// A client's word that it has put a chunk.
#[derive(Clone, Debug)]
pub struct PartReport {
    /// From 1.
    pub chunk_index: u32,
    /// The ETag that [`Store::put_part`](crate::Store::put_part) gave, with or without quotes.
    pub proof: String,
}

/// What came of a report. Unless `Accepted`, nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportOutcome {
    /// The proofs are right. Also the answer for a completed upload, whose chunks are all
    /// duplicates.
    Accepted {
        /// Chunks newly completed.
        processed: u32,
        /// Chunks completed before, or named twice.
        duplicates: u32,
        /// Chunks completed by now.
        total_completed: u32,
    },
    /// This chunk index is out of range or has not been put.
    UnknownPart(u32),
    /// The proof for this chunk is not its ETag.
    WrongProof(u32),
    /// The upload has failed or expired.
    NotActive,
}

/// The state of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartStatus {
    /// Put and reported.
    Completed,
    /// Not yet put, or not yet reported.
    Pending,
    /// Its upload has failed or expired.
    Failed,
}

impl PartStatus {
    /// The lower-case word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Pending => "pending",
            Self::Failed => "failed",
        }
    }
}

/// A chunk of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartRecord {
    /// From 1.
    pub index: u32,
    /// Its state.
    pub status: PartStatus,
    /// Bytes that this chunk must have.
    pub size: u64,
    /// When its bytes arrived.
    pub uploaded_at: Option<OffsetDateTime>,
    /// When its state last changed.
    pub updated_at: OffsetDateTime,
}

/// Chunks of an upload by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartCounts {
    /// Put and reported.
    pub completed: u32,
    /// Lost with their upload.
    pub failed: u32,
    /// The others.
    pub pending: u32,
    /// Bytes of the completed chunks.
    pub uploaded_size: u64,
}
