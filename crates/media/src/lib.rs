//! From the bytes of a picture to model-ready pixels. Pure: no network and no files.
//!
//! Three calls, each bounded by [`DecodeLimits`]:
//!
//! * [`inspect`] reads headers only: type, size, orientation, colour. No pixel is allocated.
//! * [`decode`] gives the oriented picture as 8-bit RGB.
//! * [`prepare`] gives what a model eats: decoded, oriented, resized and cut as its [`PreprocessSpec`] says.
//!
//! The type is told from the bytes, never from a name. All limits are checked against the header
//! before the first pixel is allocated, the memory a decoder will want included. Decoders are
//! third-party code fed with strangers' bytes: a panic in one becomes [`MediaError::Broken`], but
//! an abort or an endless loop cannot be caught in-process, so a server should run them in a child
//! process that speaks [`worker`], under a memory and a time limit.
//!
//! # What becomes of the pixels
//!
//! | Stored as | Becomes |
//! |---|---|
//! | 8-bit RGB | unchanged |
//! | 1, 2, 4-bit grey | scaled to 0..255, then `R = G = B` |
//! | 8-bit grey | `R = G = B` |
//! | 16-bit channel `v` | `round(v * 255 / 65535)`, that is `(v + 128) / 257` |
//! | palette | the palette's colour; an index outside the palette is black |
//! | alpha `a` (straight; `tRNS`, grey + alpha and GIF's transparent index too) | over white: `round((c * a + 255 * (255 - a)) / 255)`, after reduction to 8 bits |
//! | GIF or WebP frame smaller than its canvas | placed at its offset on a white canvas; what lies outside the canvas is cut |
//! | animation | its first frame; of an animated PNG the default picture (`IDAT`) |
//! | JPEG `YCbCr` | BT.601 full range, chroma upsampled smoothly; within 3 grey levels of libjpeg on the test pictures, 5 where a side has one pixel |
//! | JPEG with Adobe transform 0, or component ids `R G B` | RGB as stored |
//! | JPEG CMYK | always read as Adobe writes it, inverted: `R = C * K / 255` of the stored values |
//! | JPEG YCCK | to inverted CMYK, then as CMYK |
//! | EXIF orientation 2..8 (JPEG `APP1`, PNG `eXIf`, WebP `EXIF`) | applied; any other value counts as 1 |
//!
//! Colour profiles (ICC, gamma), XMP's `tiff:Orientation` and HDR gain maps are not applied.
//!
//! # Damaged files
//!
//! A file cut short is refused ([`MediaError::Truncated`]): a JPEG must have its end marker, a PNG
//! its `IEND`, a GIF its trailer, a WebP as many bytes as its header says. Bytes after the end are
//! ignored. The JPEG decoder runs in strict mode, so damage inside the compressed data is an error
//! wherever it can be seen, not grey pixels. One case cannot be seen: a JPEG cut short to which
//! some program then added an end marker decodes with a flat lower part, as in every browser.

mod codec;
mod error;
mod facts;
mod format;
mod header;
mod limits;
mod orientation;
mod pipeline;
mod resize;
mod spec;
pub mod worker;

use std::sync::Arc;

pub use error::{Cause, MediaError, UnsupportedFeature};
pub use facts::{ColorSpace, ImageFacts};
pub use format::{ImageFormat, sniff};
pub use limits::DecodeLimits;
pub use pipeline::{RgbImage, decode, inspect, prepare};
pub use spec::{Fit, PREPARED_SIDE_PX_MAX, PreprocessSpec, Resample};

/// Model-ready pixels of one picture, before normalisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreparedImage {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Row-major `height x width x 3` RGB, one byte per channel.
    pub rgb: Arc<[u8]>,
}
