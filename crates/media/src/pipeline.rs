//! The three calls: inspect, decode, prepare.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::header::Header;
use crate::orientation::{swaps_sides, upright};
use crate::resize::{FirstAxis, Size, bicubic};
use crate::{
    DecodeLimits, ImageFacts, ImageFormat, MediaError, PREPARED_SIDE_PX_MAX, PreparedImage,
    PreprocessSpec, Resample, codec, header, sniff,
};

/// A decoded picture, upright.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RgbImage {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Row-major `height x width x 3` RGB, one byte per channel.
    pub rgb: Vec<u8>,
}

/// Reads the headers of a picture and checks them against `limits`. Allocates no pixels.
///
/// # Errors
/// Any [`MediaError`] but `InvalidSpec`. Success does not promise that the pixels decode.
pub fn inspect(bytes: &[u8], limits: &DecodeLimits) -> Result<ImageFacts, MediaError> {
    read_header(bytes, limits).map(|header| header.facts)
}

/// Decodes a picture to upright 8-bit RGB; the crate's documentation tells how.
///
/// # Errors
/// Any [`MediaError`] but `InvalidSpec`.
pub fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<RgbImage, MediaError> {
    decode_with_facts(bytes, limits).map(|(_, image)| image)
}

/// Decodes a picture and squashes it to `spec.width x spec.height`.
///
/// # Errors
/// Any [`MediaError`].
pub fn prepare(
    bytes: &[u8],
    limits: &DecodeLimits,
    spec: &PreprocessSpec,
) -> Result<PreparedImage, MediaError> {
    prepare_with_facts(bytes, limits, spec).map(|(_, image)| image)
}

/// [`decode`], with what the header said.
pub(crate) fn decode_with_facts(
    bytes: &[u8],
    limits: &DecodeLimits,
) -> Result<(ImageFacts, RgbImage), MediaError> {
    let header = read_header(bytes, limits)?;
    let facts = &header.facts;
    if facts.orientation != 1 {
        let turned = Size { width: facts.width, height: facts.height }.rgb_bytes();
        limits.check_memory(facts, header.decode_bytes.max(2 * turned))?;
    }
    let rgb = guarded(facts.format, || {
        let rgb = codec::pixels(bytes, &header, limits)?;
        upright(rgb, facts.width, facts.height, facts.orientation)
            .ok_or_else(|| MediaError::broken(facts.format, "no memory to turn the picture"))
    })?;
    let (width, height) = facts.oriented_size();
    Ok((header.facts, RgbImage { width, height, rgb }))
}

/// [`prepare`], with what the header said.
///
/// The picture is resized as it is stored and then turned: turning a large picture costs more than
/// turning a small one, and the resampling filter is symmetric, so that the pixels are the same.
pub(crate) fn prepare_with_facts(
    bytes: &[u8],
    limits: &DecodeLimits,
    spec: &PreprocessSpec,
) -> Result<(ImageFacts, PreparedImage), MediaError> {
    let sides = 1..=PREPARED_SIDE_PX_MAX;
    if !sides.contains(&spec.width) || !sides.contains(&spec.height) {
        return Err(MediaError::InvalidSpec { width: spec.width, height: spec.height });
    }
    let header = read_header(bytes, limits)?;
    let facts = &header.facts;
    let from = Size { width: facts.width, height: facts.height };
    let upright_size = Size { width: spec.width, height: spec.height };
    let (to, first) = if swaps_sides(facts.orientation) {
        (upright_size.swapped(), FirstAxis::Vertical)
    } else {
        (upright_size, FirstAxis::Horizontal)
    };
    let Resample::Bicubic = spec.resample;
    let halfway_bytes = first.halfway(from, to).rgb_bytes();
    let resize_bytes = halfway_bytes + from.rgb_bytes().max(to.rgb_bytes());
    limits.check_memory(facts, header.decode_bytes.max(resize_bytes))?;
    let rgb = guarded(facts.format, || {
        let rgb = codec::pixels(bytes, &header, limits)?;
        let rgb = bicubic(rgb, from, to, first)
            .ok_or_else(|| MediaError::broken(facts.format, "no memory to resize the picture"))?;
        upright(rgb, to.width, to.height, facts.orientation)
            .ok_or_else(|| MediaError::broken(facts.format, "no memory to turn the picture"))
    })?;
    let image = PreparedImage { width: spec.width, height: spec.height, rgb: rgb.into() };
    Ok((header.facts, image))
}

fn read_header(bytes: &[u8], limits: &DecodeLimits) -> Result<Header, MediaError> {
    limits.check_bytes(bytes)?;
    let format = sniff(bytes).ok_or(MediaError::UnsupportedType)?;
    let header = header::read(format, bytes, limits)?;
    limits.check_memory(&header.facts, header.decode_bytes)?;
    Ok(header)
}

/// Runs third-party decoding code; a panic in it means that the file is broken. The panic's
/// message goes where the process' panic hook sends it.
fn guarded<T>(
    format: ImageFormat,
    work: impl FnOnce() -> Result<T, MediaError>,
) -> Result<T, MediaError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(MediaError::broken(format, "the decoder panicked")))
}
