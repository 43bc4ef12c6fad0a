//! Honest answers for what is not there.

use axum::extract::OriginalUri;
use http::Method;
use onespace_wire::error_code::ErrorCode;

use crate::error::ApiError;

/// A path that is no route of onespace.
pub(crate) async fn no_route(OriginalUri(uri): OriginalUri) -> ApiError {
    let path: String = uri.path().chars().take(200).collect();
    let message = format!(
        "`{path}` is not served by onespace. It serves `/v1.3/embed-v2`, `/v1.3/embed-v2/tasks`, \
         `/v1.3/embed` and `/v1.3/assets`; `/v1.3/openapi.json` lists all routes."
    );
    ApiError::new(ErrorCode::RouteNotFound, message)
}

/// A route that exists with other methods only.
pub(crate) async fn no_method(method: Method, OriginalUri(uri): OriginalUri) -> ApiError {
    let path: String = uri.path().chars().take(200).collect();
    let message =
        format!("`{path}` does not take {method}; `/v1.3/openapi.json` lists all routes.");
    ApiError::new(ErrorCode::MethodNotAllowed, message)
}
