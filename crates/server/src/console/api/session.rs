//! `/console/api/session`: who is signed in; sign in; sign out.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::{HeaderMap, Method, Request, StatusCode, header};
use onespace_store::{PASSWORD_CHARS_MIN, ProvenUser, fold_email};
use onespace_wire::error_code::ErrorCode;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::read;
use crate::app::App;
use crate::catalog::{Dialect, ServedModel};
use crate::console::attempts::MustWait;
use crate::console::cookie::SessionCookie;
use crate::console::{require_expected_user, session_of};
use crate::error::{ApiError, ApiResult, blocking};
use crate::listener::PeerAddress;

/// What a page needs to know before it shows anything.
#[derive(Serialize)]
pub(in crate::console) struct Situation {
    version: &'static str,
    base_url: String,
    user: Option<Person>,
    /// No account yet: the set-up link is needed.
    needs_set_up: bool,
    sign_up_is_open: bool,
    password_chars_min: usize,
    image_bytes_max: u64,
    /// The model whose vectors are kept for search.
    search_model: Option<String>,
    models: Vec<Model>,
}

/// The user, to themselves.
#[derive(Serialize)]
struct Person {
    id: String,
    email: String,
    is_admin: bool,
    account_id: String,
}

/// A name that requests may use.
#[derive(Serialize)]
struct Model {
    name: String,
    space: String,
    dimensions: Vec<usize>,
    takes_dimension: bool,
    input_types: &'static [&'static str],
    images_max: usize,
    text_tokens_max: usize,
}

/// `GET /console/api/session`.
pub(crate) async fn show(
    State(app): State<App>,
    method: Method,
    headers: HeaderMap,
) -> ApiResult<Response> {
    Ok(Json(situation(&app, &method, &headers).await?).into_response())
}

/// What the sender of a request with these headers needs to know.
///
/// # Errors
///
/// `cross_site_refused`, and the store's.
pub(in crate::console) async fn situation(
    app: &App,
    method: &Method,
    headers: &HeaderMap,
) -> ApiResult<Situation> {
    // A session that has ended is no fault here: the page asks in order to know.
    let session = match session_of(app, method, headers).await {
        Err(error) if error.code == ErrorCode::SessionRequired => None,
        other => other?,
    };
    let store = app.store.clone();
    let has_users = blocking(move || store.has_users()).await?;
    let user = session.map(|session| Person {
        id: session.user.id.to_string(),
        email: session.user.email,
        is_admin: session.user.is_admin,
        account_id: session.scope.account().as_str().to_owned(),
    });
    Ok(Situation {
        version: env!("CARGO_PKG_VERSION"),
        base_url: app.public_url.clone(),
        needs_set_up: !has_users,
        sign_up_is_open: app.settings.open_sign_up && has_users,
        password_chars_min: PASSWORD_CHARS_MIN,
        image_bytes_max: app.settings.decode.image_bytes_max,
        search_model: app.models.first_name().map(str::to_owned),
        models: if user.is_some() { models(app) } else { Vec::new() },
        user,
    })
}

impl Situation {
    pub(in crate::console) fn is_signed_in(&self) -> bool {
        self.user.is_some()
    }
}

fn models(app: &App) -> Vec<Model> {
    let served = app.models.names().filter_map(|name| app.models.find(name));
    served.map(model).collect()
}

fn model(served: &ServedModel) -> Model {
    let description = served.description();
    let takes_dimension = served.dialect.is_matryoshka();
    Model {
        name: served.name.clone(),
        space: served.space.to_string(),
        dimensions: if takes_dimension {
            description.dimensions.clone()
        } else {
            vec![description.dimension]
        },
        takes_dimension,
        input_types: match served.dialect {
            Dialect::Marengo35 => &["multi_input"],
            _ => &["text", "image", "text_image", "multi_input"],
        },
        images_max: description.images_max,
        text_tokens_max: served.text_tokens_max(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    email: String,
    password: String,
}

/// `POST /console/api/session`: signs in. The answer is the same, in words and in time, whether
/// the address is known.
pub(crate) async fn sign_in(
    State(app): State<App>,
    Extension(PeerAddress(client)): Extension<PeerAddress>,
    request: Request<Body>,
) -> ApiResult<Response> {
    let headers = request.headers().clone();
    let cookie = SessionCookie::required(&app, &headers)?;
    let Credentials { email, password } = read(&app, request).await?;
    let Some(proven) = known_user(&app, client, email, password).await? else {
        tracing::warn!(target: "onespace::audit", %client, "sign-in failed");
        let message = "The e-mail address or the password is wrong.";
        return Err(ApiError::new(ErrorCode::SignInRefused, message));
    };
    tracing::info!(target: "onespace::audit", %client, user = %proven.user.id, "signed in");
    start(&app, cookie, &headers, proven).await
}

/// The user with this address and password. A wrong password counts against the client.
///
/// # Errors
///
/// 429 after too many of them, and when the server is too busy to look, which counts for nothing.
pub(super) async fn known_user(
    app: &App,
    client: IpAddr,
    email: String,
    password: String,
) -> ApiResult<Option<ProvenUser>> {
    let attempt = app.console.sign_ins.begin(client, &fold_email(&email), Instant::now());
    let attempt = attempt.map_err(|MustWait(wait)| {
        tracing::warn!(target: "onespace::audit", %client, "sign-in refused: too many failures");
        let message = "Too many attempts with this address.";
        ApiError::used_up(format!("{message} Wait {} and try again.", in_words(wait)), wait)
    })?;
    let store = app.store.clone();
    let known = app.console.passwords.run(move || {
        let user = store.user_with_password(&email, &password)?;
        // Decided here, where the password was hashed: the client may have gone.
        match user {
            Some(_) => attempt.forgive(),
            None => attempt.count(Instant::now()),
        }
        Ok(user)
    });
    known.await
}

/// A wait as people say it, never too short.
pub(super) fn in_words(wait: Duration) -> String {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    match (seconds, seconds.div_ceil(60)) {
        (1, _) => "1 second".to_owned(),
        (..60, _) => format!("{seconds} seconds"),
        (_, 1) => "1 minute".to_owned(),
        (_, minutes) => format!("{minutes} minutes"),
    }
}

/// Another password was set while this one was looked at.
pub(super) fn overtaken() -> ApiError {
    let message = "The password was changed meanwhile. Sign in with the new one.";
    ApiError::new(ErrorCode::SignInRefused, message)
}

/// Starts a session; one that the browser had before ends, so that no secret lives on.
pub(super) async fn start(
    app: &App,
    cookie: SessionCookie,
    headers: &HeaderMap,
    proven: ProvenUser,
) -> ApiResult<Response> {
    let (store, earlier) = (app.store.clone(), cookie.secret(headers));
    let secret = blocking(move || {
        if let Some(earlier) = earlier {
            store.end_session(&earlier)?;
        }
        store.start_session(&proven)
    })
    .await?
    .ok_or_else(overtaken)?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().insert(header::SET_COOKIE, cookie.set(&secret)?);
    Ok(response)
}

/// `DELETE /console/api/session`: ends the session here, not only in the browser.
pub(crate) async fn sign_out(
    State(app): State<App>,
    method: Method,
    headers: HeaderMap,
) -> ApiResult<Response> {
    if let Ok(Some(session)) = session_of(&app, &method, &headers).await {
        // Another tab's user stays.
        require_expected_user(&session, &headers)?;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    let Some(cookie) = SessionCookie::of(&app, &headers) else { return Ok(response) };
    if let Some(secret) = cookie.secret(&headers) {
        let store = app.store.clone();
        blocking(move || store.end_session(&secret)).await?;
        tracing::info!(target: "onespace::audit", "signed out");
    }
    response.headers_mut().insert(header::SET_COOKIE, cookie.clear()?);
    Ok(response)
}
