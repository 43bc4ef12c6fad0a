//! `GET /console/api/assets/{asset_id}/thumbnail`: a small picture of an asset, for lists.
//!
//! It is a JPEG of our own making, from pixels that a decoder process gave; no byte of the user's
//! file is in it. It is made once and kept. A browser keeps it too, but asks each time, so that what
//! it has is shown to whoever may see the asset only.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jpeg_encoder::{ColorType, Encoder};
use onespace_media::{Fit, PreparedImage, PreprocessSpec, Resample};
use onespace_store::{Asset, OwnerScope};

use crate::app::App;
use crate::console::SignedIn;
use crate::error::{ApiError, ApiResult, blocking};
use crate::media_memory::Origin;
use crate::path_segment::PathSegment;
use crate::routes::assets::{asset_id, no_such_asset};

/// The longest side, in pixels: a tile of the page on a screen with two dots a pixel.
const SIDE_PX_MAX: u32 = 360;
/// Of JPEG's 1 to 100.
const JPEG_QUALITY: u8 = 82;
/// Digits of the asset's SHA-256 that tell it from others.
const TAG_DIGITS: usize = 32;

pub(crate) async fn show(
    State(app): State<App>,
    SignedIn(session): SignedIn,
    PathSegment(id): PathSegment,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let id = asset_id(&id)?;
    let (store, scope, wanted) = (app.store.clone(), session.scope.clone(), id.clone());
    let asset = blocking(move || store.asset(&scope, &wanted)).await?;
    let asset = asset.ok_or_else(|| no_such_asset(&id))?;
    let tag = format!("\"{SIDE_PX_MAX}-{}\"", asset.sha256.get(..TAG_DIGITS).unwrap_or_default());
    let fixed = [
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
        (header::ETAG, HeaderValue::try_from(&tag).map_err(ApiError::internal)?),
        (header::VARY, HeaderValue::from_static("cookie")),
    ];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| *known == *tag) {
        return Ok((StatusCode::NOT_MODIFIED, fixed).into_response());
    }
    let (store, scope) = (app.store.clone(), session.scope.clone());
    let jpeg = match blocking(move || store.kept_thumbnail(&scope, &id)).await? {
        Some(jpeg) => jpeg,
        None => make(&app, session.scope, asset).await?,
    };
    let content_type = [(header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg"))];
    Ok((fixed, content_type, Body::from(jpeg)).into_response())
}

/// Makes the small picture, and keeps it.
async fn make(app: &App, scope: OwnerScope, asset: Asset) -> ApiResult<Vec<u8>> {
    let _place = app.media_memory.place(Origin::AtHand).await?;
    let (store, owner, id) = (app.store.clone(), scope.clone(), asset.id.clone());
    let read = blocking(move || store.read_asset(&owner, &id)).await?;
    let (_, bytes) = read.ok_or_else(|| no_such_asset(&asset.id))?;
    let small = app.decoders.prepare(bytes, &app.settings.decode, &fit(&asset)).await;
    let small = small.map_err(|error| error.into_api_error("asset_id", app))?;
    let (store, id) = (app.store.clone(), asset.id);
    let jpeg = tokio::task::spawn_blocking(move || {
        let jpeg = encode(&small)?;
        // A full disk makes no picture invisible.
        if let Err(error) = store.keep_thumbnail(&scope, &id, &jpeg) {
            tracing::warn!(cause = ?error, "a thumbnail could not be kept");
        }
        Ok::<_, jpeg_encoder::EncodingError>(jpeg)
    });
    jpeg.await.map_err(ApiError::internal)?.map_err(ApiError::internal)
}

/// The size: as the picture, no larger than [`SIDE_PX_MAX`].
fn fit(asset: &Asset) -> PreprocessSpec {
    let fact = |name: &str| asset.technical_metadata.get(name).and_then(serde_json::Value::as_u64);
    let side = |name| fact(name).and_then(|side| u32::try_from(side).ok()).unwrap_or(SIDE_PX_MAX);
    let stored = (side("image_width"), side("image_height"));
    let lies_on_its_side = fact("image_orientation").is_some_and(|orientation| orientation >= 5);
    let upright = if lies_on_its_side { (stored.1, stored.0) } else { stored };
    let (width, height) = within(upright);
    PreprocessSpec {
        fit: Fit::Squash { width, height },
        resample: Resample::TorchBilinear,
        mean: [0.0; 3],
        std: [1.0; 3],
    }
}

/// The largest size of the same shape with sides of 1 to [`SIDE_PX_MAX`] pixels, never larger than
/// `size`.
fn within((width, height): (u32, u32)) -> (u32, u32) {
    let longest = u64::from(width.max(height));
    if longest <= u64::from(SIDE_PX_MAX) {
        return (width.max(1), height.max(1));
    }
    let scaled = |side: u32| {
        let scaled = (u64::from(side) * u64::from(SIDE_PX_MAX) + longest / 2) / longest;
        u32::try_from(scaled).unwrap_or(SIDE_PX_MAX).clamp(1, SIDE_PX_MAX)
    };
    (scaled(width), scaled(height))
}

fn encode(image: &PreparedImage) -> Result<Vec<u8>, jpeg_encoder::EncodingError> {
    let mut jpeg = Vec::new();
    // Sides are at most SIDE_PX_MAX.
    let (width, height) = (image.width as u16, image.height as u16);
    Encoder::new(&mut jpeg, JPEG_QUALITY).encode(&image.rgb, width, height, ColorType::Rgb)?;
    Ok(jpeg)
}

#[cfg(test)]
mod tests {
    use onespace_media::{DecodeLimits, decode};

    use super::*;

    #[test]
    fn shapes_are_kept_and_nothing_grows() {
        for (from, to) in [
            ((100, 50), (100, 50)),
            ((360, 360), (360, 360)),
            ((4_000, 3_000), (360, 270)),
            ((3_000, 4_000), (270, 360)),
            ((16_384, 1), (360, 1)),
            ((0, 0), (1, 1)),
            ((u32::MAX, u32::MAX), (360, 360)),
        ] {
            assert_eq!(within(from), to, "{from:?}");
        }
    }

    #[test]
    fn what_is_encoded_decodes_to_the_same_picture() {
        let (width, height) = (33, 17);
        let pixel = |at: u32| [(at % width * 7) as u8, (at / width * 15) as u8, 90];
        let rgb: Vec<u8> = (0..width * height).flat_map(pixel).collect();
        let image = PreparedImage { width, height, rgb: rgb.clone().into() };
        let back = decode(&encode(&image).unwrap(), &DecodeLimits::default()).unwrap();
        assert_eq!((back.width, back.height), (width, height));
        let far = back.rgb.iter().zip(&rgb).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(far < Some(24), "{far:?}");
    }
}
