//! JPEG pixels, by `zune-jpeg` in strict mode.

use std::borrow::Cow;

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace as ZuneColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::allocate_for;
use crate::header::jpeg::Segments;
use crate::{ColorSpace, DecodeLimits, ImageFacts, ImageFormat, MediaError};

const FORMAT: ImageFormat = ImageFormat::Jpeg;
const SOF_FIRST: u8 = 0xc0;
const SOF_LAST: u8 = 0xc2;
const SOS: u8 = 0xda;
const APP14: u8 = 0xee;
/// Where the colour transform stands in an Adobe segment.
const ADOBE_TRANSFORM_AT: usize = 11;
const ADOBE_TRANSFORM_YCBCR: u8 = 1;

pub(super) fn pixels(
    bytes: &[u8],
    facts: &ImageFacts,
    limits: &DecodeLimits,
) -> Result<Vec<u8>, MediaError> {
    let bytes = with_plain_colors(bytes, facts.color_space);
    let side_px_max = limits.image_side_px_max as usize;
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(side_px_max)
        .set_max_height(side_px_max)
        .jpeg_set_max_scans(limits.jpeg_scans_max as usize)
        .jpeg_set_out_colorspace(ZuneColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes.as_ref()), options);
    let broken = |error| MediaError::broken(FORMAT, format_args!("{error:?}"));
    decoder.decode_headers().map_err(broken)?;
    let length = facts.width as usize * facts.height as usize * 3;
    if decoder.output_buffer_size() != Some(length) {
        return Err(MediaError::broken(FORMAT, "header and decoder differ on the size"));
    }
    let mut rgb = allocate_for(FORMAT, length)?;
    decoder.decode_into(&mut rgb).map_err(broken)?;
    Ok(rgb)
}

/// Says in the decoder's own terms what colours a three-component file has.
///
/// The decoder knows RGB by the component ids `R G B` only and takes Adobe's transform 0 for CMYK
/// whatever the number of components. So an RGB file gets those ids, and a `YCbCr` file with a
/// contradicting Adobe segment gets transform 1.
fn with_plain_colors(bytes: &[u8], color_space: ColorSpace) -> Cow<'_, [u8]> {
    let is_rgb = match color_space {
        ColorSpace::Rgb => true,
        ColorSpace::YCbCr => false,
        _ => return Cow::Borrowed(bytes),
    };
    let mut changed = Cow::Borrowed(bytes);
    let mut ids = Vec::new();
    for segment in Segments::new(bytes) {
        let payload = &bytes[segment.start..segment.end];
        match segment.marker {
            SOF_FIRST..=SOF_LAST if is_rgb => {
                ids = payload.iter().skip(6).step_by(3).take(3).copied().collect();
                for (index, name) in b"RGB".iter().enumerate().take(ids.len()) {
                    changed.to_mut()[segment.start + 6 + index * 3] = *name;
                }
            }
            SOS if is_rgb => rename_scan(&mut changed.to_mut()[segment.start..segment.end], &ids),
            APP14
                if payload.starts_with(b"Adobe") && payload.get(ADOBE_TRANSFORM_AT) == Some(&0) =>
            {
                changed.to_mut()[segment.start + ADOBE_TRANSFORM_AT] = ADOBE_TRANSFORM_YCBCR;
            }
            _ => {}
        }
    }
    changed
}

/// Gives the components of a scan header their new names.
fn rename_scan(scan: &mut [u8], ids: &[u8]) {
    let count = scan.first().copied().map_or(0, usize::from);
    for id in scan.iter_mut().skip(1).step_by(2).take(count) {
        if let Some(name) = ids.iter().zip(b"RGB").find(|(old, _)| *old == id) {
            *id = *name.1;
        }
    }
}
