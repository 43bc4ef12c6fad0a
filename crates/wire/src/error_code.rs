//! The one table of errors: what can go wrong, its HTTP status and its code on the wire.

use serde::Serialize;
use utoipa::ToSchema;

/// What went wrong, as a client can act on it.
///
/// The status and the text of the code come from [`ErrorCode::status`] and [`ErrorCode::code`];
/// nothing else in the program names either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// Nobody is signed in, or the session has ended (console only).
    SessionRequired,
    /// The e-mail address or the password is wrong (console only).
    SignInRefused,
    /// A link that was used or has expired, or sign-up that is closed (console only).
    SignUpRefused,
    /// What only an administrator may do (console only).
    AdministratorRequired,
    /// A request that a page of another origin caused (console only).
    CrossSiteRefused,
    /// No key, or one that is malformed, unknown, expired or revoked.
    ApiKeyInvalid,
    /// The request's content type is not the one that the route takes.
    ContentTypeInvalid,
    /// A parameter has a value that cannot be used.
    ParameterInvalid,
    /// A required parameter is absent or empty.
    ParameterNotProvided,
    /// A parameter that the API does not know.
    ParameterUnknown,
    /// A well-formed id inside a request body that names nothing of this account.
    ReferenceNotExist,
    /// A well-formed id in the path that names nothing of this account.
    ResourceNotExist,
    /// The path is not part of the API, or not served by onespace.
    RouteNotFound,
    /// The path exists, but not with this method.
    MethodNotAllowed,
    /// A multipart upload part URL that is not, or no longer, valid.
    PartUrlInvalid,
    /// The body or a medium in it is larger than the limit.
    ContentTooLarge,
    /// The server is full: the queue or the memory for bodies is used up for the moment.
    TooManyRequests,
    /// The client was too slow to send the request.
    RequestTimeout,
    /// A fault of the server; the log has the reason under the request id.
    Internal,
    /// The server is stopping or its storage refuses writes.
    Unavailable,
    /// The disk is full.
    StorageFull,
}

/// Every error code, its HTTP status and its text on the wire.
pub const ERROR_TABLE: [(ErrorCode, u16, &str); 21] = [
    (ErrorCode::SessionRequired, 401, "session_required"),
    (ErrorCode::SignInRefused, 401, "sign_in_refused"),
    (ErrorCode::SignUpRefused, 403, "sign_up_refused"),
    (ErrorCode::AdministratorRequired, 403, "administrator_required"),
    (ErrorCode::CrossSiteRefused, 403, "cross_site_refused"),
    (ErrorCode::ApiKeyInvalid, 401, "api_key_invalid"),
    (ErrorCode::ContentTypeInvalid, 400, "content_type_invalid"),
    (ErrorCode::ParameterInvalid, 400, "parameter_invalid"),
    (ErrorCode::ParameterNotProvided, 400, "parameter_not_provided"),
    (ErrorCode::ParameterUnknown, 400, "parameter_unknown"),
    (ErrorCode::ReferenceNotExist, 400, "resource_not_exist"),
    (ErrorCode::ResourceNotExist, 404, "resource_not_exist"),
    (ErrorCode::RouteNotFound, 404, "not_found"),
    (ErrorCode::MethodNotAllowed, 405, "method_not_allowed"),
    (ErrorCode::PartUrlInvalid, 403, "api_not_allowed"),
    (ErrorCode::ContentTooLarge, 413, "parameter_invalid"),
    (ErrorCode::TooManyRequests, 429, "too_many_requests"),
    (ErrorCode::RequestTimeout, 408, "request_canceled_or_timed_out"),
    (ErrorCode::Internal, 500, "internal_server_error"),
    (ErrorCode::Unavailable, 503, "service_unavailable"),
    (ErrorCode::StorageFull, 507, "storage_full"),
];

impl ErrorCode {
    fn row(self) -> (u16, &'static str) {
        ERROR_TABLE
            .iter()
            .find(|(code, ..)| *code == self)
            .map_or((500, "internal_server_error"), |&(_, status, text)| (status, text))
    }

    /// The HTTP status, always 4xx or 5xx.
    #[must_use]
    pub fn status(self) -> u16 {
        self.row().0
    }

    /// The text of the code on the wire.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.row().1
    }
}

/// The body of every error, in the flat form, and on the embed-v2 family in both forms at once.
///
/// The Python SDK needs the nested form on `POST /embed-v2` with status 413; other clients read the
/// flat one. Both SDKs take the superset.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    /// The code of the error, from a closed list.
    #[schema(example = "parameter_invalid")]
    pub code: String,
    /// One or two sentences: what is wrong and what to change. Not a contract.
    pub message: String,
    /// The same again, nested; present on `/embed-v2` and below it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<NestedError>,
}

/// The nested form of an error.
#[derive(Debug, Serialize, ToSchema)]
pub struct NestedError {
    /// The code of the error.
    pub code: String,
    /// What is wrong and what to change.
    pub message: String,
}

impl ErrorBody {
    /// The flat form.
    #[must_use]
    pub fn flat(code: ErrorCode, message: &str) -> Self {
        Self { code: code.code().to_owned(), message: message.to_owned(), error: None }
    }

    /// Both forms at once.
    #[must_use]
    pub fn superset(code: ErrorCode, message: &str) -> Self {
        let nested = NestedError { code: code.code().to_owned(), message: message.to_owned() };
        Self { error: Some(nested), ..Self::flat(code, message) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_is_an_error_and_no_code_is_listed_twice() {
        let mut seen = std::collections::HashSet::new();
        for (code, status, text) in ERROR_TABLE {
            assert!((400..600).contains(&status), "{code:?} has status {status}");
            assert!(!text.is_empty() && seen.insert(code), "{code:?} is listed twice");
            assert_eq!((code.status(), code.code()), (status, text));
        }
    }

    #[test]
    fn the_superset_carries_both_forms() {
        let body = ErrorBody::superset(ErrorCode::ContentTooLarge, "m");
        let json = serde_json::to_value(&body).expect("plain data");
        assert_eq!(
            json,
            serde_json::json!({
                "code": "parameter_invalid", "message": "m",
                "error": {"code": "parameter_invalid", "message": "m"}
            })
        );
    }
}
