//! The one variable segment of a path: an id, or an upload token.

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use onespace_wire::error_code::ErrorCode;

use crate::error::{ApiError, ApiResult};

/// The text of the variable segment.
pub(crate) struct PathSegment(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for PathSegment {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        let Path(segment) =
            Path::<String>::from_request_parts(parts, state).await.map_err(|rejection| {
                let message = "The id in the path is not UTF-8 text.";
                ApiError::new(ErrorCode::ParameterInvalid, message).caused_by(rejection)
            })?;
        Ok(Self(segment))
    }
}
