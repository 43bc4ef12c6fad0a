//! `POST /embed-v2`.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::Request;
use onespace_wire::embed_v2::EmbedRequest;
use onespace_wire::embedding::EmbedResponse;
use onespace_wire::error_code::ErrorBody;

use crate::app::App;
use crate::body::read_json;
use crate::embed;
use crate::error::ApiResult;
use crate::middleware::authenticate::Owner;

/// Embeds text, a picture, or text and up to ten named pictures, as one vector.
#[utoipa::path(
    post, path = "/embed-v2", tag = "embed", operation_id = "create_embedding",
    request_body = EmbedRequest,
    responses(
        (status = 200, description = "One vector", body = EmbedResponse),
        (status = 400, description = "A parameter that cannot be used", body = ErrorBody),
        (status = 401, description = "No valid API key", body = ErrorBody),
        (status = 408, description = "The body arrived too slowly", body = ErrorBody),
        (status = 413, description = "The body or a picture is too large", body = ErrorBody),
        (status = 429, description = "The server is busy", body = ErrorBody),
        (status = 500, description = "A fault of the server", body = ErrorBody),
        (status = 503, description = "The server is stopping", body = ErrorBody),
    ),
    security(("api_key" = []))
)]
pub(crate) async fn create_embedding(
    State(app): State<App>,
    Owner(scope): Owner,
    request: Request<Body>,
) -> ApiResult<Response> {
    let body = read_json::<EmbedRequest>(&app, request).await?;
    let mut plan = embed::plan::plan(&app.models, &app.settings.limits, body.value)?;
    let outcome = embed::execute(&app, &scope, &mut plan).await?;
    drop(body.memory);
    Ok(embed::render::render(&plan, outcome))
}
