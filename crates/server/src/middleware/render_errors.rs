//! The body of every error, in the shape of its route's family.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Request, header};
use onespace_wire::error_code::ErrorBody;

use crate::error::{ApiError, RetryAfter};

/// The family whose errors are both flat and nested.
const NESTED_FAMILY: &str = "/v1.3/embed-v2";

/// Writes the body of an error response and logs its cause.
pub(crate) async fn render_errors(request: Request<Body>, next: Next) -> Response {
    let nested = request.uri().path().starts_with(NESTED_FAMILY);
    let response = next.run(request).await;
    let Some(error) = response.extensions().get::<Arc<ApiError>>().cloned() else {
        return response;
    };
    let body = if nested {
        ErrorBody::superset(error.code, &error.message)
    } else {
        ErrorBody::flat(error.code, &error.message)
    };
    let (mut head, _) = response.into_parts();
    head.headers.remove(header::CONTENT_LENGTH);
    if let Some(retry_after) = error.retry_after {
        let seconds = match retry_after {
            RetryAfter::WithRoom(seconds) => jittered(seconds),
            RetryAfter::AtTheEnd(seconds) => seconds,
        };
        head.headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    let rendered = Json(body).into_response();
    head.headers.extend(rendered.headers().clone());
    Response::from_parts(head, rendered.into_body())
}

/// Spreads the return of refused clients: up to half as long again, never above the 30 s that the
/// SDKs obey.
fn jittered(seconds: u64) -> u64 {
    let mut random = [0u8; 1];
    // Without randomness clients come back together, which is a nuisance and no fault.
    let _unavailable = getrandom::fill(&mut random);
    (seconds + seconds * u64::from(random[0]) / 512).clamp(1, 30)
}
