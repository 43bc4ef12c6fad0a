//! `/assets/multipart-uploads`: files in chunks, sent by plain PUT to URLs that authorise themselves.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::UnknownFields;
use crate::page::PageInfo;

/// The body of `POST /assets/multipart-uploads`.
#[derive(Debug, Deserialize, ToSchema)]
pub struct CreateUploadRequest {
    /// The name of the file, 1 to 255 characters.
    pub filename: Option<String>,
    /// `image`. `video` and `audio` are refused.
    #[serde(rename = "type")]
    pub media_type: Option<String>,
    /// The size of the whole file in bytes.
    pub total_size: Option<i64>,
    /// Accepted and without effect: only audio and video have streams.
    pub enable_hls: Option<bool>,
    /// Accepted and without effect: thumbnails are not made yet.
    pub enable_thumbnail: Option<bool>,
    /// The client's own data.
    #[schema(value_type = Option<Object>)]
    pub user_metadata: Option<Map<String, Value>>,
    /// Whatever else the body holds.
    #[serde(flatten)]
    #[schema(ignore)]
    pub unknown: UnknownFields,
}

/// A place to PUT one chunk.
#[derive(Debug, Serialize, ToSchema)]
pub struct UploadUrl {
    /// The number of the chunk, from 1.
    pub chunk_index: u32,
    /// The absolute URL; it authorises itself, so no API key is sent with the PUT.
    pub url: String,
    /// Until when the URL is valid.
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
}

/// The answer of `POST /assets/multipart-uploads`.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreatedUpload {
    /// The id of the upload.
    pub upload_id: String,
    /// The id that the asset will have.
    pub asset_id: String,
    /// URLs of the first chunks, at most 50.
    pub upload_urls: Vec<UploadUrl>,
    /// Headers to send with each PUT: none are needed.
    #[schema(value_type = Object)]
    pub upload_headers: Map<String, Value>,
    /// The size of each chunk but the last, in bytes.
    pub chunk_size: u64,
    /// How many chunks there are.
    pub total_chunks: u32,
    /// Until when the upload must be complete.
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
}

/// The body of `POST /assets/multipart-uploads/{upload_id}/presigned-urls`.
#[derive(Debug, Deserialize, ToSchema)]
pub struct PresignedUrlsRequest {
    /// The first chunk, from 1.
    pub start: Option<i64>,
    /// How many chunks, 1 to 50.
    pub count: Option<i64>,
    /// Whatever else the body holds.
    #[serde(flatten)]
    #[schema(ignore)]
    pub unknown: UnknownFields,
}

/// The answer of `POST /assets/multipart-uploads/{upload_id}/presigned-urls`.
#[derive(Debug, Serialize, ToSchema)]
pub struct PresignedUrls {
    /// The id of the upload.
    pub upload_id: String,
    /// The first chunk.
    pub start_index: u32,
    /// How many URLs follow.
    pub count: u32,
    /// The URLs.
    pub upload_urls: Vec<UploadUrl>,
    /// When they were made.
    #[serde(with = "time::serde::rfc3339")]
    pub generated_at: OffsetDateTime,
    /// Until when they are valid.
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
}

/// The body of `POST /assets/multipart-uploads/{upload_id}`: chunks that were sent.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ReportChunksRequest {
    /// 1 to 50 chunks in any order.
    pub completed_chunks: Option<Vec<CompletedChunk>>,
    /// Whatever else the body holds.
    #[serde(flatten)]
    #[schema(ignore)]
    pub unknown: UnknownFields,
}

/// A chunk that was sent.
#[derive(Debug, Deserialize, ToSchema)]
pub struct CompletedChunk {
    /// The number of the chunk, from 1.
    pub chunk_index: Option<i64>,
    /// The ETag that the PUT answered.
    pub proof: Option<String>,
    /// `etag`.
    pub proof_type: Option<String>,
    /// The size of the chunk in bytes.
    pub chunk_size: Option<i64>,
    /// Whatever else the object holds.
    #[serde(flatten)]
    #[schema(ignore)]
    pub unknown: UnknownFields,
}

/// The answer to a report of chunks.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReportedChunks {
    /// Chunks accepted by this call.
    pub processed_chunks: u32,
    /// Chunks that had been reported before.
    pub duplicate_chunks: u32,
    /// Chunks accepted so far.
    pub total_completed: u32,
    /// The id of the asset.
    pub asset_id: String,
    /// The URL of the asset, present only once the upload is complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// The answer of `GET /assets/multipart-uploads/{upload_id}`.
#[derive(Debug, Serialize, ToSchema)]
pub struct UploadStatus {
    /// The id of the upload.
    pub upload_id: String,
    /// `active`, `completed`, `failed` or `expired`.
    pub status: String,
    /// Chunks accepted.
    pub chunks_completed: u32,
    /// Chunks that failed.
    pub chunks_failed: u32,
    /// Chunks still missing.
    pub chunks_pending: u32,
    /// The size of the whole file in bytes.
    pub total_size: u64,
    /// Bytes accepted.
    pub uploaded_size: u64,
    /// When the upload began.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When it last changed.
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
    /// All chunks, pending ones too, a page at a time.
    pub uploaded_chunks: Vec<UploadedChunk>,
    /// Where this page of chunks stands.
    pub page_info: PageInfo,
}

/// One chunk of an upload.
#[derive(Debug, Serialize, ToSchema)]
pub struct UploadedChunk {
    /// The number of the chunk, from 1.
    pub index: u32,
    /// `completed`, `pending` or `failed`.
    pub status: String,
    /// When it was accepted.
    #[serde(with = "time::serde::rfc3339::option")]
    pub uploaded_at: Option<OffsetDateTime>,
    /// When it last changed.
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
}

/// An upload in the list of incomplete uploads.
#[derive(Debug, Serialize, ToSchema)]
pub struct UploadSummary {
    /// The id of the upload.
    pub upload_id: String,
    /// `active`, `failed` or `expired`.
    pub status: String,
    /// The size of the whole file in bytes.
    pub total_size: u64,
    /// The size of each chunk but the last, in bytes.
    pub chunk_size: u64,
    /// How many chunks there are.
    pub total_chunks: u32,
    /// When the upload began.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// Until when it must be complete.
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
}
