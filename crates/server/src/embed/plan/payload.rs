//! The object that `input_type` names, reduced to a text and a list of sources.

use onespace_wire::UnknownFields;
use onespace_wire::embed_v2::{
    EmbedRequest, InputType, MediaSource, MultiInput, MultiInputMediaSource,
};
use onespace_wire::error_code::ErrorCode;

use super::refuse_unknown;
use crate::error::{ApiError, ApiResult};

/// The input of a request, whatever its type.
pub(super) struct Payload {
    /// The text, when the request has one.
    pub(super) text: Option<InputText>,
    /// The pictures in the order of the request.
    pub(super) sources: Vec<GivenSource>,
}

/// A text and the field that it came in.
pub(super) struct InputText {
    pub(super) field: &'static str,
    pub(super) value: String,
    /// Whether `<@name>` has a meaning in it.
    pub(super) has_placeholders: bool,
}

/// A source as given, unchecked.
pub(super) struct GivenSource {
    /// The object that it stood in, for messages.
    pub(super) field: String,
    /// `None` where the API has no such member; `Some(None)` where it is missing.
    pub(super) media_type: Option<Option<String>>,
    pub(super) name: Option<String>,
    pub(super) url: Option<String>,
    pub(super) base64_string: Option<String>,
    pub(super) asset_id: Option<String>,
    pub(super) unknown: UnknownFields,
}

impl Payload {
    /// The object of `input_type`; other objects of the request are ignored.
    pub(super) fn of(input_type: InputType, request: EmbedRequest) -> ApiResult<Self> {
        let missing = || ApiError::missing(input_type.name());
        match input_type {
            InputType::Text => {
                let given = request.text.ok_or_else(missing)?;
                refuse_unknown("text", &given.unknown)?;
                let text = required_text("text.input_text", given.input_text)?;
                Ok(Self { text: Some(text), sources: Vec::new() })
            }
            InputType::Image => {
                let given = request.image.ok_or_else(missing)?;
                refuse_unknown("image", &given.unknown)?;
                refuse_task_options(&given)?;
                let source = media_source("image.media_source", given.media_source)?;
                Ok(Self { text: None, sources: vec![source] })
            }
            InputType::TextImage => {
                let given = request.text_image.ok_or_else(missing)?;
                refuse_unknown("text_image", &given.unknown)?;
                let text = required_text("text_image.input_text", given.input_text)?;
                let source = media_source("text_image.media_source", given.media_source)?;
                Ok(Self { text: Some(text), sources: vec![source] })
            }
            InputType::MultiInput => multi_input(request.multi_input.ok_or_else(missing)?),
        }
    }
}

fn multi_input(given: MultiInput) -> ApiResult<Payload> {
    refuse_unknown("multi_input", &given.unknown)?;
    let text = given.input_text.filter(|text| !text.is_empty()).map(|value| InputText {
        field: "multi_input.input_text",
        value,
        has_placeholders: true,
    });
    let sources: Vec<_> = given
        .media_sources
        .unwrap_or_default()
        .into_iter()
        .enumerate()
        .map(|(index, source)| named_source(index, source))
        .collect();
    if text.is_none() && sources.is_empty() {
        return Err(nothing_to_embed());
    }
    Ok(Payload { text, sources })
}

/// There is neither text nor a picture.
pub(super) fn nothing_to_embed() -> ApiError {
    let message = "`multi_input` has nothing to embed: give `input_text`, `media_sources` or both.";
    ApiError::new(ErrorCode::ParameterNotProvided, message)
}

fn required_text(field: &'static str, text: Option<String>) -> ApiResult<InputText> {
    let value = text.filter(|text| !text.is_empty()).ok_or_else(|| ApiError::missing(field))?;
    Ok(InputText { field, value, has_placeholders: false })
}

/// The synchronous route has no options for pictures; the task route has.
fn refuse_task_options(given: &onespace_wire::embed_v2::ImageInput) -> ApiResult<()> {
    let options = [
        ("image.embedding_option", given.embedding_option.is_some()),
        ("image.embedding_scope", given.embedding_scope.is_some()),
        ("image.embedding_type", given.embedding_type.is_some()),
    ];
    match options.into_iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((field, _)) => Err(ApiError::new(
            ErrorCode::ParameterUnknown,
            format!("`{field}` is a parameter of `/embed-v2/tasks` only. Remove it."),
        )),
    }
}

fn media_source(field: &str, source: Option<MediaSource>) -> ApiResult<GivenSource> {
    let source = source.ok_or_else(|| ApiError::missing(field))?;
    Ok(GivenSource {
        field: field.to_owned(),
        media_type: None,
        name: None,
        url: source.url,
        base64_string: source.base64_string,
        asset_id: source.asset_id,
        unknown: source.unknown,
    })
}

fn named_source(index: usize, source: MultiInputMediaSource) -> GivenSource {
    GivenSource {
        field: format!("multi_input.media_sources[{index}]"),
        media_type: Some(source.media_type),
        name: source.name,
        url: source.url,
        base64_string: source.base64_string,
        asset_id: source.asset_id,
        unknown: source.unknown,
    }
}
