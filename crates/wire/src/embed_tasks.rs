//! `/embed-v2/tasks`: embeddings made in the background and kept seven days.

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::embedding::{EmbeddingItem, Usage};

/// A task as `POST /embed-v2/tasks` answers it.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreatedTask {
    /// The id: 24 lower-case hexadecimal digits.
    #[serde(rename = "_id")]
    pub id: String,
    /// `processing`.
    pub status: String,
    /// Always `null` here: retrieve the task for its vectors.
    pub data: Option<Vec<EmbeddingItem>>,
    /// The dimension that was asked for.
    pub metadata: CreatedTaskMetadata,
}

/// What a task that was just created tells of its result.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreatedTaskMetadata {
    /// How many values the vector will have.
    pub embedding_dimension: usize,
}

/// A task as `GET /embed-v2/tasks/{task_id}` answers it.
#[derive(Debug, Serialize, ToSchema)]
pub struct EmbedTask {
    /// The id.
    #[serde(rename = "_id")]
    pub id: String,
    /// `processing`, `ready` or `failed`.
    pub status: String,
    /// When it was created.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When its status last changed.
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
    /// The vectors when ready, else `null`.
    pub data: Option<Vec<EmbeddingItem>>,
    /// Tokens read, when ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// What was embedded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<TaskMetadata>,
    /// Why it failed, when it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<TaskError>,
}

/// What a task embeds.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaskMetadata {
    /// Always `image`.
    pub input_type: String,
    /// The link, when the picture came by URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_url: Option<String>,
    /// The name of the file, when the picture came as an asset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_filename: Option<String>,
    /// Always `["visual"]`.
    pub embedding_options: Vec<String>,
    /// Always `["asset"]`.
    pub embedding_scopes: Vec<String>,
    /// How many values the vector has.
    pub embedding_dimension: usize,
}

/// Why a task failed.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaskError {
    /// One or two sentences. Not a contract.
    pub message: String,
}

/// A task in the list of tasks: without its vectors.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaskSummary {
    /// The id.
    #[serde(rename = "_id")]
    pub id: String,
    /// The model that the request named.
    pub model_name: String,
    /// `processing`, `ready` or `failed`.
    pub status: String,
    /// When it was created.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When its status last changed.
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
    /// What it embeds.
    pub image_embedding: ImageEmbeddingSummary,
}

/// What an image task in a list embeds.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImageEmbeddingSummary {
    /// Options and scopes.
    pub metadata: ImageEmbeddingSummaryMetadata,
}

/// Options and scopes of an image task in a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImageEmbeddingSummaryMetadata {
    /// Always `["visual"]`.
    pub image_embedding_option: Vec<String>,
    /// Always `["asset"]`.
    pub image_embedding_scope: Vec<String>,
}
