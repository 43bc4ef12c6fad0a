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

use std::collections::BTreeSet;

use onespace_wire::UnknownFields;
use onespace_wire::embed_v2::{EmbedRequest, InputType};
use onespace_wire::error_code::ErrorCode;

use crate::catalog::{Dialect, ModelCatalog, ServedModel};
use crate::error::{ApiError, ApiResult};
use crate::settings::RequestLimits;
use crate::usage::ModelUse;

pub(crate) use options::Options;
pub(crate) use sources::{Origin, Source, SourceField, one_origin};

/// A request that can be carried out, as far as can be told without bytes.
pub(crate) struct EmbedPlan {
    pub(crate) model: ServedModel,
    pub(crate) input_type: InputType,
    /// How many values the answer has.
    pub(crate) dimension: usize,
    /// The sequence: text tokens, and pictures by their index in `sources`.
    pub(crate) parts: Vec<PlannedPart>,
    /// The pictures in the order of the request.
    pub(crate) sources: Vec<Source>,
    /// Text tokens after cutting, one for each placeholder included.
    pub(crate) text_tokens: usize,
    /// Whether text was cut at the limit.
    pub(crate) truncated: bool,
}

/// One part of the sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PlannedPart {
    /// Token ids.
    Text(Vec<u32>),
    /// The picture with this index.
    Picture(usize),
}

impl PlannedPart {
    fn picture(&self) -> Option<usize> {
        match self {
            Self::Text(_) => None,
            Self::Picture(index) => Some(*index),
        }
    }
}

impl EmbedPlan {
    /// One picture and nothing else: what image tasks and the older route ask for.
    pub(crate) fn of_one_picture(model: &ServedModel, dimension: usize, source: Source) -> Self {
        Self {
            model: model.clone(),
            input_type: InputType::Image,
            dimension,
            parts: vec![PlannedPart::Picture(0)],
            sources: vec![source],
            text_tokens: 0,
            truncated: false,
        }
    }

    /// What carrying out the plan uses.
    pub(crate) fn model_use(&self) -> ModelUse {
        let pictures: BTreeSet<usize> =
            self.parts.iter().filter_map(PlannedPart::picture).collect();
        let tokens = self.text_tokens + self.image_tokens();
        ModelUse { images: pictures.len() as u64, tokens: tokens as u64 }
    }

    /// How many visual tokens the model will read.
    pub(crate) fn image_tokens(&self) -> usize {
        let pictures = self.parts.iter().filter(|part| matches!(part, PlannedPart::Picture(_)));
        pictures.count() * self.model.description().visual_tokens_per_image
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
    let options = Options::of(&model, &request)?;
    let payload = payload::Payload::of(input_type, request)?;
    let mut text = text::PlannedText::of(&model, limits, payload.text, options.auto_truncate)?;
    let images_max = model.description().images_max;
    sources::check_count(payload.sources.len(), images_max)?;
    let (names, sources) = sources::check_each(payload.sources)?;
    let parts = placeholders::place(std::mem::take(&mut text.pieces), &names, sources.len())?;
    sources::check_placements(&parts, images_max)?;
    if parts.is_empty() {
        return Err(payload::nothing_to_embed());
    }
    Ok(EmbedPlan {
        model,
        input_type,
        dimension: options.dimension,
        parts,
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
