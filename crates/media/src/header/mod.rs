//! Reading headers without decoding: what a picture is, and what decoding it will cost.
//!
//! These readers walk the container's own structure (segments, chunks, blocks) and nothing else,
//! so they neither allocate nor run decoder code. They are the first wall: what they let through
//! has a size within the limits and is complete.

mod exif;
mod gif;
pub(crate) mod jpeg;
mod png;
mod reader;
mod webp;

use crate::{DecodeLimits, ImageFacts, ImageFormat, MediaError};

/// What a header says, and what follows from it for decoding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) facts: ImageFacts,
    /// Memory the decoder will need in bytes, pixels included: an upper bound.
    pub(crate) decode_bytes: u64,
    /// Where the picture ends in the file; later bytes are not the picture's.
    pub(crate) end: usize,
}

/// Reads the header of a file of a known format and checks its size in pixels.
pub(crate) fn read(
    format: ImageFormat,
    bytes: &[u8],
    limits: &DecodeLimits,
) -> Result<Header, MediaError> {
    match format {
        ImageFormat::Jpeg => jpeg::read(bytes, limits),
        ImageFormat::Png => png::read(bytes, limits),
        ImageFormat::WebP => webp::read(bytes, limits),
        ImageFormat::Gif => gif::read(bytes, limits),
    }
}

/// Width times height.
fn pixels(width: u32, height: u32) -> u64 {
    u64::from(width) * u64::from(height)
}
