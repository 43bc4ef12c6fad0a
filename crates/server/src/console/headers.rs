//! The fixed headers of the console's answers.

use axum::body::Body;
use axum::extract::State;
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, Request, header};

use super::cookie::is_behind_https;
use crate::app::App;

/// Pages load their own scripts and styles and nothing else, from nowhere else; no script makes
/// markup out of text.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";
/// Data is no page: nothing in it may load or run, even when it is opened as one.
const DATA_POLICY: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";
const PERMISSIONS: &str = "camera=(), geolocation=(), microphone=(), payment=(), usb=()";
/// A year, in seconds.
const HSTS: &str = "max-age=31536000";

/// Headers of the pages and their files.
pub(crate) async fn of_pages(
    State(app): State<App>,
    request: Request<Body>,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    add(response.headers_mut(), &app, PAGE_POLICY);
    response
}

/// Headers of the console's API: what it answers is stored nowhere, unless the answer says so.
pub(crate) async fn of_data(
    State(app): State<App>,
    request: Request<Body>,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    keep_to_itself(response.headers_mut(), &app);
    response
}

/// Adds the headers of data: also to answers of the public API that a session asked for.
pub(crate) fn keep_to_itself(headers: &mut HeaderMap, app: &App) {
    add(headers, app, DATA_POLICY);
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

fn add(headers: &mut HeaderMap, app: &App, policy: &'static str) {
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), PERMISSIONS),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if is_behind_https(app) {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HSTS));
    }
}
