//! Every route, in one list, and what is around them.
//!
//! A request passes, from outside in: `complete` (request id, log line, counters),
//! `close_after_unread_body`, `render_errors` (the body of an error in its family's shape), `CatchPanic` (a panic is a 500), and, on every API
//! route but the self-authorising chunk upload, `authenticate`, before a byte of its body is read.

use axum::extract::{DefaultBodyLimit, State};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::console;
use crate::error::ApiError;
use crate::middleware::authenticate::authenticate;
use crate::middleware::completion::complete;
use crate::middleware::render_errors::render_errors;
use crate::middleware::unread_body::close_after_unread_body;
use crate::openapi::document;
use crate::routes::{
    assets, chunk_reports, embed_tasks, embed_v1, embed_v2, health, multipart_uploads, not_served,
    upload_parts, user_metadata,
};

/// Routes that need a key.
fn keyed_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(embed_v2::create_embedding))
        .routes(routes!(embed_tasks::create_embed_task, embed_tasks::list_embed_tasks))
        .routes(routes!(embed_tasks::retrieve_embed_task))
        .routes(routes!(embed_v1::create_embedding_v1))
        .routes(routes!(assets::create_asset, assets::list_assets))
        .routes(routes!(assets::retrieve_asset, assets::delete_asset))
        .routes(routes!(
            user_metadata::replace_user_metadata,
            user_metadata::merge_user_metadata,
            user_metadata::clear_user_metadata
        ))
        .routes(routes!(multipart_uploads::create_upload, multipart_uploads::list_uploads))
        .routes(routes!(multipart_uploads::retrieve_upload, chunk_reports::report_chunks))
        .routes(routes!(multipart_uploads::create_part_urls))
}

/// Routes that authorise themselves.
fn open_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(upload_parts::put_chunk))
}

/// The OpenAPI document of all routes under `/v1.3`.
#[must_use]
pub fn openapi() -> OpenApi {
    let (_, spec) = document().nest("/v1.3", keyed_routes().merge(open_routes())).split_for_parts();
    spec
}

/// The fields of the two routes that take a form, which OpenAPI describes in words only.
#[must_use]
pub fn form_fields() -> [(&'static str, Vec<&'static str>); 2] {
    [
        ("POST /v1.3/assets", assets::FORM.names().collect()),
        ("POST /v1.3/embed", embed_v1::FORM.names().collect()),
    ]
}

/// The whole service.
pub fn router(app: App) -> Router {
    let (open, _) = open_routes().split_for_parts();
    let (keyed, _) = keyed_routes().split_for_parts();
    let keyed = keyed
        .fallback(not_served::no_route)
        .method_not_allowed_fallback(not_served::no_method)
        .layer(from_fn_with_state(app.clone(), authenticate));
    let spec = openapi();
    let spec = get(move || std::future::ready(Json(spec.clone())));
    let api = Router::new()
        .nest("/v1.3", open.method_not_allowed_fallback(not_served::no_method))
        .route("/v1.3/openapi.json", spec.clone())
        .nest("/v1.3", keyed);
    Router::new()
        .merge(api)
        .merge(console::routes(&app))
        .route("/openapi.json", spec)
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .fallback(not_served::no_route)
        .layer(CatchPanicLayer::custom(answer_panic))
        .layer(from_fn(render_errors))
        .layer(from_fn(close_after_unread_body))
        .layer(from_fn_with_state(app.clone(), complete))
        // Each reader of a body has its own limit; axum's would cut forms at 2 MB.
        .layer(DefaultBodyLimit::disable())
        .with_state(app)
}

/// The service of the metrics listener: counters, and nothing else.
pub fn metrics_router(app: App) -> Router {
    let metrics = |State(app): State<App>| async move { app.metrics.render(&app.models) };
    Router::new().route("/metrics", get(metrics)).with_state(app)
}

#[expect(clippy::needless_pass_by_value, reason = "the signature is tower-http's")]
fn answer_panic(panic: Box<dyn std::any::Any + Send>) -> Response {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without text");
    ApiError::internal(format!("panic: {text}")).into_response()
}
