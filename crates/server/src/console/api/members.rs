//! What an administrator sees and does: who the users are, new links for them, the end of one.
//!
//! Nothing here tells what another account holds.

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use onespace_store::{Member, Session, User, UserId};
use onespace_wire::error_code::ErrorCode;
use serde::Serialize;
use time::OffsetDateTime;

use crate::app::App;
use crate::console::SignedIn;
use crate::error::{ApiError, ApiResult, blocking};
use crate::path_segment::PathSegment;

/// A session of an administrator.
pub(crate) struct Administrator(pub(crate) Session);

impl FromRequestParts<App> for Administrator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> ApiResult<Self> {
        let SignedIn(session) = SignedIn::from_request_parts(parts, app).await?;
        if session.user.is_admin {
            return Ok(Self(session));
        }
        let message = "Only an administrator may do this.";
        Err(ApiError::new(ErrorCode::AdministratorRequired, message))
    }
}

#[derive(Serialize)]
struct Members {
    members: Vec<Described>,
}

#[derive(Serialize)]
struct Described {
    id: String,
    email: String,
    is_admin: bool,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    last_seen_at: Option<OffsetDateTime>,
}

/// A link for one person, shown once.
#[derive(Serialize)]
pub(super) struct OneTimeLink {
    pub(super) link: String,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) expires_at: OffsetDateTime,
}

/// `GET /console/api/members`.
pub(crate) async fn list(
    State(app): State<App>,
    Administrator(_): Administrator,
) -> ApiResult<Response> {
    let store = app.store.clone();
    let members = blocking(move || store.members()).await?;
    Ok(Json(Members { members: members.into_iter().map(described).collect() }).into_response())
}

/// `DELETE /console/api/members/{user_id}`: closes the user's account.
pub(crate) async fn close(
    State(app): State<App>,
    Administrator(session): Administrator,
    PathSegment(id): PathSegment,
) -> ApiResult<StatusCode> {
    let user = member(&app, &id).await?;
    if user.is_admin {
        let message = "The account of an administrator cannot be closed.";
        return Err(ApiError::new(ErrorCode::ParameterInvalid, message));
    }
    let store = app.store.clone();
    let closed = user.id.clone();
    if !blocking(move || store.close_account(&closed)).await? {
        return Err(no_such_member());
    }
    tracing::info!(target: "onespace::audit", by = %session.user.id, user = %user.id, "account closed");
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /console/api/members/{user_id}/password-reset`: a link by which the user sets a new
/// password.
pub(crate) async fn reset_password(
    State(app): State<App>,
    Administrator(session): Administrator,
    PathSegment(id): PathSegment,
) -> ApiResult<Response> {
    let user = member(&app, &id).await?.id;
    let (store, whose) = (app.store.clone(), user.clone());
    let (secret, expires_at) = blocking(move || store.issue_password_reset(&whose)).await?;
    tracing::info!(target: "onespace::audit", by = %session.user.id, %user, "password reset issued");
    let link = format!("{}/#/reset/{}", app.public_url, secret.reveal());
    Ok((StatusCode::CREATED, Json(OneTimeLink { link, expires_at })).into_response())
}

async fn member(app: &App, id: &str) -> ApiResult<User> {
    let id = UserId::parse(id).ok_or_else(no_such_member)?;
    let store = app.store.clone();
    let members = blocking(move || store.members()).await?;
    let found = members.into_iter().find(|member| member.user.id == id);
    found.map(|member| member.user).ok_or_else(no_such_member)
}

fn no_such_member() -> ApiError {
    ApiError::new(ErrorCode::ResourceNotExist, "There is no such user.")
}

fn described(Member { user, created_at, last_seen_at, .. }: Member) -> Described {
    let User { id, email, is_admin } = user;
    Described { id: id.to_string(), email, is_admin, created_at, last_seen_at }
}
