//! Vectors of the account's pictures, kept with the fingerprint of their space, and exact search
//! over them.
//!
//! The page that searches also asks for what is missing, a few pictures at a time, so that it can
//! show how far it is and stop.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures_util::future::join_all;
use http::Request;
use onespace_store::{AssetFilter, AssetId, NearAsset, OwnerScope, PageRequest, VectorCoverage};
use onespace_wire::assets::Asset;
use onespace_wire::error_code::ErrorCode;
use serde::{Deserialize, Serialize};

use super::read;
use crate::app::App;
use crate::catalog::ServedModel;
use crate::console::SignedIn;
use crate::embed;
use crate::embed::plan::{EmbedPlan, Origin, Source, SourceField};
use crate::error::{ApiError, ApiResult, blocking};
use crate::routes::assets::{asset_id, detailed};
use crate::usage::ModelUse;

/// Pictures embedded by one call.
const PICTURES_PER_CALL: u32 = 8;
/// The most assets of an answer.
const HITS_MAX: usize = 50;
const HITS_DEFAULT: usize = 24;

/// How far the vectors are.
#[derive(Serialize)]
struct Coverage {
    space: String,
    pictures: u64,
    embedded: u64,
    unusable: u64,
}

/// The model whose vectors are kept: the first one, under its own name.
fn search_model(app: &App) -> ApiResult<ServedModel> {
    let model = app.models.first_name().and_then(|name| app.models.find(name));
    model.cloned().ok_or_else(|| ApiError::internal("no model is loaded"))
}

async fn coverage_of(app: &App, scope: &OwnerScope, model: &ServedModel) -> ApiResult<Coverage> {
    let (store, owner, space) = (app.store.clone(), scope.clone(), model.space.clone());
    let found: VectorCoverage = blocking(move || store.vector_coverage(&owner, &space)).await?;
    let VectorCoverage { pictures, embedded, unusable } = found;
    Ok(Coverage { space: model.space.to_string(), pictures, embedded, unusable })
}

/// `GET /console/api/vectors`.
pub(crate) async fn coverage(
    State(app): State<App>,
    SignedIn(session): SignedIn,
) -> ApiResult<Response> {
    let model = search_model(&app)?;
    Ok(Json(coverage_of(&app, &session.scope, &model).await?).into_response())
}

/// `POST /console/api/vectors`: computes some of the vectors that are missing.
pub(crate) async fn compute(
    State(app): State<App>,
    SignedIn(session): SignedIn,
) -> ApiResult<Response> {
    let model = search_model(&app)?;
    let scope = session.scope;
    let ticket = app.usage.ticket(scope.clone());
    let (store, owner, space) = (app.store.clone(), scope.clone(), model.space.clone());
    let missing =
        blocking(move || store.assets_without_vector(&owner, &space, PICTURES_PER_CALL)).await?;
    let embedded = missing.into_iter().map(|id| keep_one(&app, &scope, &model, id));
    let mut used = ModelUse::default();
    let mut failure = None;
    for outcome in join_all(embedded).await {
        match outcome {
            Ok(more) => used = used + more,
            Err(error) => failure = Some(error),
        }
    }
    let mut response = match failure {
        Some(error) => error.into_response(),
        None => Json(coverage_of(&app, &scope, &model).await?).into_response(),
    };
    response.extensions_mut().insert(used);
    ticket.settle(&response).await;
    Ok(response)
}

/// Embeds one picture and keeps its vector, or keeps that it has none.
async fn keep_one(
    app: &App,
    scope: &OwnerScope,
    model: &ServedModel,
    id: AssetId,
) -> ApiResult<ModelUse> {
    let field = SourceField::Object("asset".to_owned());
    let source = Source { field, origin: Origin::Asset(id.clone()) };
    let mut plan = EmbedPlan::of_one_picture(model, model.description().dimension_default, source)?;
    let (vector, used) = match embed::execute(app, scope, &mut plan).await {
        Ok(outcome) => (outcome.vector, outcome.used),
        // Deleted meanwhile.
        Err(error) if error.code == ErrorCode::ReferenceNotExist => {
            return Ok(ModelUse::default());
        }
        Err(error) if is_fault_of_the_picture(&error) => (Vec::new(), ModelUse::default()),
        Err(error) => return Err(error),
    };
    let (store, owner, space) = (app.store.clone(), scope.clone(), model.space.clone());
    blocking(move || store.keep_vector(&owner, &id, &space, &vector)).await?;
    Ok(used)
}

fn is_fault_of_the_picture(error: &ApiError) -> bool {
    matches!(error.code, ErrorCode::ParameterInvalid | ErrorCode::ContentTooLarge)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Search {
    /// The fingerprint of the query's space.
    space: String,
    /// The query, as the embed route answered it.
    vector: Option<Vec<f32>>,
    /// Or an asset that stands for it.
    asset_id: Option<String>,
    count: Option<usize>,
}

#[derive(Serialize)]
struct Hit {
    score: f32,
    asset: Asset,
}

#[derive(Serialize)]
struct Hits {
    hits: Vec<Hit>,
    coverage: Coverage,
}

/// `POST /console/api/search`: the account's pictures nearest to a vector.
pub(crate) async fn search(
    State(app): State<App>,
    SignedIn(session): SignedIn,
    request: Request<Body>,
) -> ApiResult<Response> {
    let Search { space, vector, asset_id, count } = read(&app, request).await?;
    let model = search_model(&app)?;
    if space != *model.space {
        let what =
            format!("must be `{}`: vectors of another space cannot be compared.", model.space);
        return Err(ApiError::invalid("space", what));
    }
    let scope = session.scope;
    let query = match (vector, asset_id) {
        (Some(vector), None) => normalised(vector, model.description().dimension_default)?,
        (None, Some(id)) => kept(&app, &scope, &model, &id).await?,
        _ => return Err(ApiError::missing("vector")),
    };
    let count = count.unwrap_or(HITS_DEFAULT).clamp(1, HITS_MAX);
    let store = app.store.clone();
    let owner = scope.clone();
    let hits = blocking(move || {
        let near = store.nearest_assets(&owner, &space, &query, count)?;
        let ids = near.iter().map(|hit| hit.id.as_str().to_owned()).collect::<Vec<_>>();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let page = PageRequest { page: 1, page_limit: HITS_MAX as u32 };
        let filter = AssetFilter { ids, ..AssetFilter::default() };
        let found = store.list_assets(&owner, &filter, page)?.items;
        Ok::<_, onespace_store::StoreError>(in_order(near, found))
    })
    .await?;
    let coverage = coverage_of(&app, &scope, &model).await?;
    Ok(Json(Hits { hits, coverage }).into_response())
}

/// The assets in the order of their nearness; one deleted meanwhile is left out.
fn in_order(near: Vec<NearAsset>, mut found: Vec<onespace_store::Asset>) -> Vec<Hit> {
    near.into_iter()
        .filter_map(|hit| {
            let at = found.iter().position(|asset| asset.id == hit.id)?;
            Some(Hit { score: hit.score, asset: detailed(found.swap_remove(at)) })
        })
        .collect()
}

/// `vector` at unit length.
fn normalised(vector: Vec<f32>, dimension: usize) -> ApiResult<Vec<f32>> {
    if vector.len() != dimension {
        return Err(ApiError::invalid("vector", format!("must have {dimension} values.")));
    }
    let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if !norm.is_finite() || norm < f32::MIN_POSITIVE {
        return Err(ApiError::invalid("vector", "must be finite and not zero."));
    }
    Ok(vector.into_iter().map(|value| value / norm).collect())
}

async fn kept(app: &App, scope: &OwnerScope, model: &ServedModel, id: &str) -> ApiResult<Vec<f32>> {
    let id = asset_id(id)?;
    let (store, owner, space) = (app.store.clone(), scope.clone(), model.space.clone());
    let wanted = id.clone();
    let vector = blocking(move || store.kept_vector(&owner, &wanted, &space)).await?;
    vector.ok_or_else(|| {
        let message = format!("`asset_id`: there is no vector of an asset `{id}`.");
        ApiError::new(ErrorCode::ReferenceNotExist, message)
    })
}
