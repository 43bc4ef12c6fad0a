//! `preprocessor_config.json` of models whose pictures keep their shape: Qwen-VL.

use onespace_media::{Fit, PreprocessSpec, Resample};
use serde::Deserialize;
use serde_json::Value;

use super::preprocessor::PREPROCESSOR_FILE;
use super::{Overrides, QwenVision};
use crate::{LoadError, LoadErrorKind};

/// Most places of one picture where `onespace.json` says nothing: what the embedding models were
/// trained with at most.
const IMAGE_PLACES_MAX: u64 = 1280;
/// Most places of one picture that can be asked for.
const IMAGE_PLACES_LIMIT: u64 = 8192;
/// What the class of `transformers` has where a file says nothing.
const PIXELS_MIN_DEFAULT: u64 = 56 * 56;
const PIXELS_MAX_DEFAULT: u64 = 28 * 28 * 1280;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Settings {
    size: Option<Size>,
    min_pixels: Option<u64>,
    max_pixels: Option<u64>,
    patch_size: Option<usize>,
    temporal_patch_size: Option<usize>,
    merge_size: Option<usize>,
    resample: Option<u32>,
    image_mean: Option<[f32; 3]>,
    image_std: Option<[f32; 3]>,
    rescale_factor: Option<f64>,
    do_resize: Option<bool>,
    do_rescale: Option<bool>,
    do_normalize: Option<bool>,
}

/// Areas in pixels, in spite of the names.
#[derive(Debug, Default, Deserialize)]
struct Size {
    shortest_edge: Option<u64>,
    longest_edge: Option<u64>,
}

/// What the model wants pictures turned into, from the file's contents.
pub(crate) fn pixel_budget(
    json: &[u8],
    vision: &QwenVision,
    overrides: &Overrides,
) -> Result<PreprocessSpec, LoadError> {
    let unreadable = |error: serde_json::Error| {
        refuse("is not the configuration of an image processor; copy it again").caused_by(error)
    };
    let value: Value = serde_json::from_slice(json).map_err(unreadable)?;
    let nested = value.get("image_processor").cloned();
    let settings: Settings = serde_json::from_value(nested.unwrap_or(value)).map_err(unreadable)?;
    settings.check(vision)?;
    let multiple_px = vision.patch_px * vision.merge;
    let place = (multiple_px * multiple_px) as u64;
    let size = settings.size.unwrap_or_default();
    let min = settings.min_pixels.or(size.shortest_edge).unwrap_or(PIXELS_MIN_DEFAULT);
    let max = settings.max_pixels.or(size.longest_edge).unwrap_or(PIXELS_MAX_DEFAULT);
    let pixels_max = overrides.image_pixels_max.unwrap_or(max.min(IMAGE_PLACES_MAX * place));
    let pixels_min = overrides.image_pixels_min.unwrap_or(min.min(pixels_max));
    if pixels_min == 0 || pixels_min > pixels_max || pixels_max > IMAGE_PLACES_LIMIT * place {
        let most = IMAGE_PLACES_LIMIT * place;
        let message = format!(
            "asks for pictures of {pixels_min} to {pixels_max} pixels; 1 to {most} can be read"
        );
        return Err(refuse(message));
    }
    let multiple_px = u32::try_from(multiple_px).unwrap_or(u32::MAX);
    Ok(PreprocessSpec {
        fit: Fit::PixelBudget { multiple_px, pixels_min, pixels_max },
        resample: Resample::TorchBicubic,
        mean: settings.image_mean.unwrap_or([0.5; 3]),
        std: settings.image_std.unwrap_or([0.5; 3]),
    })
}

impl Settings {
    fn check(&self, vision: &QwenVision) -> Result<(), LoadError> {
        let off = [self.do_resize, self.do_rescale, self.do_normalize];
        let factor = self.rescale_factor.unwrap_or(1.0 / 255.0);
        if off.contains(&Some(false)) || (factor - 1.0 / 255.0).abs() > 1e-6 {
            let message = "must resize, rescale by 1/255 and normalise";
            return Err(LoadError::new(LoadErrorKind::Unsupported, PREPROCESSOR_FILE, message));
        }
        if self.resample.is_some_and(|filter| filter != 3) {
            let message = "resample must be 3 (bicubic)";
            return Err(LoadError::new(LoadErrorKind::Unsupported, PREPROCESSOR_FILE, message));
        }
        let sizes = [
            ("patch_size", self.patch_size, vision.patch_px),
            ("temporal_patch_size", self.temporal_patch_size, vision.frames),
            ("merge_size", self.merge_size, vision.merge),
        ];
        for (key, found, wanted) in sizes {
            if found.is_some_and(|found| found != wanted) {
                let message =
                    format!("{key} differs from config.json ({wanted}); copy both together");
                return Err(refuse(message));
            }
        }
        let spread = self.image_std.is_none_or(|std| std.iter().all(|&x| x.is_finite() && x > 0.0));
        let mean = self.image_mean.is_none_or(|mean| mean.iter().all(|x| x.is_finite()));
        if mean && spread {
            return Ok(());
        }
        Err(refuse("image_mean and image_std must be finite, and image_std positive"))
    }
}

fn refuse(message: impl Into<String>) -> LoadError {
    LoadError::new(LoadErrorKind::Config, PREPROCESSOR_FILE, message)
}
