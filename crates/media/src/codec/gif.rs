//! GIF pixels, by `gif`: the first frame on a white canvas.

use std::num::NonZeroU64;

use gif::{ColorOutput, DecodeOptions, Frame, MemoryLimit};

use super::allocate_for;
use crate::{DecodeLimits, ImageFacts, ImageFormat, MediaError};

const FORMAT: ImageFormat = ImageFormat::Gif;
const WHITE: u8 = 255;
const BLACK: [u8; 3] = [0; 3];

pub(super) fn pixels(
    bytes: &[u8],
    facts: &ImageFacts,
    limits: &DecodeLimits,
) -> Result<Vec<u8>, MediaError> {
    let broken = |error| MediaError::broken(FORMAT, error);
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    options.set_memory_limit(MemoryLimit::Bytes(
        NonZeroU64::new(limits.decode_bytes_max).unwrap_or(NonZeroU64::MIN),
    ));
    options.allow_unknown_blocks(true);
    let mut decoder = options.read_info(bytes).map_err(broken)?;
    let global_palette = decoder.global_palette().map(<[u8]>::to_vec);
    let frame = decoder.next_frame_info().map_err(broken)?;
    let frame = frame.ok_or_else(|| MediaError::broken(FORMAT, "no frame"))?.clone();
    limits.check_size(u32::from(frame.width), u32::from(frame.height))?;
    let mut indices = allocate_for(FORMAT, usize::from(frame.width) * usize::from(frame.height))?;
    decoder.read_into_buffer(&mut indices).map_err(broken)?;
    let palette = frame.palette.clone().or(global_palette).unwrap_or_default();
    let (width, height) = (facts.width as usize, facts.height as usize);
    let mut rgb = allocate_for(FORMAT, width * height * 3)?;
    rgb.fill(WHITE);
    place(&frame, &indices, &palette, &mut rgb, width);
    Ok(rgb)
}

/// Draws the frame at its offset; what lies outside the canvas is cut.
fn place(frame: &Frame<'_>, indices: &[u8], palette: &[u8], rgb: &mut [u8], width: usize) {
    let (left, top) = (usize::from(frame.left), usize::from(frame.top));
    let colors = palette.as_chunks::<3>().0;
    let rows = rgb.chunks_exact_mut(width * 3).skip(top);
    for (row, indices) in rows.zip(indices.chunks_exact(usize::from(frame.width))) {
        let targets = row.as_chunks_mut::<3>().0.iter_mut().skip(left);
        for (target, &index) in targets.zip(indices) {
            if frame.transparent != Some(index) {
                *target = colors.get(usize::from(index)).copied().unwrap_or(BLACK);
            }
        }
    }
}
