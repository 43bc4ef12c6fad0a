//! `POST /embed`: the older route, one vector for the text and one for the picture.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::Request;
use onespace_wire::embed_v1::{EmbedV1Metadata, EmbedV1Response, EmbedV1Result, EmbedV1Segment};
use onespace_wire::embed_v2::{EmbedRequest, TextInput};
use onespace_wire::error_code::{ErrorBody, ErrorCode};

use crate::app::App;
use crate::catalog::{Dialect, ServedModel};
use crate::embed;
use crate::embed::plan::{EmbedPlan, Origin, Source, SourceField};
use crate::error::{ApiError, ApiResult, blocking};
use crate::form::{Form, FormShape, read_form};
use crate::middleware::authenticate::Owner;
use crate::usage::ModelUse;

pub(crate) const FORM: FormShape = FormShape {
    fields: &["model_name", "text", "image_url", "audio_url", "audio_start_offset_sec"],
    file: "image_file",
};

/// Embeds a text, a picture, or both apart (the older form of the API).
#[utoipa::path(
    post, path = "/embed", tag = "embed", operation_id = "create_embedding_v1",
    request_body(content_type = "multipart/form-data", content = String,
        description = "`model_name` (`marengo3.0` or a model's own name) and one or more of \
        `text`, `image_url`, `image_file`"),
    responses(
        (status = 200, description = "A vector for each kind of input", body = EmbedV1Response),
        (status = 400, description = "A parameter that cannot be used", body = ErrorBody),
        (status = 401, description = "No valid API key", body = ErrorBody),
        (status = 413, description = "The picture is too large", body = ErrorBody),
        (status = 429, description = "The server is busy", body = ErrorBody),
    ),
    security(("api_key" = []))
)]
pub(crate) async fn create_embedding_v1(
    State(app): State<App>,
    Owner(scope): Owner,
    request: Request<Body>,
) -> ApiResult<Response> {
    let mut form = read_form(&app, request, &FORM).await?;
    let name = form.field("model_name").ok_or_else(|| ApiError::missing("model_name"))?;
    let model = embed::plan::model(&app.models, Some(name))?;
    refuse_unserved(&form, &model)?;
    let text_plan = text_plan(&app, &form, &model)?;
    let source = image_source(&mut form).await?;
    if text_plan.is_none() && source.is_none() {
        let message = "Give at least one of `text`, `image_url` and `image_file`.";
        return Err(ApiError::new(ErrorCode::ParameterNotProvided, message));
    }
    let text_chunks = text_plan.as_ref().map_or(1, EmbedPlan::text_chunks);
    let mut used = ModelUse::default();
    let text_embedding = match text_plan {
        Some(mut plan) => {
            let outcome = embed::execute(&app, &scope, &mut plan).await?;
            used = used + outcome.used;
            Some(result(outcome.vector, None))
        }
        None => None,
    };
    let image_embedding = match source {
        Some((source, metadata)) => {
            let dimension = model.description().dimension_default;
            let mut plan = EmbedPlan::of_one_picture(&model, dimension, source)?;
            let outcome = embed::execute(&app, &scope, &mut plan).await?;
            used = used + outcome.used;
            Some(result(outcome.vector, Some(metadata)))
        }
        None => None,
    };
    let model_name = model.name.clone();
    let mut response =
        Json(EmbedV1Response { model_name, text_embedding, image_embedding }).into_response();
    embed::render::name_space(&mut response, &model);
    embed::render::count_chunks(&mut response, text_chunks);
    response.extensions_mut().insert(used);
    Ok(response)
}

fn refuse_unserved(form: &Form, model: &ServedModel) -> ApiResult<()> {
    if model.dialect == Dialect::Marengo35 {
        let what = format!("`{}` is not served by this route: use `/embed-v2`.", model.name);
        return Err(ApiError::invalid("model_name", what));
    }
    let audio = ["audio_url", "audio_start_offset_sec"];
    match audio.into_iter().find(|field| form.field(field).is_some()) {
        None => Ok(()),
        Some(field) => {
            let what = "is not served by onespace, which embeds text and images.";
            Err(ApiError::invalid(field, what))
        }
    }
}

/// The text is planned as `/embed-v2` plans it; only the field has another name.
fn text_plan(app: &App, form: &Form, model: &ServedModel) -> ApiResult<Option<EmbedPlan>> {
    let Some(text) = form.field("text") else { return Ok(None) };
    let text = TextInput { input_text: Some(text.to_owned()), unknown: Default::default() };
    let request = EmbedRequest {
        input_type: Some("text".to_owned()),
        model_name: Some(model.name.clone()),
        text: Some(text),
        ..EmbedRequest::default()
    };
    let plan =
        embed::plan::plan(&app.models, &app.settings.limits, request).map_err(|mut error| {
            error.message = error.message.replace("`text.input_text`", "`text`");
            error
        })?;
    Ok(Some(plan))
}

/// The picture; a URL wins over a file, as the API documents.
async fn image_source(form: &mut Form) -> ApiResult<Option<(Source, EmbedV1Metadata)>> {
    if let Some(url) = form.field("image_url") {
        let metadata = EmbedV1Metadata { input_url: Some(url.to_owned()), input_filename: None };
        let source =
            Source { field: SourceField::Form("image_url"), origin: Origin::Url(url.to_owned()) };
        return Ok(Some((source, metadata)));
    }
    let Some(file) = form.file.take() else { return Ok(None) };
    let metadata = EmbedV1Metadata { input_url: None, input_filename: file.filename };
    let bytes = blocking(move || file.blob.read()).await?;
    let source = Source { field: SourceField::Form("image_file"), origin: Origin::Bytes(bytes) };
    Ok(Some((source, metadata)))
}

fn result(vector: Vec<f32>, metadata: Option<EmbedV1Metadata>) -> EmbedV1Result {
    let segments = Some(vec![EmbedV1Segment { values: vector }]);
    EmbedV1Result { segments, error_message: None, metadata }
}
