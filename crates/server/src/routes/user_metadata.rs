//! `/assets/{asset_id}/user-metadata`: replace, merge, clear.

use axum::body::Body;
use axum::extract::State;
use http::{Request, StatusCode};
use onespace_store::{MetadataChange, OwnerScope};
use onespace_wire::assets::UserMetadataRequest;
use onespace_wire::error_code::ErrorBody;
use serde_json::{Map, Value};

use super::assets::{asset_id, no_such_asset};
use crate::app::App;
use crate::asset_intake::check_user_metadata;
use crate::body::read_json;
use crate::embed::plan::refuse_unknown;
use crate::error::{ApiError, ApiResult, blocking};
use crate::middleware::authenticate::Owner;
use crate::path_segment::PathSegment;

/// Replaces the user metadata of an asset; `{}` clears it.
#[utoipa::path(
    put, path = "/assets/{asset_id}/user-metadata", tag = "assets",
    operation_id = "replace_user_metadata",
    params(("asset_id" = String, Path, description = "The id of the asset")),
    request_body = UserMetadataRequest,
    responses(
        (status = 204, description = "Replaced"),
        (status = 400, description = "A parameter that cannot be used", body = ErrorBody),
        (status = 401, description = "No valid API key", body = ErrorBody),
        (status = 404, description = "No such asset", body = ErrorBody),
    ),
    security(("api_key" = []))
)]
pub(crate) async fn replace_user_metadata(
    State(app): State<App>,
    Owner(scope): Owner,
    PathSegment(id): PathSegment,
    request: Request<Body>,
) -> ApiResult<StatusCode> {
    let metadata = given_metadata(&app, request).await?;
    change(&app, scope, &id, MetadataChange::Replace(metadata)).await
}

/// Merges into the user metadata of an asset; `null` removes a key.
#[utoipa::path(
    patch, path = "/assets/{asset_id}/user-metadata", tag = "assets",
    operation_id = "merge_user_metadata",
    params(("asset_id" = String, Path, description = "The id of the asset")),
    request_body = UserMetadataRequest,
    responses(
        (status = 204, description = "Merged"),
        (status = 400, description = "A parameter that cannot be used", body = ErrorBody),
        (status = 401, description = "No valid API key", body = ErrorBody),
        (status = 404, description = "No such asset", body = ErrorBody),
    ),
    security(("api_key" = []))
)]
pub(crate) async fn merge_user_metadata(
    State(app): State<App>,
    Owner(scope): Owner,
    PathSegment(id): PathSegment,
    request: Request<Body>,
) -> ApiResult<StatusCode> {
    let metadata = given_metadata(&app, request).await?;
    change(&app, scope, &id, MetadataChange::Merge(metadata)).await
}

/// Removes the user metadata of an asset.
#[utoipa::path(
    delete, path = "/assets/{asset_id}/user-metadata", tag = "assets",
    operation_id = "clear_user_metadata",
    params(("asset_id" = String, Path, description = "The id of the asset")),
    responses(
        (status = 204, description = "Cleared"),
        (status = 401, description = "No valid API key", body = ErrorBody),
        (status = 404, description = "No such asset", body = ErrorBody),
    ),
    security(("api_key" = []))
)]
pub(crate) async fn clear_user_metadata(
    State(app): State<App>,
    Owner(scope): Owner,
    PathSegment(id): PathSegment,
) -> ApiResult<StatusCode> {
    change(&app, scope, &id, MetadataChange::Clear).await
}

async fn given_metadata(app: &App, request: Request<Body>) -> ApiResult<Map<String, Value>> {
    let body = read_json::<UserMetadataRequest>(app, request).await?.value;
    refuse_unknown("", &body.unknown)?;
    let metadata = body.user_metadata.ok_or_else(|| ApiError::missing("user_metadata"))?;
    check_user_metadata(&metadata)?;
    Ok(metadata)
}

async fn change(
    app: &App,
    scope: OwnerScope,
    id: &str,
    change: MetadataChange,
) -> ApiResult<StatusCode> {
    let id = asset_id(id)?;
    let (store, wanted) = (app.store.clone(), id.clone());
    let changed = blocking(move || store.change_user_metadata(&scope, &wanted, change)).await?;
    if changed { Ok(StatusCode::NO_CONTENT) } else { Err(no_such_asset(&id)) }
}
