//! Vectors of the account's pictures, kept with the fingerprint of their space.
//!
//! The page that searches also asks for what is missing, a few pictures at a time, so that it can
//! show how far it is and stop. What has begun is finished, kept and counted, also when the page
//! has gone.

use std::time::Instant;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures_util::future::join_all;
use http::Uri;
use onespace_media::MediaError;
use onespace_store::{AssetId, OwnerScope, VectorCoverage};
use onespace_wire::error_code::ErrorCode;
use serde::Serialize;

use crate::app::App;
use crate::catalog::ServedModel;
use crate::console::SignedIn;
use crate::console::vector_work::Work;
use crate::embed;
use crate::embed::plan::{EmbedPlan, Origin, Source, SourceField};
use crate::error::{ApiError, ApiResult, blocking};
use crate::query::Query;
use crate::usage::ModelUse;

/// Pictures embedded by one call.
const PICTURES_PER_CALL: u32 = 8;

/// How far the vectors are.
#[derive(Serialize)]
pub(super) struct Coverage {
    space: String,
    pictures: u64,
    embedded: u64,
    /// Refused by format or limits.
    unusable: u64,
    /// Neither, and passed over for a while because of a failure, such as a damaged file.
    failed: u64,
}

/// The model whose vectors are kept: the first one, under its own name.
pub(super) fn search_model(app: &App) -> ApiResult<ServedModel> {
    let model = app.models.first_name().and_then(|name| app.models.find(name));
    model.cloned().ok_or_else(|| ApiError::internal("no model is loaded"))
}

pub(super) async fn coverage_of(
    app: &App,
    scope: &OwnerScope,
    model: &ServedModel,
) -> ApiResult<Coverage> {
    let passed_over = app.console.vectors.passed_over(&work(scope, model), Instant::now());
    let (store, owner, space) = (app.store.clone(), scope.clone(), model.space.clone());
    let found = blocking(move || store.vector_coverage(&owner, &space, &passed_over)).await?;
    let VectorCoverage { pictures, embedded, unusable, passed_over: failed } = found;
    Ok(Coverage { space: model.space.to_string(), pictures, embedded, unusable, failed })
}

fn work(scope: &OwnerScope, model: &ServedModel) -> Work {
    Work { account: scope.account().clone(), space: model.space.clone() }
}

/// `GET /console/api/vectors`.
pub(crate) async fn coverage(
    State(app): State<App>,
    SignedIn(session): SignedIn,
) -> ApiResult<Response> {
    let model = search_model(&app)?;
    Ok(Json(coverage_of(&app, &session.scope, &model).await?).into_response())
}

/// `POST /console/api/vectors`: computes some of the vectors that are missing; with `failed_too`
/// also those that are passed over.
pub(crate) async fn compute(
    State(app): State<App>,
    SignedIn(session): SignedIn,
    uri: Uri,
) -> ApiResult<Response> {
    let failed_too = Query::of(&uri, &["failed_too"])?.flag("failed_too")?;
    let model = search_model(&app)?;
    let scope = session.scope;
    let ticket = app.usage.ticket(scope.clone());
    let turn = app.console.vectors.turn(&work(&scope, &model)).await;
    if failed_too {
        app.console.vectors.forget_failures(&work(&scope, &model));
    }
    let calls = app.console.vectors.calls.clone();
    // In a task of its own: a client that goes must not end what is to be counted.
    let call = calls.spawn(async move {
        let _turn = turn;
        let response = answer(&app, &scope, &model).await;
        ticket.settle(&response).await;
        response
    });
    call.await.map_err(ApiError::internal)
}

/// Computes some vectors, and says how far they are.
async fn answer(app: &App, scope: &OwnerScope, model: &ServedModel) -> Response {
    let (used, computed) = compute_some(app, scope, model).await;
    let coverage = match computed {
        Ok(()) => coverage_of(app, scope, model).await,
        Err(error) => Err(error),
    };
    let mut response = coverage.map(Json).into_response();
    response.extensions_mut().insert(used);
    response
}

/// Computes vectors of some pictures without one; what was done is told also when some failed.
async fn compute_some(
    app: &App,
    scope: &OwnerScope,
    model: &ServedModel,
) -> (ModelUse, ApiResult<()>) {
    let passed_over = app.console.vectors.passed_over(&work(scope, model), Instant::now());
    let (store, owner, space) = (app.store.clone(), scope.clone(), model.space.clone());
    let missing = blocking(move || {
        store.assets_without_vector(&owner, &space, &passed_over, PICTURES_PER_CALL)
    });
    let missing = match missing.await {
        Ok(missing) => missing,
        Err(error) => return (ModelUse::default(), Err(error)),
    };
    let computed = missing.into_iter().map(|id| compute_one(app, scope, model, id));
    let mut all = (ModelUse::default(), Ok(()));
    for (used, kept) in join_all(computed).await {
        all = (all.0 + used, all.1.and(kept));
    }
    all
}

/// Embeds one picture and keeps its vector, or keeps that it has none. A picture that fails by
/// itself is passed over; what hinders all pictures is an error.
async fn compute_one(
    app: &App,
    scope: &OwnerScope,
    model: &ServedModel,
    id: AssetId,
) -> (ModelUse, ApiResult<()>) {
    let (vector, used) = match embed_one(app, scope, model, &id).await {
        Ok(embedded) => embedded,
        // Deleted meanwhile.
        Err(error) if error.code == ErrorCode::ReferenceNotExist => {
            return (ModelUse::default(), Ok(()));
        }
        Err(error) if is_fault_of_the_picture(&error) => (Vec::new(), ModelUse::default()),
        Err(error) if error.retry_after.is_some() => return (ModelUse::default(), Err(error)),
        Err(error) => {
            tracing::warn!(asset = %id, cause = ?error.cause, "a vector could not be computed");
            app.console.vectors.note_failure(&work(scope, model), id, Instant::now());
            return (ModelUse::default(), Ok(()));
        }
    };
    let (store, owner, space) = (app.store.clone(), scope.clone(), model.space.clone());
    let kept = blocking(move || store.keep_vector(&owner, &id, &space, &vector)).await;
    (used, kept.map(drop))
}

async fn embed_one(
    app: &App,
    scope: &OwnerScope,
    model: &ServedModel,
    id: &AssetId,
) -> ApiResult<(Vec<f32>, ModelUse)> {
    let field = SourceField::Object("asset".to_owned());
    let source = Source { field, origin: Origin::Asset(id.clone()) };
    let mut plan = EmbedPlan::of_one_picture(model, model.description().dimension_default, source)?;
    let outcome = embed::execute(app, scope, &mut plan).await?;
    Ok((outcome.vector, outcome.used))
}

/// Whether the picture was refused by its format or a limit. A decoder that died or took too long
/// says nothing for certain: another time the machine may be less busy.
fn is_fault_of_the_picture(error: &ApiError) -> bool {
    error.cause.as_ref().is_some_and(|cause| cause.is::<MediaError>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_of_the_picture_itself_is_kept() {
        let refused = ApiError::media("asset", MediaError::UnsupportedType);
        assert!(is_fault_of_the_picture(&refused));
        let lost =
            ApiError::new(ErrorCode::ParameterInvalid, "`asset`: too slow").caused_by("lost");
        for error in [lost, ApiError::busy(1), ApiError::internal("a damaged file")] {
            assert!(!is_fault_of_the_picture(&error), "{error:?}");
        }
    }
}
