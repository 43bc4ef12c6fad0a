//! `POST /console/api/search`: exact search over the account's kept vectors.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::Request;
use onespace_store::{AssetFilter, NearAsset, OwnerScope, PageRequest};
use onespace_wire::assets::Asset;
use onespace_wire::error_code::ErrorCode;
use serde::{Deserialize, Serialize};

use super::read;
use super::vectors::{Coverage, coverage_of, search_model};
use crate::app::App;
use crate::catalog::ServedModel;
use crate::console::SignedIn;
use crate::error::{ApiError, ApiResult, blocking};
use crate::routes::assets::{asset_id, detailed};

/// The most assets of an answer.
const HITS_MAX: usize = 50;
const HITS_DEFAULT: usize = 24;

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
        (None, None) => {
            let message = "One of `vector` and `asset_id` is required, and both are missing.";
            return Err(ApiError::new(ErrorCode::ParameterNotProvided, message));
        }
        (Some(_), Some(_)) => {
            let message = "`vector` and `asset_id` cannot be used together: send one of them.";
            return Err(ApiError::new(ErrorCode::ParameterInvalid, message));
        }
    };
    let count = count.unwrap_or(HITS_DEFAULT);
    if !(1..=HITS_MAX).contains(&count) {
        let what = format!("must be a whole number from 1 to {HITS_MAX}.");
        return Err(ApiError::invalid("count", what));
    }
    let hits = nearest(&app, &scope, space, query, count).await?;
    let coverage = coverage_of(&app, &scope, &model).await?;
    Ok(Json(Hits { hits, coverage }).into_response())
}

async fn nearest(
    app: &App,
    scope: &OwnerScope,
    space: String,
    query: Vec<f32>,
    count: usize,
) -> ApiResult<Vec<Hit>> {
    let (store, owner) = (app.store.clone(), scope.clone());
    blocking(move || {
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
    .await
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
