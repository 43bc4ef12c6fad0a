//! The answer of the embed-v2 family: vectors, what they were made of and what they cost.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::embed_v2::InputType;

/// The body of a successful `POST /embed-v2`.
#[derive(Debug, Serialize, ToSchema)]
pub struct EmbedResponse {
    /// Always one entry: whatever the number of pictures, there is one vector.
    pub data: Vec<EmbeddingItem>,
    /// What was embedded; absent for `input_type` `text`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<EmbedMetadata>,
    /// Tokens read; absent for `marengo3.0`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

/// One vector. The members that only segmented media have are `null`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EmbeddingItem {
    /// The vector, of unit length.
    pub embedding: Vec<f32>,
    /// `visual` in the result of an image task, else `null`.
    pub embedding_option: Option<String>,
    /// `asset` in the result of an image task, else `null`.
    pub embedding_scope: Option<String>,
    /// Always `null`: pictures and text have no time.
    pub start_sec: Option<f64>,
    /// Always `null`.
    pub end_sec: Option<f64>,
}

impl EmbeddingItem {
    /// A vector of a synchronous request.
    #[must_use]
    pub fn whole(embedding: Vec<f32>) -> Self {
        Self {
            embedding,
            embedding_option: None,
            embedding_scope: None,
            start_sec: None,
            end_sec: None,
        }
    }

    /// The vector of an image task.
    #[must_use]
    pub fn visual_asset(embedding: Vec<f32>) -> Self {
        let option = Some("visual".to_owned());
        let scope = Some("asset".to_owned());
        Self { embedding_option: option, embedding_scope: scope, ..Self::whole(embedding) }
    }
}

/// What was embedded.
#[derive(Debug, Serialize, ToSchema)]
pub struct EmbedMetadata {
    /// The input type of the request.
    pub input_type: InputType,
    /// The link, when the one picture came by URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_url: Option<String>,
    /// The name of the file, when the one picture came as an asset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_filename: Option<String>,
    /// How many values the vector has; `multi_input` with `marengo3.5` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedding_dimension: Option<usize>,
}

/// What a request was counted as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    /// Tokens by content type.
    pub input_tokens: InputTokens,
    /// Whether text was cut at the limit (`auto_truncate`).
    pub truncated: bool,
    /// `model_context_window` when text was cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncation_reason: Option<String>,
}

/// Tokens that the model read, by content type; absent where the request had none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InputTokens {
    /// Visual tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<usize>,
    /// Text tokens after cutting, one for each placeholder included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<usize>,
}
