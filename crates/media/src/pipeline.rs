//! The three calls: inspect, decode, prepare.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::header::Header;
use crate::orientation::{mirrors, swaps_sides, upright};
use crate::resize::{FirstAxis, Plan, resize};
use crate::spec::{Axis, Geometry, Size};
use crate::{
    DecodeLimits, ImageFacts, ImageFormat, MediaError, PreparedImage, PreprocessSpec, codec,
    header, sniff,
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

/// Decodes a picture and brings it to the size that `spec` asks for.
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
    let header = read_header(bytes, limits)?;
    let facts = &header.facts;
    let (width, height) = facts.oriented_size();
    let geometry = spec.geometry(Size { width, height })?;
    let plan = stored_plan(facts, geometry);
    let prepared = Size { width: geometry.0.prepared, height: geometry.1.prepared };
    let halfway_bytes = plan.halfway().rgb_bytes();
    let resize_bytes = halfway_bytes + plan.from.rgb_bytes().max(prepared.rgb_bytes());
    limits.check_memory(facts, header.decode_bytes.max(resize_bytes))?;
    let rgb = guarded(facts.format, || {
        let no_memory = || MediaError::broken(facts.format, "no memory to resize the picture");
        let rgb = codec::pixels(bytes, &header, limits)?;
        let rgb = resize(rgb, plan, spec.resample).ok_or_else(no_memory)?;
        let kept = plan.kept();
        let rgb = upright(rgb, kept.width, kept.height, facts.orientation).ok_or_else(no_memory)?;
        on_black(rgb, geometry).ok_or_else(no_memory)
    })?;
    let image = PreparedImage { width: prepared.width, height: prepared.height, rgb: rgb.into() };
    Ok((header.facts, image))
}

/// The geometry of the upright picture as that of the stored one.
fn stored_plan(facts: &ImageFacts, (across, down): Geometry) -> Plan {
    let from = Size { width: facts.width, height: facts.height };
    let (across, down, first) = if swaps_sides(facts.orientation) {
        (down, across, FirstAxis::Vertical)
    } else {
        (across, down, FirstAxis::Horizontal)
    };
    let (columns, rows) = mirrors(facts.orientation);
    let seen = |axis: Axis, mirrored| if mirrored { axis.mirrored() } else { axis };
    Plan { from, across: seen(across, columns), down: seen(down, rows), first }
}

/// Puts the kept pixels at their place on black, where they do not fill the prepared picture.
fn on_black(rgb: Vec<u8>, (across, down): Geometry) -> Option<Vec<u8>> {
    if across.kept == across.prepared && down.kept == down.prepared {
        return Some(rgb);
    }
    let row_bytes = across.prepared as usize * 3;
    let mut out = codec::allocate(row_bytes * down.prepared as usize)?;
    let rows = out.chunks_exact_mut(row_bytes).skip(down.before as usize);
    let kept_bytes = across.kept as usize * 3;
    for (out, row) in rows.zip(rgb.chunks_exact(kept_bytes)) {
        out[across.before as usize * 3..][..kept_bytes].copy_from_slice(row);
    }
    Some(out)
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
