//! GIF: blocks, up to and including the trailer.

use super::reader::Reader;
use super::{Header, pixels};
use crate::{ColorSpace, DecodeLimits, ImageFacts, ImageFormat, MediaError};

const FORMAT: ImageFormat = ImageFormat::Gif;
const IMAGE: u8 = 0x2c;
const EXTENSION: u8 = 0x21;
const TRAILER: u8 = 0x3b;
const PADDING: u8 = 0x00;
const GRAPHIC_CONTROL: u8 = 0xf9;
/// Decoder state in bytes: LZW tables and palettes.
const DECODER_BYTES: u64 = 1 << 20;

/// The first image block.
#[derive(Clone, Copy)]
struct Frame {
    left: u16,
    top: u16,
    width: u16,
    height: u16,
}

/// What the blocks say.
#[derive(Default)]
struct Seen {
    first: Option<Frame>,
    frames: u64,
    transparent: bool,
}

pub(super) fn read(bytes: &[u8], limits: &DecodeLimits) -> Result<Header, MediaError> {
    let truncated = || MediaError::Truncated { format: FORMAT };
    let mut reader = Reader::new(bytes);
    let (width, height, bit_depth) = screen(&mut reader).ok_or_else(truncated)?;
    limits.check_size(u32::from(width), u32::from(height))?;
    let mut seen = Seen::default();
    loop {
        match reader.u8().ok_or_else(truncated)? {
            TRAILER => break,
            PADDING => {}
            EXTENSION => extension(&mut reader, &mut seen).ok_or_else(truncated)?,
            IMAGE => {
                let frame = image(&mut reader).ok_or_else(truncated)?;
                seen.frames += 1;
                if seen.first.is_none() {
                    limits.check_size(u32::from(frame.width), u32::from(frame.height))?;
                    seen.first = Some(frame);
                }
            }
            _ => return Err(MediaError::broken(FORMAT, "unknown block")),
        }
    }
    let first = seen.first.ok_or_else(|| MediaError::broken(FORMAT, "no image block"))?;
    let covers =
        first.left == 0 && first.top == 0 && first.width >= width && first.height >= height;
    let facts = ImageFacts {
        format: FORMAT,
        width: u32::from(width),
        height: u32::from(height),
        orientation: 1,
        color_space: ColorSpace::Indexed,
        bit_depth,
        has_alpha: seen.transparent || !covers,
        is_animated: seen.frames > 1,
    };
    let decode_bytes = pixels(facts.width, facts.height) * 3
        + pixels(u32::from(first.width), u32::from(first.height))
        + DECODER_BYTES;
    Ok(Header { facts, decode_bytes, end: reader.position() })
}

/// Width, height and bits per palette index of the logical screen; skips the global palette.
fn screen(reader: &mut Reader<'_>) -> Option<(u16, u16, u8)> {
    reader.take(6)?;
    let (width, height) = (reader.u16_le()?, reader.u16_le()?);
    let [flags, _background, _aspect] = reader.array()?;
    skip_palette(reader, flags)?;
    let bit_depth = if flags & 0x80 == 0 { 8 } else { (flags & 7) + 1 };
    Some((width, height, bit_depth))
}

fn skip_palette(reader: &mut Reader<'_>, flags: u8) -> Option<()> {
    if flags & 0x80 != 0 {
        reader.take(3 << ((flags & 7) + 1))?;
    }
    Some(())
}

fn skip_sub_blocks(reader: &mut Reader<'_>) -> Option<()> {
    loop {
        match reader.u8()? {
            0 => return Some(()),
            length => reader.take(usize::from(length))?,
        };
    }
}

/// An extension block. Only the first frame's graphic control matters.
fn extension(reader: &mut Reader<'_>, seen: &mut Seen) -> Option<()> {
    let label = reader.u8()?;
    if label == GRAPHIC_CONTROL && seen.first.is_none() {
        let mut ahead = reader.clone();
        let (_length, flags) = (ahead.u8()?, ahead.u8()?);
        seen.transparent = flags & 1 == 1;
    }
    skip_sub_blocks(reader)
}

fn image(reader: &mut Reader<'_>) -> Option<Frame> {
    let (left, top) = (reader.u16_le()?, reader.u16_le()?);
    let (width, height) = (reader.u16_le()?, reader.u16_le()?);
    let flags = reader.u8()?;
    skip_palette(reader, flags)?;
    let _code_size = reader.u8()?;
    skip_sub_blocks(reader)?;
    Some(Frame { left, top, width, height })
}
