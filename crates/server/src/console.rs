//! The web console: its pages at `/`, and a small API for them under `/console/api`.
//!
//! The pages use the public API for assets and vectors, as any client does; a session stands in
//! for the key ([`session_of`]). What only the console needs is in [`api`]: accounts, sessions,
//! keys, usage, kept vectors, pictures. Read [`pages`] for how files are served, [`same_origin`]
//! for why another site's page can do nothing here.

mod api;
mod attempts;
mod bundle;
mod cookie;
mod files;
pub(crate) mod headers;
mod pages;
mod passwords;
mod same_origin;
mod vector_work;

use std::time::Duration;

use axum::Router;
use axum::extract::FromRequestParts;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method};
use onespace_store::Session;
use onespace_wire::error_code::ErrorCode;

use crate::app::App;
use crate::error::{ApiError, ApiResult, blocking};
use crate::routes::not_served;
pub(crate) use same_origin::is_of_our_page;

use attempts::Attempts;
use cookie::SessionCookie;
use passwords::PasswordSlots;
use vector_work::VectorWork;

/// Wrong passwords of one client for one address, after which it must wait.
const SIGN_IN_FAILURES_MAX: usize = 5;
/// How long a wrong password counts, in minutes.
const SIGN_IN_WINDOW_MINUTES: u64 = 15;
/// Accounts that one client makes by open sign-up, after which it must wait.
const OPEN_SIGN_UPS_MAX: usize = 10;
/// How long such an account counts, in minutes.
const OPEN_SIGN_UP_WINDOW_MINUTES: u64 = 60;
/// The header by which a page says who it believes is signed in: the `id` that it was told.
const EXPECTED_USER: HeaderName = HeaderName::from_static("x-onespace-user");

/// What the console keeps in memory.
pub(crate) struct ConsoleState {
    pub(crate) passwords: PasswordSlots,
    pub(crate) sign_ins: Attempts,
    pub(crate) open_sign_ups: Attempts,
    pub(crate) vectors: VectorWork,
}

impl ConsoleState {
    pub(crate) fn new() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        Self {
            passwords: PasswordSlots::new(),
            sign_ins: Attempts::new(SIGN_IN_FAILURES_MAX, minutes(SIGN_IN_WINDOW_MINUTES)),
            open_sign_ups: Attempts::new(OPEN_SIGN_UPS_MAX, minutes(OPEN_SIGN_UP_WINDOW_MINUTES)),
            vectors: VectorWork::default(),
        }
    }
}

/// The pages, and the API under `/console/api`.
pub(crate) fn routes(app: &App) -> Router<App> {
    let api = Router::new()
        .route(
            "/session",
            get(api::session::show).post(api::session::sign_in).delete(api::session::sign_out),
        )
        .route("/users", post(api::users::sign_up))
        .route("/links", post(api::users::examine_link))
        .route("/password", post(api::users::change_password))
        .route("/password-resets", post(api::users::reset_password))
        .route("/invitations", post(api::users::invite))
        .route("/members", get(api::members::list))
        .route("/members/{user_id}", delete(api::members::close))
        .route("/members/{user_id}/password-reset", post(api::members::reset_password))
        .route("/keys", get(api::keys::list).post(api::keys::create))
        .route("/keys/{key_id}", delete(api::keys::revoke))
        .route("/usage", get(api::usage::show))
        .route("/usage.csv", get(api::usage::download))
        .route("/vectors", get(api::vectors::coverage).post(api::vectors::compute))
        .route("/search", post(api::search::search))
        .route("/assets/{asset_id}/picture", get(api::pictures::show))
        .route("/assets/{asset_id}/thumbnail", get(api::thumbnails::show))
        .fallback(not_served::no_route)
        .method_not_allowed_fallback(not_served::no_method)
        .layer(from_fn_with_state(app.clone(), same_origin::require))
        .layer(from_fn_with_state(app.clone(), headers::of_data));
    let pages = Router::new()
        .route("/", get(pages::shell))
        .route("/console/files/{version}/{*path}", get(pages::file))
        .layer(from_fn_with_state(app.clone(), headers::of_pages));
    Router::new().nest("/console/api", api).merge(pages)
}

/// The session whose cookie the request carries; `None` without a cookie.
///
/// # Errors
///
/// `cross_site_refused` when a page of another origin may have caused the request, and
/// `session_required` when the session has ended.
pub(crate) async fn session_of(
    app: &App,
    method: &Method,
    headers: &HeaderMap,
) -> ApiResult<Option<Session>> {
    let Some(secret) = SessionCookie::of(app, headers).and_then(|cookie| cookie.secret(headers))
    else {
        return Ok(None);
    };
    same_origin::check(app, method, headers)?;
    let store = app.store.clone();
    let session = blocking(move || store.session(&secret)).await?;
    session.map(Some).ok_or_else(ended)
}

/// As [`session_of`], for what is done in the name of the user whom the page believes to be signed
/// in: with two tabs, somebody else may be meanwhile.
///
/// # Errors
///
/// Those of [`session_of`], and `session_required` when it is the session of another user.
pub(crate) async fn session_as_expected(
    app: &App,
    method: &Method,
    headers: &HeaderMap,
) -> ApiResult<Option<Session>> {
    let session = session_of(app, method, headers).await?;
    if let Some(session) = &session {
        require_expected_user(session, headers)?;
    }
    Ok(session)
}

fn require_expected_user(session: &Session, headers: &HeaderMap) -> ApiResult<()> {
    match headers.get(EXPECTED_USER) {
        Some(expected) if expected.as_bytes() != session.user.id.as_str().as_bytes() => {
            let message =
                "Somebody else has signed in with this browser meanwhile. Load the page again.";
            Err(ApiError::new(ErrorCode::SessionRequired, message))
        }
        _ => Ok(()),
    }
}

fn ended() -> ApiError {
    ApiError::new(ErrorCode::SessionRequired, "Your session has ended. Sign in again.")
}

pub(crate) fn sign_in_first() -> ApiError {
    ApiError::new(ErrorCode::SessionRequired, "Sign in first.")
}

/// Who is signed in, for handlers of the console's API.
pub(crate) struct SignedIn(pub(crate) Session);

impl FromRequestParts<App> for SignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> ApiResult<Self> {
        let session = session_as_expected(app, &parts.method, &parts.headers).await?;
        session.map(Self).ok_or_else(sign_in_first)
    }
}
