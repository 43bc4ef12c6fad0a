//! New users, invitations, and new passwords.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::{HeaderMap, Request, StatusCode};
use onespace_store::{LinkPurpose, NewUser, SignUpRefusal};
use onespace_wire::error_code::ErrorCode;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::Instant;

use super::members::{Administrator, OneTimeLink};
use super::{read, session};
use crate::app::App;
use crate::console::SignedIn;
use crate::console::attempts::{Attempt, MustWait};
use crate::console::cookie::SessionCookie;
use crate::error::{ApiError, ApiResult, blocking};
use crate::listener::PeerAddress;

/// The longest secret of a link that is looked at, in bytes.
const LINK_BYTES_MAX: usize = 128;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Registration {
    email: String,
    password: String,
    link: Option<String>,
}

/// `POST /console/api/users`: makes an account and signs its user in.
pub(crate) async fn sign_up(
    State(app): State<App>,
    Extension(PeerAddress(client)): Extension<PeerAddress>,
    request: Request<Body>,
) -> ApiResult<Response> {
    let headers = request.headers().clone();
    let cookie = SessionCookie::required(&app, &headers)?;
    let Registration { email, password, link } = read(&app, request).await?;
    if link.as_ref().is_some_and(|link| link.len() > LINK_BYTES_MAX) {
        return Err(refusal(SignUpRefusal::LinkInvalid));
    }
    let attempt = link.is_none().then(|| open_sign_up(&app, client)).transpose()?;
    let (store, open) = (app.store.clone(), app.settings.open_sign_up);
    let made = app.console.passwords.run(move || {
        let new = NewUser { email: &email, password: &password, link: link.as_deref() };
        let made = store.create_user(&new, open)?;
        // That an address is in use may not be asked for without end either.
        if let (Some(attempt), Ok(_) | Err(SignUpRefusal::EmailTaken)) = (attempt, &made) {
            attempt.count(Instant::now());
        }
        Ok(made)
    });
    let proven = made.await?.map_err(refusal)?;
    let user = &proven.user;
    tracing::info!(target: "onespace::audit", user = %user.id, admin = user.is_admin, "signed up");
    session::start(&app, cookie, &headers, proven).await
}

/// Begins to make an account without a link.
fn open_sign_up(app: &App, client: IpAddr) -> ApiResult<Attempt> {
    app.console.open_sign_ups.begin(client, "", Instant::now()).map_err(|MustWait(wait)| {
        tracing::warn!(target: "onespace::audit", %client, "sign-up refused: too many accounts");
        let words = session::in_words(wait);
        let message = format!(
            "Too many new accounts from your address. Wait {words} and try again, or ask an \
             administrator for an invitation."
        );
        ApiError::used_up(message, wait)
    })
}

fn refusal(reason: SignUpRefusal) -> ApiError {
    let message = match reason {
        SignUpRefusal::LinkInvalid => {
            "This link was used or has expired. A restart of the server prints a new set-up link as \
             long as there is no account; other links come from an administrator."
        }
        SignUpRefusal::Closed => "Sign-up is closed here. Ask an administrator for an invitation.",
        SignUpRefusal::EmailTaken => "This e-mail address cannot be used. Choose another.",
    };
    ApiError::new(ErrorCode::SignUpRefused, message)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Link {
    link: String,
}

#[derive(Serialize)]
struct LinkFacts {
    purpose: &'static str,
}

/// `POST /console/api/links`: what a link is for, before its page asks for anything. (No `GET`: the
/// secret would stand in an address, and addresses are logged by proxies.)
pub(crate) async fn examine_link(
    State(app): State<App>,
    request: Request<Body>,
) -> ApiResult<Response> {
    let Link { link } = read(&app, request).await?;
    let store = app.store.clone();
    let purpose = blocking(move || store.link_purpose(&link)).await?;
    let store = app.store.clone();
    let has_users = blocking(move || store.has_users()).await?;
    match purpose {
        Ok(LinkPurpose::SetUp) if has_users => Err(refusal(SignUpRefusal::LinkInvalid)),
        Ok(purpose) => Ok(Json(LinkFacts { purpose: purpose.as_str() }).into_response()),
        Err(_) => Err(refusal(SignUpRefusal::LinkInvalid)),
    }
}

/// `POST /console/api/invitations`: a link for one new account.
pub(crate) async fn invite(
    State(app): State<App>,
    Administrator(session): Administrator,
) -> ApiResult<Response> {
    let store = app.store.clone();
    let (secret, expires_at) = blocking(move || store.issue_invitation()).await?;
    tracing::info!(target: "onespace::audit", user = %session.user.id, "invited");
    let link = format!("{}/#/join/{}", app.public_url, secret.reveal());
    Ok((StatusCode::CREATED, Json(OneTimeLink { link, expires_at })).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PasswordChange {
    current: String,
    new: String,
}

/// `POST /console/api/password`: sets a new password, ends every session, and starts one here.
pub(crate) async fn change_password(
    State(app): State<App>,
    SignedIn(signed_in): SignedIn,
    Extension(PeerAddress(client)): Extension<PeerAddress>,
    headers: HeaderMap,
    request: Request<Body>,
) -> ApiResult<Response> {
    let cookie = SessionCookie::required(&app, &headers)?;
    let PasswordChange { current, new } = read(&app, request).await?;
    let user = signed_in.user;
    // Whoever stole a session must not be able to guess the password with it.
    let Some(proven) = session::known_user(&app, client, user.email, current).await? else {
        let message = "The current password is wrong.";
        return Err(ApiError::new(ErrorCode::SignInRefused, message));
    };
    let store = app.store.clone();
    let changed = app.console.passwords.run(move || store.change_password(&proven, &new));
    let proven = changed.await?.ok_or_else(session::overtaken)?;
    tracing::info!(target: "onespace::audit", user = %proven.user.id, "password changed");
    session::start(&app, cookie, &headers, proven).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PasswordReset {
    link: String,
    password: String,
}

/// `POST /console/api/password-resets`: sets a new password by a link, ends every session of its
/// user, and starts one here.
pub(crate) async fn reset_password(
    State(app): State<App>,
    request: Request<Body>,
) -> ApiResult<Response> {
    let headers = request.headers().clone();
    let cookie = SessionCookie::required(&app, &headers)?;
    let PasswordReset { link, password } = read(&app, request).await?;
    if link.len() > LINK_BYTES_MAX {
        return Err(refusal(SignUpRefusal::LinkInvalid));
    }
    let store = app.store.clone();
    let reset = app.console.passwords.run(move || store.reset_password(&link, &password));
    let proven = reset.await?.map_err(|_| refusal(SignUpRefusal::LinkInvalid))?;
    tracing::info!(target: "onespace::audit", user = %proven.user.id, "password reset");
    session::start(&app, cookie, &headers, proven).await
}
