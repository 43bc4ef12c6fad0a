//! From what JSON said to what will be done: every check that needs neither bytes nor a network.
//!
//! The order is the documented one (docs/API-COMPATIBILITY.md, "Order of checks"): unknown fields,
//! `input_type`, `model_name`, whether the two go together, options, the payload, its text, its
//! sources one by one, and last the names in the text.

mod options;
mod payload;
mod placeholders;
mod sources;
mod text;

use onespace_media::{PreparedImage, PreprocessSpec};
use onespace_models::{InputPart, TokenizedInput, TokenizedPart};
use onespace_wire::UnknownFields;
use onespace_wire::embed_v2::{EmbedRequest, InputType};
use onespace_wire::error_code::ErrorCode;

use crate::catalog::{Dialect, ModelCatalog, ServedModel};
use crate::error::{ApiError, ApiResult};
use crate::settings::RequestLimits;

pub(crate) use options::Options;
pub(crate) use sources::{Origin, Source, SourceField, one_origin};

/// A request that can be carried out, as far as can be told without bytes.
pub(crate) struct EmbedPlan {
    pub(crate) model: ServedModel,
    pub(crate) input_type: InputType,
    /// How many values the answer has.
    pub(crate) dimension: usize,
    /// What the model will read: text tokens, and pictures by their index in `sources`.
    pub(crate) input: TokenizedInput,
    /// The pictures in the order of the request.
    pub(crate) sources: Vec<Source>,
    /// Text tokens after cutting, one for each placeholder included.
    pub(crate) text_tokens: usize,
    /// Whether text was cut at the limit.
    pub(crate) truncated: bool,
}

impl EmbedPlan {
    /// One picture and nothing else: what image tasks and the older route ask for.
    ///
    /// # Errors
    ///
    /// `parameter_invalid` from models that read text only; 500 when the tokenizer fails on the
    /// model's own prompt.
    pub(crate) fn of_one_picture(
        model: &ServedModel,
        dimension: usize,
        source: Source,
    ) -> ApiResult<Self> {
        sources::check_reads_pictures(model, source.field.name())?;
        let tokenized = model.engine.model().tokenize(&[InputPart::Image(0)]);
        Ok(Self {
            model: model.clone(),
            input_type: InputType::Image,
            dimension,
            input: tokenized.map_err(ApiError::internal)?,
            sources: vec![source],
            text_tokens: 0,
            truncated: false,
        })
    }

    /// What the pictures are to be turned into.
    pub(crate) fn preprocess(&self) -> PreprocessSpec {
        self.model.engine.model().preprocess(&self.input)
    }

    /// How many tokens of pictures the model reads, given the prepared `pictures`.
    pub(crate) fn image_tokens(&self, pictures: &[PreparedImage]) -> usize {
        let tokens = |part: &TokenizedPart| match part {
            TokenizedPart::Text(_) | TokenizedPart::Frame(_) => 0,
            TokenizedPart::Image(index) => {
                let picture = &pictures[*index];
                self.model.engine.model().image_tokens(picture.width, picture.height)
            }
        };
        self.input.parts.iter().map(tokens).sum()
    }

    /// In how many chunks the model embeds the text.
    pub(crate) fn text_chunks(&self) -> usize {
        self.model.description().text_chunks(self.input.text_tokens())
    }
}

/// Checks a synchronous request.
///
/// # Errors
///
/// The first fault in the documented order, with the field that it is in.
pub(crate) fn plan(
    models: &ModelCatalog,
    limits: &RequestLimits,
    request: EmbedRequest,
) -> ApiResult<EmbedPlan> {
    refuse_unknown("", &request.unknown)?;
    let input_type = input_type(request.input_type.as_deref())?;
    let model = model(models, request.model_name.as_deref())?;
    if model.dialect == Dialect::Marengo35 && input_type != InputType::MultiInput {
        let message = format!(
            "`input_type` `{}` does not go with `{}`: use `multi_input`, or `marengo3.0`.",
            input_type.name(),
            model.name
        );
        return Err(ApiError::new(ErrorCode::ParameterInvalid, message));
    }
    let options = Options::of(&model, limits, &request)?;
    let payload = payload::Payload::of(input_type, request)?;
    let given: Vec<_> = payload.sources.iter().map(|source| source.name.as_deref()).collect();
    let stretches = text::stretches(limits, payload.text.as_ref())?;
    let arrangement = placeholders::arrange(stretches, &given);
    let field = payload.text.as_ref().map(|text| text.field);
    let text = text::PlannedText::of(&model, field, &arrangement, &options)?;
    let images_max = model.description().images_max;
    if let Some(source) = payload.sources.first() {
        sources::check_reads_pictures(&model, &source.field)?;
    }
    sources::check_count(payload.sources.len(), images_max)?;
    let sources = sources::check_each(payload.sources)?;
    arrangement.check_names()?;
    sources::check_placements(text.input.images(), images_max)?;
    if text.input.parts.is_empty() {
        return Err(payload::nothing_to_embed());
    }
    Ok(EmbedPlan {
        model,
        input_type,
        dimension: options.dimension,
        input: text.input,
        sources,
        text_tokens: text.tokens,
        truncated: text.truncated,
    })
}

fn input_type(name: Option<&str>) -> ApiResult<InputType> {
    let name =
        name.filter(|name| !name.is_empty()).ok_or_else(|| ApiError::missing("input_type"))?;
    InputType::from_name(name).ok_or_else(|| match name {
        "audio" | "video" | "document" => ApiError::invalid(
            "input_type",
            format_args!("`{name}` is not served by onespace, which embeds text and images."),
        ),
        _ => ApiError::invalid(
            "input_type",
            "must be one of `text`, `image`, `text_image`, `multi_input`.",
        ),
    })
}

/// The model that answers to `name`; no name stands for `marengo3.0`.
pub(crate) fn model(models: &ModelCatalog, name: Option<&str>) -> ApiResult<ServedModel> {
    let name = name.unwrap_or("marengo3.0");
    models.find(name).cloned().ok_or_else(|| {
        let names: Vec<_> = models.names().map(|name| format!("`{name}`")).collect();
        ApiError::invalid("model_name", format_args!("must be one of {}.", names.join(", ")))
    })
}

/// Refuses members that the API does not have; `path` names the object, empty for the body.
pub(crate) fn refuse_unknown(path: &str, unknown: &UnknownFields) -> ApiResult<()> {
    let Some(name) = unknown.keys().next() else { return Ok(()) };
    let name: String = name.chars().take(64).collect();
    let field = if path.is_empty() { name } else { format!("{path}.{name}") };
    let message = format!("`{field}` is not a parameter of this call. Remove it.");
    Err(ApiError::new(ErrorCode::ParameterUnknown, message))
}

#[cfg(test)]
mod tests;
