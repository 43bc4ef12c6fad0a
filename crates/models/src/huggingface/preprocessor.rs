//! `preprocessor_config.json`: what pictures are turned into.
//!
//! Older files give sizes as one number, and name the class `feature_extractor_type`. Newer ones
//! may keep the same keys in `processor_config.json`, under `image_processor`; where both are there,
//! the newer one counts, as in the reference: saving a processor leaves the older file behind.

use onespace_media::{Fit, PREPARED_SIDE_PX_MAX, PreprocessSpec, Resample};
use serde::Deserialize;
use serde_json::Value;

use super::{DualConfig, Family, Folder};
use crate::{LoadError, LoadErrorKind};

/// What messages call the file.
pub(super) const PREPROCESSOR_FILE: &str = "preprocessor_config.json";
/// A newer name, for settings of which those of pictures are a part.
const PROCESSOR_FILE: &str = "processor_config.json";
const PICTURES_KEY: &str = "image_processor";
/// What 8-bit values are scaled by.
const RESCALE_FACTOR: f64 = 1.0 / 255.0;
const RESCALE_TOLERANCE: f64 = 1e-6;
const OPENAI_MEAN: [f32; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
const OPENAI_STD: [f32; 3] = [0.268_629_54, 0.261_302_6, 0.275_777_1];
/// Sides, patches and patch counts where the file leaves them out, as the classes have them.
const SIDE_PX_DEFAULT: u32 = 224;
const PATCH_PX_DEFAULT: u32 = 16;
const PATCHES_DEFAULT: u32 = 256;
const PATCHES_MAX: u32 = 4096;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Settings {
    size: Option<Value>,
    crop_size: Option<Value>,
    resample: Option<u32>,
    image_mean: Option<PerChannel>,
    image_std: Option<PerChannel>,
    rescale_factor: Option<f64>,
    do_resize: Option<bool>,
    do_center_crop: Option<bool>,
    do_rescale: Option<bool>,
    do_normalize: Option<bool>,
    patch_size: Option<u32>,
    max_num_patches: Option<u32>,
}

/// A number for each of the three channels, or one for all.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
enum PerChannel {
    Each([f32; 3]),
    All(f32),
}

impl PerChannel {
    fn numbers(self) -> [f32; 3] {
        match self {
            Self::Each(numbers) => numbers,
            Self::All(number) => [number; 3],
        }
    }
}

/// A size as the files give it.
enum Sizing {
    ShortestEdge(u32),
    Exact { width: u32, height: u32 },
}

/// What the model wants pictures turned into, from the file's contents.
pub(crate) fn preprocess(json: &[u8], config: &DualConfig) -> Result<PreprocessSpec, LoadError> {
    let unreadable = |error: serde_json::Error| {
        refuse("is not the configuration of an image processor; copy it again").caused_by(error)
    };
    let value: Value = serde_json::from_slice(json).map_err(unreadable)?;
    let nested = value.get(PICTURES_KEY).cloned();
    let settings: Settings = serde_json::from_value(nested.unwrap_or(value)).map_err(unreadable)?;
    settings.check_switches()?;
    let (mean, std) = settings.moments(config.family)?;
    let resample = settings.filter(config.family)?;
    let spec = PreprocessSpec { fit: settings.fit(config.family)?, resample, mean, std };
    check_fits_model(&spec, config)?;
    Ok(spec)
}

/// The newer file where it speaks of pictures, or else the usual one.
pub(crate) fn preprocessor_settings(folder: &mut Folder<'_>) -> Result<Vec<u8>, LoadError> {
    let speaks_of_pictures = |json: &[u8]| {
        serde_json::from_slice(json).is_ok_and(|value: Value| value.get(PICTURES_KEY).is_some())
    };
    match folder.optional_settings_if(PROCESSOR_FILE, speaks_of_pictures)? {
        Some(settings) => Ok(settings),
        None => folder.settings(PREPROCESSOR_FILE),
    }
}

impl Settings {
    fn check_switches(&self) -> Result<(), LoadError> {
        if self.do_resize == Some(false) || self.do_rescale == Some(false) {
            return Err(unsupported("do_resize and do_rescale must be true"));
        }
        let factor = self.rescale_factor.unwrap_or(RESCALE_FACTOR);
        if (factor - RESCALE_FACTOR).abs() > RESCALE_TOLERANCE {
            return Err(unsupported("rescale_factor must be 1/255"));
        }
        Ok(())
    }

    fn moments(&self, family: Family) -> Result<([f32; 3], [f32; 3]), LoadError> {
        if self.do_normalize == Some(false) {
            return Ok(([0.0; 3], [1.0; 3]));
        }
        let (mean, std) = match family {
            Family::Clip => (OPENAI_MEAN, OPENAI_STD),
            Family::Siglip | Family::Siglip2 => ([0.5; 3], [0.5; 3]),
        };
        let mean = self.image_mean.map_or(mean, PerChannel::numbers);
        let std = self.image_std.map_or(std, PerChannel::numbers);
        if mean.iter().all(|x| x.is_finite()) && std.iter().all(|&x| x.is_finite() && x > 0.0) {
            Ok((mean, std))
        } else {
            Err(refuse("image_mean and image_std must be finite, and image_std positive"))
        }
    }

    /// The filter, numbered as in Pillow.
    fn filter(&self, family: Family) -> Result<Resample, LoadError> {
        let default = if family == Family::Siglip2 { 2 } else { 3 };
        match self.resample.unwrap_or(default) {
            2 => Ok(Resample::TorchBilinear),
            3 => Ok(Resample::TorchBicubic),
            other => Err(unsupported(format!(
                "resample {other} is not supported; 2 (bilinear) and 3 (bicubic) are"
            ))),
        }
    }

    fn fit(&self, family: Family) -> Result<Fit, LoadError> {
        if family == Family::Siglip2 {
            let patch_px = self.patch_size.unwrap_or(PATCH_PX_DEFAULT);
            let patches_max = self.max_num_patches.unwrap_or(PATCHES_DEFAULT);
            return Ok(Fit::PatchBudget { patch_px, patches_max });
        }
        let clip = family == Family::Clip;
        let default = Sizing::Exact { width: SIDE_PX_DEFAULT, height: SIDE_PX_DEFAULT };
        let size = match &self.size {
            Some(size) => sizing("size", size, clip)?,
            None if clip => Sizing::ShortestEdge(SIDE_PX_DEFAULT),
            None => default,
        };
        let crop = match &self.crop_size {
            _ if !self.do_center_crop.unwrap_or(clip) => None,
            Some(size) => Some(sizing("crop_size", size, false)?),
            None => Some(Sizing::Exact { width: SIDE_PX_DEFAULT, height: SIDE_PX_DEFAULT }),
        };
        match (size, crop) {
            (Sizing::Exact { width, height }, None) => Ok(Fit::Squash { width, height }),
            (Sizing::Exact { width, height }, Some(Sizing::Exact { width: w, height: h }))
                if (width, height) == (w, h) =>
            {
                Ok(Fit::Squash { width, height })
            }
            (Sizing::ShortestEdge(shortest_edge_px), Some(Sizing::Exact { width, height })) => {
                Ok(Fit::CentreCrop { shortest_edge_px, width, height })
            }
            _ => Err(unsupported(
                "size must be height and width, or shortest_edge with do_center_crop and crop_size",
            )),
        }
    }
}

/// One number (the shorter side, or both), `shortest_edge`, or `height` and `width`.
fn sizing(key: &str, value: &Value, number_is_shortest: bool) -> Result<Sizing, LoadError> {
    let side = |value: Option<&Value>| {
        let side = value.and_then(Value::as_u64).and_then(|side| u32::try_from(side).ok());
        side.filter(|side| (1..=PREPARED_SIDE_PX_MAX).contains(side))
    };
    let shortest = value.get("shortest_edge").filter(|edge| !edge.is_null());
    let sizing = match shortest {
        Some(shortest) => side(Some(shortest)).map(Sizing::ShortestEdge),
        None if value.is_number() && number_is_shortest => {
            side(Some(value)).map(Sizing::ShortestEdge)
        }
        None => {
            let part = |key| if value.is_number() { Some(value) } else { value.get(key) };
            let sides = side(part("width")).zip(side(part("height")));
            sides.map(|(width, height)| Sizing::Exact { width, height })
        }
    };
    let message = format!("{key} must give sides of 1 to {PREPARED_SIDE_PX_MAX} pixels");
    sizing.ok_or_else(|| refuse(message))
}

/// What is prepared must be what the vision tower reads.
fn check_fits_model(spec: &PreprocessSpec, config: &DualConfig) -> Result<(), LoadError> {
    let side = config.vision.image_side_px.unwrap_or(0) as u64;
    let patch = config.vision.patch_px as u64;
    let (found, wanted, same) = match spec.fit {
        Fit::Squash { width, height } | Fit::CentreCrop { width, height, .. } => {
            let same = u64::from(width) == side && u64::from(height) == side;
            (format!("{width}x{height} pixels"), format!("{side}x{side} pixels"), same)
        }
        Fit::PixelBudget { .. } | Fit::CellBudget { .. } => {
            ("a budget".to_owned(), "a fixed size".to_owned(), false)
        }
        Fit::PatchBudget { patch_px, patches_max } => {
            let same = u64::from(patch_px) == patch && (1..=PATCHES_MAX).contains(&patches_max);
            let wanted = format!("at most {PATCHES_MAX} patches of {patch}");
            (format!("{patches_max} patches of {patch_px}"), wanted, same)
        }
    };
    if same {
        return Ok(());
    }
    Err(refuse(format!("prepares {found}, config.json asks for {wanted}; copy both together")))
}

fn unsupported(message: impl Into<String>) -> LoadError {
    LoadError::new(LoadErrorKind::Unsupported, PREPROCESSOR_FILE, message)
}

fn refuse(message: impl Into<String>) -> LoadError {
    LoadError::new(LoadErrorKind::Config, PREPROCESSOR_FILE, message)
}
