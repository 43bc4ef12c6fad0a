//! From the bytes of a picture to model-ready pixels. Pure: no network and no files.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

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

/// What a model wants a picture turned into.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PreprocessSpec {
    /// Width of the prepared picture in pixels.
    pub width: u32,
    /// Height of the prepared picture in pixels.
    pub height: u32,
    /// How the picture is resampled to `width x height`.
    pub resample: Resample,
    /// Per-channel mean the model subtracts, on a 0..1 scale.
    pub mean: [f32; 3],
    /// Per-channel standard deviation the model divides by, on a 0..1 scale.
    pub std: [f32; 3],
}

/// The resampling filter.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Resample {
    /// Antialiased bicubic, a = -0.5.
    Bicubic,
}
