//! The answer in the wire's shape.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue};
use onespace_wire::embed_v2::InputType;
use onespace_wire::embedding::{EmbedMetadata, EmbedResponse, EmbeddingItem, InputTokens, Usage};

use super::plan::EmbedPlan;
use super::{Outcome, StageTimes};
use crate::catalog::{Dialect, ServedModel};

/// The header that names the vector space: model, revision, weights, preprocessing, precision.
pub(crate) const SPACE: HeaderName = HeaderName::from_static("x-onespace-space");
/// The header that names the model itself, whatever alias the request used.
pub(crate) const MODEL: HeaderName = HeaderName::from_static("x-onespace-model");
/// The header that tells of text longer than the model reads at a time.
const TEXT_CHUNKS: HeaderName = HeaderName::from_static("x-onespace-text-chunks");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// The answer of `POST /embed-v2`.
pub(crate) fn render(plan: &EmbedPlan, outcome: Outcome) -> Response {
    let used = outcome.used;
    let body = EmbedResponse {
        metadata: metadata(plan, &outcome),
        usage: plan.model.dialect.is_matryoshka().then(|| usage(plan, outcome.image_tokens)),
        data: vec![EmbeddingItem::whole(outcome.vector)],
    };
    let mut response = Json(body).into_response();
    response.extensions_mut().insert(used);
    name_space(&mut response, &plan.model);
    count_chunks(&mut response, plan.text_chunks());
    if let Ok(value) = HeaderValue::from_str(&server_timing(outcome.timing)) {
        response.headers_mut().insert(SERVER_TIMING, value);
    }
    response
}

/// Adds the headers that say which space a vector belongs to.
pub(crate) fn name_space(response: &mut Response, model: &ServedModel) {
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&model.space) {
        headers.insert(SPACE, value);
    }
    if let Ok(value) = HeaderValue::from_str(&model.description().name) {
        headers.insert(MODEL, value);
    }
}

/// Says in how many chunks the text was embedded, where it was more than one.
pub(crate) fn count_chunks(response: &mut Response, text_chunks: usize) {
    if text_chunks > 1 {
        response.headers_mut().insert(TEXT_CHUNKS, HeaderValue::from(text_chunks));
    }
}

fn metadata(plan: &EmbedPlan, outcome: &Outcome) -> Option<EmbedMetadata> {
    let input_type = plan.input_type;
    let of_multi_input = input_type == InputType::MultiInput;
    let provenance = if of_multi_input {
        super::resolve::Provenance::default()
    } else {
        outcome.provenance.clone()
    };
    let dimension = of_multi_input && plan.model.dialect != Dialect::Marengo30;
    (input_type != InputType::Text).then(|| EmbedMetadata {
        input_type,
        input_url: provenance.url,
        input_filename: provenance.filename,
        embedding_dimension: dimension.then_some(plan.dimension),
    })
}

/// What a request is counted as.
pub(crate) fn usage(plan: &EmbedPlan, image_tokens: usize) -> Usage {
    let counted = |tokens: usize| (tokens > 0).then_some(tokens);
    Usage {
        input_tokens: InputTokens { image: counted(image_tokens), text: counted(plan.text_tokens) },
        truncated: plan.truncated,
        truncation_reason: plan.truncated.then(|| "model_context_window".to_owned()),
    }
}

fn server_timing(timing: StageTimes) -> String {
    let StageTimes { resolve_ms, prepare_ms, run_ms } = timing;
    format!("resolve;dur={resolve_ms:.2}, prepare;dur={prepare_ms:.2}, run;dur={run_ms:.2}")
}
