//! What a picture's header says about it.

use serde::{Deserialize, Serialize};

use crate::ImageFormat;

/// What a picture's header says about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFacts {
    /// Format, told from the bytes.
    pub format: ImageFormat,
    /// Width in pixels as stored, before the orientation is applied.
    pub width: u32,
    /// Height in pixels as stored, before the orientation is applied.
    pub height: u32,
    /// EXIF orientation, 1 to 8; 1 where the file has none or an invalid one.
    pub orientation: u8,
    /// How the file stores colour.
    pub color_space: ColorSpace,
    /// Bits per channel as stored; for palette pictures bits per index.
    pub bit_depth: u8,
    /// Whether the file can have transparent pixels: an alpha channel, a transparent colour, or a
    /// first frame that does not fill its canvas.
    pub has_alpha: bool,
    /// Whether the file is an animation (an animated PNG or WebP, a GIF of two or more frames).
    pub is_animated: bool,
}

impl ImageFacts {
    /// Width and height in pixels after the orientation is applied.
    #[must_use]
    pub fn oriented_size(&self) -> (u32, u32) {
        if self.orientation >= 5 { (self.height, self.width) } else { (self.width, self.height) }
    }
}

/// How a file stores colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ColorSpace {
    /// One grey channel, with or without alpha.
    Grayscale,
    /// Red, green, blue, with or without alpha.
    #[serde(rename = "RGB")]
    Rgb,
    /// Luma and two chroma channels (JPEG, lossy WebP).
    YCbCr,
    /// Cyan, magenta, yellow, black (JPEG).
    #[serde(rename = "CMYK")]
    Cmyk,
    /// `CMYK` with its first three channels stored as `YCbCr` (JPEG).
    #[serde(rename = "YCCK")]
    Ycck,
    /// Indices into a palette of RGB colours.
    Indexed,
}

impl ColorSpace {
    /// The name used in metadata, for example `YCbCr`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Grayscale => "Grayscale",
            Self::Rgb => "RGB",
            Self::YCbCr => "YCbCr",
            Self::Cmyk => "CMYK",
            Self::Ycck => "YCCK",
            Self::Indexed => "Indexed",
        }
    }
}
