//! `POST /embed-v2` and `POST /embed-v2/tasks`: the request.
//!
//! Every member is optional here, an explicit `null` is the same as absence, and unknown members
//! are collected: the plan stage decides what is missing and in which order that is said.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::UnknownFields;

/// The body of `POST /embed-v2` and of `POST /embed-v2/tasks`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(examples(json!({
    "input_type": "multi_input", "model_name": "marengo3.0",
    "multi_input": {
        "input_text": "<@img1> to the left of <@img2>",
        "media_sources": [
            {"name": "img1", "media_type": "image", "asset_id": "65f0c0ffee0123456789abcd"},
            {"name": "img2", "media_type": "image", "url": "https://example.com/tree.png"}
        ]
    }
})))]
pub struct EmbedRequest {
    /// `text`, `image`, `text_image` or `multi_input`: which one of the objects below is read.
    pub input_type: Option<String>,
    /// `marengo3.0` (the default), `marengo3.5`, or the name of the model that is loaded.
    pub model_name: Option<String>,
    /// The input of `input_type` `text`.
    pub text: Option<TextInput>,
    /// The input of `input_type` `image`.
    pub image: Option<ImageInput>,
    /// The input of `input_type` `text_image`.
    pub text_image: Option<TextImageInput>,
    /// The input of `input_type` `multi_input`.
    pub multi_input: Option<MultiInput>,
    /// Audio is not served: `input_type` `audio` is refused.
    #[schema(value_type = Option<Object>)]
    pub audio: Option<Value>,
    /// Video is not served: `input_type` `video` is refused.
    #[schema(value_type = Option<Object>)]
    pub video: Option<Value>,
    /// Documents are not served: `input_type` `document` is refused.
    #[schema(value_type = Option<Object>)]
    pub document: Option<Value>,
    /// How many leading values to return, re-normalised to unit length: 128, 256 or 512.
    /// Not with `marengo3.0`.
    pub embedding_dimension: Option<i64>,
    /// Not supported: `true` is refused.
    pub embedding_uncertainty: Option<bool>,
    /// Cut text above the token limit instead of refusing it. Not with `marengo3.0`.
    pub auto_truncate: Option<bool>,
    /// An extension of onespace: what the vector is for, such as `Find the product in the picture.`
    /// Only with models that take an instruction; absent means their neutral one.
    pub instruction: Option<String>,
    /// Whatever else the body holds.
    #[serde(flatten)]
    #[schema(ignore)]
    pub unknown: UnknownFields,
}

/// The object `text`.
#[derive(Debug, Deserialize, ToSchema)]
pub struct TextInput {
    /// The text, at least one character.
    pub input_text: Option<String>,
    /// Whatever else the object holds.
    #[serde(flatten)]
    #[schema(ignore)]
    pub unknown: UnknownFields,
}

/// The object `image`. The last three members are read by `/embed-v2/tasks` only.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ImageInput {
    /// Where the picture is.
    pub media_source: Option<MediaSource>,
    /// Tasks only: `["visual"]`, the default, is the only value.
    pub embedding_option: Option<Vec<String>>,
    /// Tasks only: `["asset"]`, the default, is the only value.
    pub embedding_scope: Option<Vec<String>>,
    /// Tasks only: `["separate_embedding"]`, the default, is the only value.
    pub embedding_type: Option<Vec<String>>,
    /// Whatever else the object holds.
    #[serde(flatten)]
    #[schema(ignore)]
    pub unknown: UnknownFields,
}

/// The object `text_image`: one picture and a text, embedded together.
#[derive(Debug, Deserialize, ToSchema)]
pub struct TextImageInput {
    /// Where the picture is.
    pub media_source: Option<MediaSource>,
    /// The text, at least one character.
    pub input_text: Option<String>,
    /// Whatever else the object holds.
    #[serde(flatten)]
    #[schema(ignore)]
    pub unknown: UnknownFields,
}

/// Where a picture is: exactly one of the three members.
#[derive(Debug, Deserialize, ToSchema)]
pub struct MediaSource {
    /// A direct http or https link to the file.
    pub url: Option<String>,
    /// The file in base64; a `data:` prefix is tolerated and its type not trusted.
    pub base64_string: Option<String>,
    /// The id of an asset of the same account.
    pub asset_id: Option<String>,
    /// Whatever else the object holds.
    #[serde(flatten)]
    #[schema(ignore)]
    pub unknown: UnknownFields,
}

/// The object `multi_input`: text, pictures, or both, embedded as one sequence.
#[derive(Debug, Deserialize, ToSchema)]
pub struct MultiInput {
    /// Plain text, or text with `<@name>` where the picture of that name takes its place.
    pub input_text: Option<String>,
    /// At most ten pictures; those that the text does not name come first, in this order.
    pub media_sources: Option<Vec<MultiInputMediaSource>>,
    /// Whatever else the object holds.
    #[serde(flatten)]
    #[schema(ignore)]
    pub unknown: UnknownFields,
}

/// One picture of a `multi_input`: exactly one of `url`, `base64_string` and `asset_id`.
#[derive(Debug, Deserialize, ToSchema)]
pub struct MultiInputMediaSource {
    /// The name that the text may refer to as `<@name>`: 1 to 64 of `A-Z a-z 0-9 _ . -`.
    pub name: Option<String>,
    /// `image`. `video`, `audio` and `document` are refused.
    pub media_type: Option<String>,
    /// A direct http or https link to the file.
    pub url: Option<String>,
    /// The file in base64.
    pub base64_string: Option<String>,
    /// The id of an asset of the same account.
    pub asset_id: Option<String>,
    /// Whatever else the object holds.
    #[serde(flatten)]
    #[schema(ignore)]
    pub unknown: UnknownFields,
}

/// The kinds of input that onespace embeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InputType {
    /// Text alone.
    Text,
    /// One picture alone.
    Image,
    /// One picture and a text.
    TextImage,
    /// Up to ten pictures, named or not, and a text.
    MultiInput,
}

impl InputType {
    /// The name of the input type, which is also the name of the object that holds the input.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Image => "image",
            Self::TextImage => "text_image",
            Self::MultiInput => "multi_input",
        }
    }

    /// The input type of that name, if onespace serves it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Text, Self::Image, Self::TextImage, Self::MultiInput]
            .into_iter()
            .find(|input_type| input_type.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_absence_and_unknown_members_are_kept() {
        let request: EmbedRequest = serde_json::from_str(
            r#"{"input_type":"image","model_name":null,"colour":"red",
                "image":{"media_source":{"url":null,"asset_id":"a","size":3}}}"#,
        )
        .expect("well-formed");
        assert!(request.model_name.is_none());
        assert!(request.unknown.contains_key("colour"));
        let source = request.image.and_then(|image| image.media_source).expect("given");
        assert!(source.url.is_none() && source.unknown.contains_key("size"));
    }
}
