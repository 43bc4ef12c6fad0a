//! WebP pixels, by `image-webp`.

use std::io::Cursor;

use image_webp::WebPDecoder;

use super::{allocate_for, flatten};
use crate::{DecodeLimits, ImageFacts, ImageFormat, MediaError};

const FORMAT: ImageFormat = ImageFormat::WebP;
const WHITE: [u8; 4] = [255; 4];

pub(super) fn pixels(
    bytes: &[u8],
    facts: &ImageFacts,
    limits: &DecodeLimits,
) -> Result<Vec<u8>, MediaError> {
    let broken = |error| MediaError::broken(FORMAT, error);
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(broken)?;
    decoder.set_memory_limit(usize::try_from(limits.decode_bytes_max).unwrap_or(usize::MAX));
    if decoder.dimensions() != (facts.width, facts.height) {
        return Err(MediaError::broken(FORMAT, "header and decoder differ on the size"));
    }
    let alpha = decoder.has_alpha();
    if decoder.is_animated() && !alpha {
        // Without alpha the decoder drops the canvas' transparency and leaves its black.
        decoder.set_background_color(WHITE).map_err(broken)?;
    }
    let length = decoder
        .output_buffer_size()
        .ok_or_else(|| MediaError::broken(FORMAT, "size not addressable"))?;
    let mut buffer = allocate_for(FORMAT, length)?;
    decoder.read_image(&mut buffer).map_err(broken)?;
    Ok(if alpha { flatten(buffer) } else { buffer })
}
