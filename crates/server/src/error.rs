//! How a fault becomes an answer: a code from the one table, a sentence for the user, and the
//! cause for the log only.

use std::error::Error;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use onespace_engine::EngineError;
use onespace_media::MediaError;
use onespace_store::{StoreError, StoreErrorKind};
use onespace_wire::error_code::ErrorCode;

/// A fault with its outward and its inward side.
///
/// It travels as a response extension; the middleware `render_errors` writes the body in the shape
/// that the route's family has and logs the cause once, under the request id.
#[derive(Debug)]
pub struct ApiError {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
    pub(crate) retry_after: Option<RetryAfter>,
    pub(crate) cause: Option<Box<dyn Error + Send + Sync>>,
}

/// When to come again, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RetryAfter {
    /// When there may be room; clients are spread, so that they do not come back together.
    WithRoom(u64),
    /// When a limit in time ends; earlier is in vain.
    AtTheEnd(u64),
}

/// The result of everything that answers a request.
pub type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    /// A fault with a sentence that tells the user what to change.
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after: None, cause: None }
    }

    /// The value of `field` cannot be used.
    pub(crate) fn invalid(field: &str, what: impl std::fmt::Display) -> Self {
        Self::new(ErrorCode::ParameterInvalid, format!("`{field}` {what}"))
    }

    /// The required `field` is absent or empty.
    pub(crate) fn missing(field: &str) -> Self {
        Self::new(ErrorCode::ParameterNotProvided, format!("`{field}` is required and is missing."))
    }

    /// A fault of the server itself.
    pub(crate) fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(
            ErrorCode::Internal,
            "The server failed on this request; its log has the reason under the request id.",
        )
        .caused_by(cause)
    }

    /// The server has no room for the moment.
    pub(crate) fn busy(retry_after_s: u64) -> Self {
        let message = format!("The server is busy. Try again in {retry_after_s} s.");
        Self {
            retry_after: Some(RetryAfter::WithRoom(retry_after_s)),
            ..Self::new(ErrorCode::TooManyRequests, message)
        }
    }

    /// The client has used up what it may do in a stretch of time, which ends after `wait`.
    pub(crate) fn used_up(message: impl Into<String>, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Self {
            retry_after: Some(RetryAfter::AtTheEnd(seconds)),
            ..Self::new(ErrorCode::TooManyRequests, message)
        }
    }

    pub(crate) fn caused_by(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// A fault of the picture that `field` names.
    pub(crate) fn media(field: &str, error: MediaError) -> Self {
        let code = match error {
            MediaError::TooManyBytes { .. } => ErrorCode::ContentTooLarge,
            _ => ErrorCode::ParameterInvalid,
        };
        Self::new(code, format!("`{field}`: {error}")).caused_by(error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.extensions_mut().insert(std::sync::Arc::new(self));
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let (code, message) = match error.kind() {
            StoreErrorKind::Closed => (ErrorCode::ApiKeyInvalid, "The account was closed."),
            StoreErrorKind::TooLarge => {
                (ErrorCode::ContentTooLarge, "The file is larger than the limit.")
            }
            StoreErrorKind::DiskFull => (
                ErrorCode::StorageFull,
                "The server's disk is full; nothing was stored. Its operator must make room.",
            ),
            StoreErrorKind::SyncFailed => (
                ErrorCode::Unavailable,
                "The server's storage refuses writes after a disk fault; reading still works.",
            ),
            StoreErrorKind::Invalid | StoreErrorKind::Conflict | StoreErrorKind::NotFound => {
                return Self::new(ErrorCode::ParameterInvalid, error.to_string()).caused_by(error);
            }
            _ => return Self::internal(error),
        };
        Self::new(code, message).caused_by(error)
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Full { retry_after_s } => Self::busy(retry_after_s),
            EngineError::Expired => Self::busy(5).caused_by(error),
            EngineError::Stopping => Self {
                retry_after: Some(RetryAfter::WithRoom(2)),
                ..Self::new(ErrorCode::Unavailable, "The server is stopping. Try again shortly.")
            },
            other => Self::internal(other),
        }
    }
}

/// Runs blocking work (files, SQL) off the async threads.
///
/// # Errors
///
/// Those of `work`; a panic in it is an internal error.
pub(crate) async fn blocking<T, E>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> ApiResult<T>
where
    T: Send + 'static,
    E: Into<ApiError> + Send + 'static,
{
    tokio::task::spawn_blocking(work).await.map_err(ApiError::internal)?.map_err(Into::into)
}
