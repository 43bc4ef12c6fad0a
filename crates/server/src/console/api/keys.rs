//! `/console/api/keys`: the account's keys.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{Request, StatusCode};
use onespace_store::KeyRecord;
use onespace_wire::error_code::ErrorCode;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::read;
use crate::app::App;
use crate::console::SignedIn;
use crate::error::{ApiError, ApiResult, blocking};
use crate::path_segment::PathSegment;

/// A key without its secret.
#[derive(Serialize)]
struct Key {
    id: String,
    name: String,
    prefix: String,
    state: &'static str,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    expires_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    last_used_at: Option<OffsetDateTime>,
}

#[derive(Serialize)]
struct Keys {
    keys: Vec<Key>,
}

/// A key with its secret, shown once.
#[derive(Serialize)]
struct NewKey {
    secret: String,
    key: Key,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    name: String,
    #[serde(with = "time::serde::rfc3339::option")]
    expires_at: Option<OffsetDateTime>,
}

/// `GET /console/api/keys`.
pub(crate) async fn list(
    State(app): State<App>,
    SignedIn(session): SignedIn,
) -> ApiResult<Response> {
    let store = app.store.clone();
    let keys = blocking(move || store.own_keys(&session.scope)).await?;
    Ok(Json(Keys { keys: keys.into_iter().rev().map(described).collect() }).into_response())
}

/// `POST /console/api/keys`.
pub(crate) async fn create(
    State(app): State<App>,
    SignedIn(session): SignedIn,
    request: Request<Body>,
) -> ApiResult<Response> {
    let Wanted { name, expires_at } = read(&app, request).await?;
    let store = app.store.clone();
    let made = blocking(move || store.create_own_key(&session.scope, &name, expires_at));
    let (secret, record) = made.await?;
    tracing::info!(target: "onespace::audit", user = %session.user.id, key = %record.id, "key made");
    let made = NewKey { secret: secret.reveal().to_owned(), key: described(record) };
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

/// `DELETE /console/api/keys/{key_id}`.
pub(crate) async fn revoke(
    State(app): State<App>,
    SignedIn(session): SignedIn,
    PathSegment(id): PathSegment,
) -> ApiResult<StatusCode> {
    let (store, wanted) = (app.store.clone(), id.clone());
    if !blocking(move || store.revoke_own_key(&session.scope, &wanted)).await? {
        let id: String = id.chars().take(64).collect();
        let message = format!("There is no key `{id}`.");
        return Err(ApiError::new(ErrorCode::ResourceNotExist, message));
    }
    tracing::info!(target: "onespace::audit", user = %session.user.id, key = %id, "key revoked");
    Ok(StatusCode::NO_CONTENT)
}

fn described(record: KeyRecord) -> Key {
    let has_ended = record.expires_at.is_some_and(|end| end <= OffsetDateTime::now_utc());
    let state = match (record.revoked_at, has_ended) {
        (Some(_), _) => "revoked",
        (None, true) => "expired",
        (None, false) => "active",
    };
    Key {
        id: record.id,
        name: record.name,
        prefix: record.prefix,
        state,
        created_at: record.created_at,
        expires_at: record.expires_at,
        last_used_at: record.last_used_at,
    }
}
