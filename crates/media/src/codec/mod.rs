//! From compressed bytes to row-major 8-bit RGB, as stored (not yet turned upright).

mod gif;
mod jpeg;
mod png;
mod webp;

use crate::header::Header;
use crate::{DecodeLimits, ImageFormat, MediaError};

/// Decodes the pixels of a file whose header has been read and found within the limits.
pub(crate) fn pixels(
    bytes: &[u8],
    header: &Header,
    limits: &DecodeLimits,
) -> Result<Vec<u8>, MediaError> {
    let picture = &bytes[..header.end];
    match header.facts.format {
        ImageFormat::Jpeg => jpeg::pixels(picture, &header.facts, limits),
        ImageFormat::Png => png::pixels(picture, &header.facts, limits),
        ImageFormat::WebP => webp::pixels(picture, &header.facts, limits),
        ImageFormat::Gif => gif::pixels(picture, &header.facts, limits),
    }
}

/// A zeroed buffer, or `None` where memory is short: an abort would take the process along.
pub(crate) fn allocate(length: usize) -> Option<Vec<u8>> {
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(length).ok()?;
    buffer.resize(length, 0);
    Some(buffer)
}

/// [`allocate`] for a picture of a format.
fn allocate_for(format: ImageFormat, length: usize) -> Result<Vec<u8>, MediaError> {
    allocate(length).ok_or_else(|| MediaError::broken(format, "no memory for the pixels"))
}

/// One channel of straight alpha over white, rounded to nearest.
fn over_white(channel: u8, alpha: u8) -> u8 {
    let (channel, alpha) = (u32::from(channel), u32::from(alpha));
    // At most 255 * 255 + 127 over 255, which is 255.
    ((channel * alpha + 255 * (255 - alpha) + 127) / 255) as u8
}

/// Turns RGBA into RGB over white within the same buffer.
fn flatten(mut rgba: Vec<u8>) -> Vec<u8> {
    let pixels = rgba.len() / 4;
    for index in 0..pixels {
        let from = index * 4;
        let alpha = rgba[from + 3];
        for channel in 0..3 {
            rgba[index * 3 + channel] = over_white(rgba[from + channel], alpha);
        }
    }
    rgba.truncate(pixels * 3);
    rgba
}

#[cfg(test)]
mod tests {
    use super::{flatten, over_white};

    #[test]
    fn alpha_is_rounded_to_nearest() {
        for channel in 0..=255_u8 {
            assert_eq!(over_white(channel, 255), channel);
            assert_eq!(over_white(channel, 0), 255);
            for alpha in 0..=255_u8 {
                let (c, a) = (f64::from(channel), f64::from(alpha));
                let exact = (c * a + 255.0 * (255.0 - a)) / 255.0;
                assert_eq!(f64::from(over_white(channel, alpha)), exact.round());
            }
        }
    }

    #[test]
    fn flattening_keeps_the_order_of_pixels() {
        let rgba = vec![1, 2, 3, 255, 4, 5, 6, 0, 7, 8, 9, 255];
        assert_eq!(flatten(rgba), [1, 2, 3, 255, 255, 255, 7, 8, 9]);
    }
}
