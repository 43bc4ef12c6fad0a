//! From bytes to pictures at the model's size. Pictures at hand come first, so that a bad one
//! causes no fetch; each is decoded in a process of its own kind (see [`crate::decoders`]).

use futures_util::future::try_join_all;
use onespace_media::{PreparedImage, PreprocessSpec};
use onespace_store::{AssetId, OwnerScope};

use super::fetch;
use super::plan::SourceField;
use super::resolve::{Located, Place, no_such_asset};
use crate::app::App;
use crate::error::{ApiError, ApiResult, blocking};
use crate::media_memory;

/// Prepares every picture, in order.
///
/// # Errors
///
/// `parameter_invalid` or 413 naming the source that cannot be read.
pub(crate) async fn prepare(
    app: &App,
    scope: &OwnerScope,
    located: Vec<Located>,
    spec: &PreprocessSpec,
) -> ApiResult<Vec<PreparedImage>> {
    let is_remote = |source: &Located| matches!(source.place, Place::Remote(_));
    let (remote, local): (Vec<_>, Vec<_>) =
        located.into_iter().enumerate().partition(|(_, source)| is_remote(source));
    let mut pictures = Vec::with_capacity(remote.len() + local.len());
    for group in [local, remote] {
        let prepared = group.into_iter().map(|(index, source)| async move {
            Ok::<_, ApiError>((index, prepare_one(app, scope, source, spec).await?))
        });
        pictures.extend(try_join_all(prepared).await?);
    }
    pictures.sort_by_key(|(index, _)| *index);
    Ok(pictures.into_iter().map(|(_, picture)| picture).collect())
}

/// Gets the bytes of one picture and decodes them. The place bounds how many files are in memory.
async fn prepare_one(
    app: &App,
    scope: &OwnerScope,
    source: Located,
    spec: &PreprocessSpec,
) -> ApiResult<PreparedImage> {
    let origin = match source.place {
        Place::Remote(_) => media_memory::Origin::Network,
        _ => media_memory::Origin::AtHand,
    };
    let _place = app.media_memory.place(origin).await?;
    let bytes = match source.place {
        Place::Memory(bytes) => bytes,
        Place::Stored { id, .. } => stored_bytes(app, scope, &source.field, id).await?,
        Place::Remote(url) => fetch::fetch(app, &source.field.member("url"), &url).await?.bytes,
    };
    let prepared = app.decoders.prepare(bytes, &app.settings.decode, spec).await;
    prepared.map_err(|error| error.into_api_error(source.field.name(), app))
}

async fn stored_bytes(
    app: &App,
    scope: &OwnerScope,
    field: &SourceField,
    id: AssetId,
) -> ApiResult<Vec<u8>> {
    let (store, owner, wanted) = (app.store.clone(), scope.clone(), id.clone());
    let read = blocking(move || store.read_asset(&owner, &wanted)).await?;
    // The asset may have been deleted since it was looked up.
    read.map(|(_, bytes)| bytes).ok_or_else(|| no_such_asset(field, &id))
}
