//! `processor_config.json` or `preprocessor_config.json` of models whose pictures are brought to a
//! fixed number of places: Gemma 4.

use onespace_media::{Fit, PreprocessSpec, Resample};
use serde::Deserialize;
use serde_json::Value;

use super::GemmaVision;
use super::preprocessor::PREPROCESSOR_FILE;
use crate::{LoadError, LoadErrorKind};

/// Places of a picture where the file says nothing, and those that the processor knows.
const PLACES_DEFAULT: u32 = 280;
const PLACES: [u32; 5] = [70, 140, 280, 560, 1120];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Settings {
    patch_size: Option<usize>,
    pooling_kernel_size: Option<usize>,
    max_soft_tokens: Option<u32>,
    resample: Option<u32>,
    rescale_factor: Option<f64>,
    do_resize: Option<bool>,
    do_rescale: Option<bool>,
    do_normalize: Option<bool>,
}

/// What the model wants pictures turned into, from the file's contents.
pub(crate) fn cell_budget(json: &[u8], vision: &GemmaVision) -> Result<PreprocessSpec, LoadError> {
    let unreadable = |error: serde_json::Error| {
        refuse("is not the configuration of an image processor; copy it again").caused_by(error)
    };
    let value: Value = serde_json::from_slice(json).map_err(unreadable)?;
    let nested = value.get("image_processor").cloned();
    let settings: Settings = serde_json::from_value(nested.unwrap_or(value)).map_err(unreadable)?;
    let factor = settings.rescale_factor.unwrap_or(1.0 / 255.0);
    let off = [settings.do_resize, settings.do_rescale].contains(&Some(false));
    if off || settings.do_normalize == Some(true) || (factor - 1.0 / 255.0).abs() > 1e-6 {
        return Err(unsupported("must resize and rescale by 1/255, and not normalise"));
    }
    if settings.resample.is_some_and(|filter| filter != 3) {
        return Err(unsupported("resample must be 3 (bicubic)"));
    }
    let sizes = [
        ("patch_size", settings.patch_size, vision.patch_px),
        ("pooling_kernel_size", settings.pooling_kernel_size, vision.pool),
    ];
    for (key, found, wanted) in sizes {
        if found.is_some_and(|found| found != wanted) {
            let message = format!("{key} differs from config.json ({wanted}); copy both together");
            return Err(refuse(message));
        }
    }
    let cells_max = settings.max_soft_tokens.unwrap_or(PLACES_DEFAULT);
    if !PLACES.contains(&cells_max) || cells_max as usize * vision.pool > vision.positions {
        let message =
            format!("max_soft_tokens is {cells_max}; it must be one of {PLACES:?}, and fit");
        return Err(refuse(message));
    }
    Ok(spec(vision, cells_max))
}

/// What text-only folders describe, which no picture is prepared by.
pub(crate) fn no_pictures() -> PreprocessSpec {
    let fit = Fit::CellBudget { multiple_px: 1, cells_max: 1 };
    PreprocessSpec { fit, resample: Resample::TorchBicubic, mean: [0.5; 3], std: [0.5; 3] }
}

fn spec(vision: &GemmaVision, cells_max: u32) -> PreprocessSpec {
    let multiple_px = u32::try_from(vision.patch_px * vision.pool).unwrap_or(u32::MAX);
    let fit = Fit::CellBudget { multiple_px, cells_max };
    // The model itself takes bytes to -1..1.
    PreprocessSpec { fit, resample: Resample::TorchBicubic, mean: [0.5; 3], std: [0.5; 3] }
}

fn unsupported(message: &str) -> LoadError {
    LoadError::new(LoadErrorKind::Unsupported, PREPROCESSOR_FILE, message)
}

fn refuse(message: impl Into<String>) -> LoadError {
    LoadError::new(LoadErrorKind::Config, PREPROCESSOR_FILE, message)
}
