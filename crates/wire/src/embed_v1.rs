//! `POST /embed`: the older route for one text, one picture, or both apart.

use serde::Serialize;
use utoipa::ToSchema;

/// The body of a successful `POST /embed`.
#[derive(Debug, Serialize, ToSchema)]
pub struct EmbedV1Response {
    /// The model that the request named.
    pub model_name: String,
    /// The vector of the text, when one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_embedding: Option<EmbedV1Result>,
    /// The vector of the picture, when one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_embedding: Option<EmbedV1Result>,
}

/// The vector of one kind of input, or the reason why there is none.
#[derive(Debug, Serialize, ToSchema)]
pub struct EmbedV1Result {
    /// One segment, absent on an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segments: Option<Vec<EmbedV1Segment>>,
    /// Why this kind could not be embedded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// Where the picture came from; absent for text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<EmbedV1Metadata>,
}

/// One vector.
#[derive(Debug, Serialize, ToSchema)]
pub struct EmbedV1Segment {
    /// The vector, of unit length.
    #[serde(rename = "float")]
    pub values: Vec<f32>,
}

/// Where a picture came from.
#[derive(Debug, Serialize, ToSchema)]
pub struct EmbedV1Metadata {
    /// The link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_url: Option<String>,
    /// The name of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_filename: Option<String>,
}
