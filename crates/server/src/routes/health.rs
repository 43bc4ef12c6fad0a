//! `/healthz` and `/readyz`, for whoever watches the process; they need no key.

use axum::extract::State;
use http::StatusCode;

use crate::app::App;

/// The process answers.
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// The store takes writes and the server is not stopping.
pub(crate) async fn readyz(State(app): State<App>) -> (StatusCode, &'static str) {
    if app.stopping.is_cancelled() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping\n")
    } else if app.store.is_healthy() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "storage refuses writes after a disk fault\n")
    }
}
