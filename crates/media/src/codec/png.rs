//! PNG pixels, by `png`, row by row: only the RGB result is ever held whole.

use std::io::Cursor;

use png::{BitDepth, Limits, Transformations};

use super::{allocate_for, over_white};
use crate::{DecodeLimits, ImageFacts, ImageFormat, MediaError};

const FORMAT: ImageFormat = ImageFormat::Png;

/// One pass over the picture: where its first pixel lies, and its steps, in pixels.
#[derive(Clone, Copy)]
struct Pass {
    x: usize,
    dx: usize,
    y: usize,
    dy: usize,
}

const PROGRESSIVE: [Pass; 1] = [pass(0, 1, 0, 1)];
const ADAM7: [Pass; 7] = [
    pass(0, 8, 0, 8),
    pass(4, 8, 0, 8),
    pass(0, 4, 4, 8),
    pass(2, 4, 0, 4),
    pass(0, 2, 2, 4),
    pass(1, 2, 0, 2),
    pass(0, 1, 1, 2),
];

const fn pass(x: usize, dx: usize, y: usize, dy: usize) -> Pass {
    Pass { x, dx, y, dy }
}

pub(super) fn pixels(
    bytes: &[u8],
    facts: &ImageFacts,
    limits: &DecodeLimits,
) -> Result<Vec<u8>, MediaError> {
    let broken = |error| MediaError::broken(FORMAT, error);
    let memory = usize::try_from(limits.decode_bytes_max).unwrap_or(usize::MAX);
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: memory });
    // Text and colour profiles are compressed and not needed: not inflating them is one bomb less.
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(broken)?;
    let (width, height) = (facts.width as usize, facts.height as usize);
    if reader.info().size() != (facts.width, facts.height) {
        return Err(MediaError::broken(FORMAT, "header and decoder differ on the size"));
    }
    let (color, depth) = reader.output_color_type();
    let passes = if reader.info().interlaced { &ADAM7[..] } else { &PROGRESSIVE[..] };
    let mut rgb = allocate_for(FORMAT, width * height * 3)?;
    let mut narrow = Vec::new();
    for pass in passes.iter().filter(|pass| pass.x < width) {
        for y in (pass.y..height).step_by(pass.dy) {
            let row = reader.next_row().map_err(broken)?;
            let row = row.ok_or_else(|| MediaError::broken(FORMAT, "too few rows"))?;
            let samples = eight_bit(row.data(), depth, &mut narrow);
            let out = &mut rgb[y * width * 3..(y + 1) * width * 3];
            convert_row(samples, color.samples(), *pass, out);
        }
    }
    // Reading on to the end checks what follows the last row.
    reader.next_row().map_err(broken)?;
    Ok(rgb)
}

/// The row's samples at 8 bits; 16-bit samples are big-endian and rounded into `narrow`.
fn eight_bit<'a>(row: &'a [u8], depth: BitDepth, narrow: &'a mut Vec<u8>) -> &'a [u8] {
    if depth != BitDepth::Sixteen {
        return row;
    }
    narrow.clear();
    let samples = row.as_chunks::<2>().0;
    // (65,535 + 128) / 257 is 255.
    narrow.extend(samples.iter().map(|&v| ((u32::from(u16::from_be_bytes(v)) + 128) / 257) as u8));
    narrow
}

/// Writes one row of one pass into a row of RGB.
fn convert_row(samples: &[u8], channels: usize, pass: Pass, out: &mut [u8]) {
    let targets = out.as_chunks_mut::<3>().0.iter_mut().skip(pass.x).step_by(pass.dx);
    match channels {
        1 => targets.zip(samples).for_each(|(target, &grey)| *target = [grey; 3]),
        2 => targets.zip(samples.as_chunks::<2>().0).for_each(|(target, &[grey, alpha])| {
            *target = [over_white(grey, alpha); 3];
        }),
        3 => targets.zip(samples.as_chunks::<3>().0).for_each(|(target, pixel)| *target = *pixel),
        _ => targets.zip(samples.as_chunks::<4>().0).for_each(|(target, &[r, g, b, alpha])| {
            *target = [r, g, b].map(|channel| over_white(channel, alpha));
        }),
    }
}
