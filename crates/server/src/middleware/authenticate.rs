//! Who asks: the key, or the session of a signed-in browser, is checked before a byte of the body
//! is read. What the request used is counted before its answer leaves.

use axum::body::Body;
use axum::extract::{FromRequestParts, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, Method, Request, header};
use onespace_store::{KeyRefusal, OwnerScope, looks_like_a_key};
use onespace_wire::error_code::ErrorCode;

use crate::app::App;
use crate::console;
use crate::error::{ApiError, ApiResult, blocking};

/// Lets a request pass with the scope of its key or session, or answers 401.
pub(crate) async fn authenticate(
    State(app): State<App>,
    request: Request<Body>,
    next: Next,
) -> Response {
    let is_by_key = presented_key(request.headers()).is_some();
    let mut response = answer(&app, request, next).await.into_response();
    if !is_by_key {
        // A browser must neither store nor show it.
        console::headers::keep_to_itself(response.headers_mut(), &app);
    }
    response
}

async fn answer(app: &App, mut request: Request<Body>, next: Next) -> ApiResult<Response> {
    let scope = identify(app, request.method(), request.headers()).await?;
    request.extensions_mut().insert(scope.clone());
    let ticket = app.usage.ticket(scope.clone());
    let mut response = next.run(request).await;
    ticket.settle(&response).await;
    response.extensions_mut().insert(scope);
    Ok(response)
}

async fn identify(app: &App, method: &Method, headers: &HeaderMap) -> ApiResult<OwnerScope> {
    let Some(presented) = presented_key(headers) else {
        let session = console::session_as_expected(app, method, headers).await?;
        let missing = || match console::is_of_our_page(headers) {
            // Its cookie has ended: the page must be able to tell.
            true => console::sign_in_first(),
            false => refusal("Send your API key in the `x-api-key` header."),
        };
        return session.map(|session| session.scope).ok_or_else(missing);
    };
    if !looks_like_a_key(&presented) {
        return Err(refused(KeyRefusal::Malformed));
    }
    let store = app.store.clone();
    blocking(move || store.authenticate(&presented)).await?.map_err(refused)
}

/// The key in `x-api-key`, or as a bearer token for clients that only know that.
fn presented_key(headers: &HeaderMap) -> Option<String> {
    let own = headers.get("x-api-key").and_then(|value| value.to_str().ok());
    let bearer = || {
        let (scheme, key) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(key)
    };
    own.or_else(bearer).map(str::trim).filter(|key| !key.is_empty()).map(str::to_owned)
}

fn refused(reason: KeyRefusal) -> ApiError {
    refusal(match reason {
        KeyRefusal::Malformed => "The API key is not one of onespace's: check that it is complete.",
        KeyRefusal::Unknown => "The API key is not known here.",
        KeyRefusal::Expired => {
            "The API key has expired: make a new one with `onespace keys create`."
        }
        KeyRefusal::Revoked => {
            "The API key was revoked: make a new one with `onespace keys create`."
        }
    })
}

fn refusal(message: &str) -> ApiError {
    ApiError::new(ErrorCode::ApiKeyInvalid, message)
}

/// The account that asks, for handlers behind [`authenticate`].
pub(crate) struct Owner(pub(crate) OwnerScope);

impl<S: Send + Sync> FromRequestParts<S> for Owner {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> ApiResult<Self> {
        let scope = parts.extensions.get::<OwnerScope>().cloned();
        scope.map(Self).ok_or_else(|| ApiError::internal("a route without authentication"))
    }
}
