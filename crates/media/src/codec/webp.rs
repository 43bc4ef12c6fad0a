//! WebP pixels, by `image-webp`.

use std::borrow::Cow;
use std::io::Cursor;

use image_webp::WebPDecoder;

use super::{allocate_for, flatten};
use crate::{DecodeLimits, ImageFacts, ImageFormat, MediaError};

const FORMAT: ImageFormat = ImageFormat::WebP;
const RIFF_HEADER_BYTES: usize = 12;
const CHUNK_HEADER_BYTES: usize = 8;
/// Where the flags of an extended header stand in the file, and its flag for alpha.
const FLAGS_AT: usize = 20;
const FLAG_ALPHA: u8 = 0x10;
/// Where the flags of an animation frame stand in its chunk's data, and its flag against blending.
const FRAME_FLAGS_AT: usize = 15;
const FRAME_FLAG_OVERWRITE: u8 = 0x02;

pub(super) fn pixels(
    bytes: &[u8],
    facts: &ImageFacts,
    limits: &DecodeLimits,
) -> Result<Vec<u8>, MediaError> {
    let broken = |error| MediaError::broken(FORMAT, error);
    let bytes = if facts.is_animated { for_first_frame(bytes) } else { Cow::Borrowed(bytes) };
    let mut decoder = WebPDecoder::new(Cursor::new(bytes.as_ref())).map_err(broken)?;
    decoder.set_memory_limit(usize::try_from(limits.decode_bytes_max).unwrap_or(usize::MAX));
    if decoder.dimensions() != (facts.width, facts.height) {
        return Err(MediaError::broken(FORMAT, "header and decoder differ on the size"));
    }
    let alpha = decoder.has_alpha();
    let length = decoder
        .output_buffer_size()
        .ok_or_else(|| MediaError::broken(FORMAT, "size not addressable"))?;
    let mut buffer = allocate_for(FORMAT, length)?;
    decoder.read_image(&mut buffer).map_err(broken)?;
    Ok(if alpha { flatten(buffer) } else { buffer })
}

/// Makes the decoder give an animation's first frame exactly.
///
/// The animation is declared to have alpha: otherwise the decoder drops the canvas' transparency,
/// and what the frame leaves uncovered is black. And the frame is declared to overwrite the canvas,
/// which on an empty canvas is the same as blending, but for the decoder's rounding.
fn for_first_frame(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut changed = bytes.to_vec();
    if let Some(flags) = changed.get_mut(FLAGS_AT) {
        *flags |= FLAG_ALPHA;
    }
    let mut at = RIFF_HEADER_BYTES;
    while let Some(&[k0, k1, k2, k3, s0, s1, s2, s3]) =
        changed.get(at..at + CHUNK_HEADER_BYTES).and_then(<[u8]>::as_array)
    {
        let data = at + CHUNK_HEADER_BYTES;
        if &[k0, k1, k2, k3] == b"ANMF" {
            if let Some(flags) = changed.get_mut(data + FRAME_FLAGS_AT) {
                *flags |= FRAME_FLAG_OVERWRITE;
            }
            break;
        }
        let size = u32::from_le_bytes([s0, s1, s2, s3]) as usize;
        at = data + size + size % 2;
    }
    Cow::Owned(changed)
}
