//! The outermost layer: the request id, the fixed headers, one log line and the counters.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue, Request};
use onespace_store::OwnerScope;

use crate::app::App;
use crate::error::ApiError;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const API_VERSION: HeaderName = HeaderName::from_static("x-api-version");

/// Gives the request an id, and once it is answered, writes its line in the log.
pub(crate) async fn complete(
    State(app): State<App>,
    request: Request<Body>,
    next: Next,
) -> Response {
    let started = Instant::now();
    let request_id = new_request_id();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let route = route.unwrap_or_else(|| "unmatched".to_owned());
    let mut response = next.run(request).await;
    let status = response.status().as_u16();
    let elapsed = started.elapsed();
    app.metrics.observe_request(&route, status, elapsed.as_secs_f64());
    let key = response.extensions().get::<OwnerScope>().map(|scope| scope.key_id().to_owned());
    let error = response.extensions().get::<Arc<ApiError>>().cloned();
    tracing::info!(
        request.id = %request_id,
        request.key = key.as_deref().unwrap_or("none"),
        request.method = %method,
        request.route = %route,
        response.status = status,
        response.ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        error.code = error.as_ref().map(|error| error.code.code()),
        "request"
    );
    log_cause(&request_id, status, error.as_deref());
    let headers = response.headers_mut();
    headers.insert(API_VERSION, HeaderValue::from_static("1.3"));
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        headers.insert(REQUEST_ID, value);
    }
    response
}

/// Causes hold library text, never content or secrets; those of client errors are for debugging.
fn log_cause(request_id: &str, status: u16, error: Option<&ApiError>) {
    let Some(cause) = error.and_then(|error| error.cause.as_ref()) else { return };
    if status >= 500 {
        tracing::error!(request.id = %request_id, cause = %chain(cause.as_ref()), "cause");
    } else {
        tracing::debug!(request.id = %request_id, cause = %chain(cause.as_ref()), "cause");
    }
}

/// An error and its sources in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(next) = source {
        text.push_str(": ");
        text.push_str(&next.to_string());
        source = next.source();
    }
    text
}

/// 24 hexadecimal digits of randomness.
fn new_request_id() -> String {
    let mut random = [0u8; 12];
    // Without randomness ids repeat, which hurts the reading of logs only.
    let _unavailable = getrandom::fill(&mut random);
    hex::encode(random)
}
