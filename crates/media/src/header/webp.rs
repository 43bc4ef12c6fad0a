//! WebP: RIFF chunks, and the sizes inside the compressed frames.
//!
//! The size of a frame stands twice: in the container and in the compressed data. The decoder
//! allocates by the second before it compares them, so both are compared here.

use super::reader::Reader;
use super::{Header, exif, pixels};
use crate::{ColorSpace, DecodeLimits, ImageFacts, ImageFormat, MediaError};

/// Type and data of a chunk.
type Chunk<'a> = ([u8; 4], &'a [u8]);

const FORMAT: ImageFormat = ImageFormat::WebP;
const FLAG_ANIMATION: u8 = 0x02;
const FLAG_ALPHA: u8 = 0x10;
const RIFF_HEADER_BYTES: usize = 12;
const ANIMATION_FRAME_HEADER_BYTES: usize = 16;
/// Decoder state in bytes besides what grows with the pixels: tables, row contexts.
const DECODER_BYTES: u64 = 2 << 20;
/// Decoder memory per pixel in bytes: for a lossy frame 1.5 of planes and 0.25 of macroblock
/// records; for a compressed alpha plane 5; an RGBA or RGB frame 4; an animation's canvas 4; the
/// transforms of a lossless frame 1.
const LOSSY_BYTES: u64 = 2;
const ALPHA_BYTES: u64 = 5;
const FRAME_BYTES: u64 = 4;
const CANVAS_BYTES: u64 = 4;
const LOSSLESS_BYTES: u64 = 1;

/// Size and kind of one compressed frame.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Frame {
    width: u32,
    height: u32,
    lossy: bool,
    alpha: bool,
}

/// The extended header and what the chunks after it say.
struct Extended {
    canvas: (u32, u32),
    flags: u8,
    frame: Option<Frame>,
    orientation: Option<u8>,
}

pub(super) fn read(bytes: &[u8], limits: &DecodeLimits) -> Result<Header, MediaError> {
    let end = riff_end(bytes)?;
    let mut reader = Reader::new(&bytes[..end]);
    reader.take(RIFF_HEADER_BYTES);
    let (kind, data) = chunk(&mut reader)?.ok_or(MediaError::Truncated { format: FORMAT })?;
    if &kind != b"VP8X" {
        let frame = frame(kind, data, limits)?
            .ok_or_else(|| MediaError::broken(FORMAT, "first chunk holds no picture"))?;
        return Ok(simple(frame, end));
    }
    let mut extended = extended_header(data, limits)?;
    while let Some((kind, data)) = chunk(&mut reader)? {
        see(&mut extended, kind, data, limits)?;
    }
    finish(&extended, end)
}

/// Where the RIFF container ends. A missing last padding byte is tolerated.
fn riff_end(bytes: &[u8]) -> Result<usize, MediaError> {
    let truncated = MediaError::Truncated { format: FORMAT };
    let mut reader = Reader::new(bytes);
    reader.take(4);
    let size = reader.u32_le().ok_or(truncated.clone())?;
    let end = u64::from(size) + 8;
    if end < RIFF_HEADER_BYTES as u64 {
        return Err(MediaError::broken(FORMAT, "RIFF size too small"));
    }
    if end > bytes.len() as u64 + 1 {
        return Err(truncated);
    }
    Ok(usize::try_from(end).map_or(bytes.len(), |end| end.min(bytes.len())))
}

/// The next chunk's type and data; `None` at the end of the container.
fn chunk<'a>(reader: &mut Reader<'a>) -> Result<Option<Chunk<'a>>, MediaError> {
    let Some(kind) = reader.array::<4>() else { return Ok(None) };
    let size = reader.u32_le().and_then(|size| usize::try_from(size).ok());
    let data =
        size.and_then(|size| reader.take(size)).ok_or(MediaError::Truncated { format: FORMAT })?;
    if data.len() % 2 == 1 {
        reader.take(1);
    }
    Ok(Some((kind, data)))
}

fn extended_header(data: &[u8], limits: &DecodeLimits) -> Result<Extended, MediaError> {
    let mut reader = Reader::new(data);
    let mut fields = || {
        let flags = reader.u8()?;
        reader.take(3)?;
        Some((flags, reader.u24_le()? + 1, reader.u24_le()? + 1))
    };
    let (flags, width, height) =
        fields().ok_or_else(|| MediaError::broken(FORMAT, "short extended header"))?;
    limits.check_size(width, height)?;
    Ok(Extended { canvas: (width, height), flags, frame: None, orientation: None })
}

fn see(
    extended: &mut Extended,
    kind: [u8; 4],
    data: &[u8],
    limits: &DecodeLimits,
) -> Result<(), MediaError> {
    let animated = extended.flags & FLAG_ANIMATION != 0;
    match &kind {
        b"EXIF" if extended.orientation.is_none() => {
            extended.orientation = exif::orientation(data);
        }
        b"ANMF" if extended.frame.is_none() && animated => {
            extended.frame = Some(animation_frame(data, extended.canvas, limits)?);
        }
        b"VP8 " | b"VP8L" if extended.frame.is_none() && !animated => {
            let frame = frame(kind, data, limits)?;
            if frame.is_some_and(|frame| (frame.width, frame.height) != extended.canvas) {
                return Err(MediaError::broken(FORMAT, "frame and canvas differ in size"));
            }
            extended.frame = frame;
        }
        _ => {}
    }
    Ok(())
}

/// The first frame of an animation: its place on the canvas and its compressed size.
fn animation_frame(
    data: &[u8],
    canvas: (u32, u32),
    limits: &DecodeLimits,
) -> Result<Frame, MediaError> {
    let broken = || MediaError::broken(FORMAT, "bad animation frame");
    let mut reader = Reader::new(data);
    let mut place = || {
        let (x, y) = (reader.u24_le()? * 2, reader.u24_le()? * 2);
        Some((x, y, reader.u24_le()? + 1, reader.u24_le()? + 1))
    };
    let (x, y, width, height) = place().ok_or_else(broken)?;
    if x + width > canvas.0 || y + height > canvas.1 {
        return Err(broken());
    }
    let mut reader = Reader::new(data.get(ANIMATION_FRAME_HEADER_BYTES..).ok_or_else(broken)?);
    while let Some((kind, data)) = chunk(&mut reader)? {
        if let Some(frame) = frame(kind, data, limits)? {
            if (frame.width, frame.height) != (width, height) {
                return Err(broken());
            }
            return Ok(frame);
        }
    }
    Err(broken())
}

/// The size of a compressed frame, or `None` where the chunk is not one.
fn frame(kind: [u8; 4], data: &[u8], limits: &DecodeLimits) -> Result<Option<Frame>, MediaError> {
    let mut reader = Reader::new(data);
    let frame = match &kind {
        b"VP8 " => {
            let mut fields = || {
                reader.u24_le().filter(|tag| tag & 1 == 0)?;
                reader.array().filter(|magic| magic == &[0x9d, 0x01, 0x2a])?;
                let (width, height) = (reader.u16_le()? & 0x3fff, reader.u16_le()? & 0x3fff);
                Some((u32::from(width), u32::from(height), false))
            };
            fields()
        }
        b"VP8L" => {
            let mut fields = || {
                reader.u8().filter(|&signature| signature == 0x2f)?;
                let bits = reader.u32_le().filter(|bits| bits >> 29 == 0)?;
                Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1, bits >> 28 & 1 == 1))
            };
            fields()
        }
        _ => return Ok(None),
    };
    let (width, height, alpha) =
        frame.ok_or_else(|| MediaError::broken(FORMAT, "bad frame header"))?;
    limits.check_size(width, height)?;
    Ok(Some(Frame { width, height, lossy: &kind == b"VP8 ", alpha }))
}

fn simple(frame: Frame, end: usize) -> Header {
    let facts = facts(frame, (frame.width, frame.height), frame.alpha);
    Header { decode_bytes: frame_bytes(frame, false) + DECODER_BYTES, facts, end }
}

fn finish(extended: &Extended, end: usize) -> Result<Header, MediaError> {
    let frame = extended.frame.ok_or_else(|| MediaError::broken(FORMAT, "no picture in file"))?;
    let alpha = extended.flags & FLAG_ALPHA != 0;
    let is_animated = extended.flags & FLAG_ANIMATION != 0;
    let (width, height) = extended.canvas;
    let covers = (frame.width, frame.height) == extended.canvas;
    let mut facts = facts(frame, extended.canvas, alpha || !covers);
    facts.orientation = extended.orientation.unwrap_or(1);
    facts.is_animated = is_animated;
    let mut decode_bytes = frame_bytes(frame, alpha) + DECODER_BYTES;
    if is_animated {
        decode_bytes += pixels(width, height) * (CANVAS_BYTES + FRAME_BYTES);
    }
    Ok(Header { facts, decode_bytes, end })
}

fn frame_bytes(frame: Frame, alpha: bool) -> u64 {
    let per_pixel = match (frame.lossy, alpha || frame.alpha) {
        (true, false) => LOSSY_BYTES + FRAME_BYTES,
        (true, true) => LOSSY_BYTES + FRAME_BYTES + ALPHA_BYTES,
        (false, true) => LOSSLESS_BYTES + FRAME_BYTES,
        // Decoded as RGBA into a second buffer.
        (false, false) => LOSSLESS_BYTES + 2 * FRAME_BYTES,
    };
    pixels(frame.width, frame.height) * per_pixel
}

fn facts(frame: Frame, (width, height): (u32, u32), has_alpha: bool) -> ImageFacts {
    ImageFacts {
        format: FORMAT,
        width,
        height,
        orientation: 1,
        color_space: if frame.lossy { ColorSpace::YCbCr } else { ColorSpace::Rgb },
        bit_depth: 8,
        has_alpha,
        is_animated: false,
    }
}
