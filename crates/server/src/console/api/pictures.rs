//! `GET /console/api/assets/{asset_id}/picture`: the bytes of an asset, for its owner's eyes.
//!
//! A stranger's file is shown as a picture of the type that its decoder found, or not at all: the
//! type comes from a fixed list, the browser may not guess another, and the policy around it
//! (`headers::of_data`) forbids scripts even where the answer is opened as a page.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};

use crate::app::App;
use crate::console::SignedIn;
use crate::error::{ApiResult, blocking};
use crate::media_memory::Origin;
use crate::path_segment::PathSegment;
use crate::routes::assets::{asset_id, no_such_asset};

/// Types that browsers draw and cannot run.
const SHOWN_INLINE: [&str; 4] = ["image/gif", "image/jpeg", "image/png", "image/webp"];

pub(crate) async fn show(
    State(app): State<App>,
    SignedIn(session): SignedIn,
    PathSegment(id): PathSegment,
) -> ApiResult<Response> {
    let id = asset_id(&id)?;
    let _place = app.media_memory.place(Origin::AtHand).await?;
    let (store, wanted) = (app.store.clone(), id.clone());
    let read = blocking(move || store.read_asset(&session.scope, &wanted)).await?;
    let (asset, bytes) = read.ok_or_else(|| no_such_asset(&id))?;
    let shown = SHOWN_INLINE.iter().find(|known| **known == asset.file_type);
    let content_type = shown.copied().unwrap_or("application/octet-stream");
    let disposition = if shown.is_some() { "inline" } else { "attachment" };
    let mut response = Body::from(bytes).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(disposition));
    Ok(response)
}
