//! The console's API: JSON for its own pages. It is no part of the public API and may change with
//! them; programs use keys and `/v1.3`.

pub(super) mod keys;
pub(super) mod members;
pub(super) mod pictures;
pub(super) mod search;
pub(super) mod session;
pub(super) mod thumbnails;
pub(super) mod usage;
pub(super) mod users;
pub(super) mod vectors;

use axum::body::Body;
use http::Request;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::body::read_json_within;
use crate::error::ApiResult;

/// The largest body, in bytes: a query vector of some thousand values fits.
const BODY_BYTES_MAX: usize = 128 << 10;

/// Reads a small JSON body.
async fn read<T: DeserializeOwned + Send + 'static>(
    app: &App,
    request: Request<Body>,
) -> ApiResult<T> {
    Ok(read_json_within(app, request, BODY_BYTES_MAX).await?.value)
}
