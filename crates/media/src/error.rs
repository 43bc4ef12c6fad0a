//! Why a picture was refused, in words that tell its owner what to change.

use std::error::Error;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ImageFormat, PREPARED_SIDE_PX_MAX};

/// Longest text kept of a decoder's own error, in bytes.
const CAUSE_BYTES_MAX: usize = 300;

/// Why a picture was refused.
///
/// `Display` is meant for the user: a closed set of sentences with numbers. What the decoder
/// library said is only reachable as `source()` and belongs in logs. The type serialises, so that
/// an error survives the way from a decoder process to its parent unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum MediaError {
    /// The bytes are none of the four supported formats.
    #[error(
        "The file is not a JPEG, PNG, WebP or GIF picture. Send one of these four formats; \
         convert anything else (HEIC, AVIF, TIFF, BMP, SVG, PDF, video) first."
    )]
    UnsupportedType,
    /// A supported format in a flavour the decoder does not read.
    #[error("This {format} uses {feature}, which is not supported. Save it again {}.", feature.advice())]
    UnsupportedVariant {
        /// Format of the file.
        format: ImageFormat,
        /// What it uses.
        feature: UnsupportedFeature,
    },
    /// The file is larger than allowed.
    #[error(
        "The picture file is {bytes} bytes long; at most {bytes_max} are allowed. Send a smaller or more strongly compressed picture."
    )]
    TooManyBytes {
        /// Length of the file in bytes.
        bytes: u64,
        /// Longest file allowed in bytes.
        bytes_max: u64,
    },
    /// Width times height is larger than allowed.
    #[error("The picture is {width} x {height} pixels, {} in all; at most {pixels_max} are allowed. Scale it down.", u64::from(*width) * u64::from(*height))]
    TooManyPixels {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Most pixels allowed.
        pixels_max: u64,
    },
    /// A side is longer than allowed.
    #[error(
        "The picture is {width} x {height} pixels; a side may have at most {side_px_max}. Scale it down."
    )]
    SideTooLong {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Longest side allowed in pixels.
        side_px_max: u32,
    },
    /// A side is shorter than allowed, or zero.
    #[error(
        "The picture is {width} x {height} pixels; a side must have at least {side_px_min}. Send a larger picture."
    )]
    SideTooShort {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Shortest side allowed in pixels.
        side_px_min: u32,
    },
    /// A JPEG with more scans than allowed.
    #[error("The JPEG has more than {scans_max} scans. Save it again as a baseline JPEG.")]
    TooManyScans {
        /// Most scans allowed.
        scans_max: u32,
    },
    /// Decoding would need more memory than allowed.
    #[error(
        "Decoding this {width} x {height} {format} needs {bytes} bytes of memory; at most {bytes_max} are allowed. Scale it down, or save it without progressive coding or transparency."
    )]
    TooMuchMemory {
        /// Format of the file.
        format: ImageFormat,
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Memory needed in bytes.
        bytes: u64,
        /// Most memory allowed in bytes.
        bytes_max: u64,
    },
    /// The file ends before the picture does.
    #[error("The {format} file ends before the picture is complete. Send the whole file again.")]
    Truncated {
        /// Format of the file.
        format: ImageFormat,
    },
    /// The file contradicts its format.
    #[error(
        "The {format} file is damaged and cannot be read. Open it in an image editor, save it again, and send the new file."
    )]
    Broken {
        /// Format of the file.
        format: ImageFormat,
        /// What the decoder said, for logs.
        #[source]
        cause: Option<Cause>,
    },
    /// The picture is longer, for its width, than the model reads.
    #[error(
        "The picture is {width} x {height} pixels; with this model it may be at most {ratio_max} times as long as wide. Cut it into pieces."
    )]
    TooElongated {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Largest ratio of the sides.
        ratio_max: u32,
    },
    /// The caller asked for a prepared picture of an impossible size: a fault of the model's
    /// configuration, not of the picture.
    #[error(
        "A picture cannot be prepared as {width} x {height} pixels; sides of 1 to {PREPARED_SIDE_PX_MAX} are possible."
    )]
    InvalidSpec {
        /// Width asked for in pixels.
        width: u32,
        /// Height asked for in pixels.
        height: u32,
    },
}

impl MediaError {
    /// A [`Broken`](Self::Broken) file with the decoder's words as its source.
    pub(crate) fn broken(format: ImageFormat, cause: impl fmt::Display) -> Self {
        Self::Broken { format, cause: Some(Cause::new(cause)) }
    }

    /// A stable name of the kind of error, in snake case, for counters and logs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::UnsupportedType => "unsupported_type",
            Self::UnsupportedVariant { .. } => "unsupported_variant",
            Self::TooManyBytes { .. } => "too_many_bytes",
            Self::TooManyPixels { .. } => "too_many_pixels",
            Self::SideTooLong { .. } => "side_too_long",
            Self::SideTooShort { .. } => "side_too_short",
            Self::TooManyScans { .. } => "too_many_scans",
            Self::TooMuchMemory { .. } => "too_much_memory",
            Self::Truncated { .. } => "truncated",
            Self::Broken { .. } => "broken",
            Self::TooElongated { .. } => "too_elongated",
            Self::InvalidSpec { .. } => "invalid_spec",
        }
    }
}

/// A flavour of a supported format that is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UnsupportedFeature {
    /// JPEG with arithmetic instead of Huffman coding.
    ArithmeticCoding,
    /// Lossless or hierarchical JPEG.
    LosslessOrHierarchical,
    /// JPEG with other than 8 bits per sample.
    SampleDepth,
    /// JPEG with two, or more than four, colour components.
    ComponentCount,
}

impl UnsupportedFeature {
    fn advice(self) -> &'static str {
        match self {
            Self::ArithmeticCoding | Self::LosslessOrHierarchical => {
                "as an ordinary baseline or progressive JPEG"
            }
            Self::SampleDepth => "with 8 bits per channel",
            Self::ComponentCount => "as a grey, RGB or CMYK picture",
        }
    }
}

impl fmt::Display for UnsupportedFeature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ArithmeticCoding => "arithmetic coding",
            Self::LosslessOrHierarchical => "lossless or hierarchical coding",
            Self::SampleDepth => "other than 8 bits per sample",
            Self::ComponentCount => "an unusual number of colour components",
        })
    }
}

/// What a decoder library said about a file. For logs only: it may quote the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause(String);

impl Cause {
    fn new(cause: impl fmt::Display) -> Self {
        let mut text = cause.to_string();
        let end = text.floor_char_boundary(CAUSE_BYTES_MAX);
        text.truncate(end);
        Self(text)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Cause {}
