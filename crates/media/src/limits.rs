//! How large a picture may be.

use serde::{Deserialize, Serialize};

use crate::{ImageFacts, MediaError};

/// How large a picture may be. Every limit is checked against the header, before any pixel is
/// allocated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DecodeLimits {
    /// Longest file in bytes. Default 32 MiB.
    pub image_bytes_max: u64,
    /// Longest side in pixels. Default 16,384.
    pub image_side_px_max: u32,
    /// Shortest side in pixels. Default 1; zero counts as 1.
    pub image_side_px_min: u32,
    /// Most pixels, width times height. Default 50,000,000.
    pub image_pixels_max: u64,
    /// Most scans of a JPEG: each costs a pass over all its coefficients. Default 64.
    pub jpeg_scans_max: u32,
    /// Most memory for decoding one picture in bytes, its file excluded: the pixels and what the
    /// decoder needs besides, as computed from the header. Default 256 MiB.
    pub decode_bytes_max: u64,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self {
            image_bytes_max: 32 << 20,
            image_side_px_max: 16_384,
            image_side_px_min: 1,
            image_pixels_max: 50_000_000,
            jpeg_scans_max: 64,
            decode_bytes_max: 256 << 20,
        }
    }
}

impl DecodeLimits {
    /// Refuses a file that is too long.
    pub(crate) fn check_bytes(&self, bytes: &[u8]) -> Result<(), MediaError> {
        let length = bytes.len() as u64;
        if length > self.image_bytes_max {
            return Err(MediaError::TooManyBytes {
                bytes: length,
                bytes_max: self.image_bytes_max,
            });
        }
        Ok(())
    }

    /// Refuses a picture, or one frame of it, by its width and height in pixels.
    pub(crate) fn check_size(&self, width: u32, height: u32) -> Result<(), MediaError> {
        let side_px_min = self.image_side_px_min.max(1);
        if width < side_px_min || height < side_px_min {
            return Err(MediaError::SideTooShort { width, height, side_px_min });
        }
        if width.max(height) > self.image_side_px_max {
            let side_px_max = self.image_side_px_max;
            return Err(MediaError::SideTooLong { width, height, side_px_max });
        }
        if u64::from(width) * u64::from(height) > self.image_pixels_max {
            let pixels_max = self.image_pixels_max;
            return Err(MediaError::TooManyPixels { width, height, pixels_max });
        }
        Ok(())
    }

    /// Refuses a picture whose decoding needs more than `decode_bytes_max`.
    pub(crate) fn check_memory(&self, facts: &ImageFacts, bytes: u64) -> Result<(), MediaError> {
        if bytes > self.decode_bytes_max {
            return Err(MediaError::TooMuchMemory {
                format: facts.format,
                width: facts.width,
                height: facts.height,
                bytes,
                bytes_max: self.decode_bytes_max,
            });
        }
        Ok(())
    }
}
