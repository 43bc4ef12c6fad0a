//! `onespace.json`: what the operator wants otherwise than the model's own files say.

use serde::Deserialize;

use super::Folder;
use crate::folder::LoadOptions;
use crate::{Fusion, LoadError, LoadErrorKind};

/// The file's name.
pub(crate) const OVERRIDES_FILE: &str = "onespace.json";
const NAME_BYTES_MAX: usize = 100;
/// Weight of the text where nothing else is said: the direction of the sum of both unit vectors.
const TEXT_WEIGHT_DEFAULT: f32 = 0.5;

/// The contents of the file; all of it optional.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Overrides {
    name: Option<String>,
    revision: Option<String>,
    /// Fewest and most pixels of a picture, where the model reads pictures of many sizes.
    pub(crate) image_pixels_min: Option<u64>,
    pub(crate) image_pixels_max: Option<u64>,
    fusion: Option<FusionOverride>,
}

/// How text and pictures are brought together.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FusionOverride {
    rule: FusionRule,
    /// Of the text, with [`FusionRule::Weighted`].
    text_weight: Option<f32>,
}

/// The rules of late fusion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FusionRule {
    /// Weighted unit vectors.
    Weighted,
    /// The sum of what the towers give.
    Sum,
}

impl Overrides {
    /// Reads and checks the file's contents.
    pub(crate) fn parse(json: Option<&[u8]>) -> Result<Self, LoadError> {
        let Some(json) = json else { return Ok(Self::default()) };
        let overrides: Self = serde_json::from_slice(json).map_err(|error| {
            let message = "may hold `name`, `revision`, `image_pixels_min`, `image_pixels_max` and \
                           `fusion` (`rule`, `text_weight`); mend it";
            refuse(message).caused_by(error)
        })?;
        let names = [&overrides.name, &overrides.revision];
        let is_name = |name: &String| {
            (1..=NAME_BYTES_MAX).contains(&name.len())
                && name.chars().all(|c| c.is_ascii_graphic() || c == ' ')
        };
        if !names.into_iter().flatten().all(is_name) {
            let message = format!(
                "`name` and `revision` must be 1 to {NAME_BYTES_MAX} printable ASCII characters"
            );
            return Err(refuse(message));
        }
        overrides.fusion.as_ref().map_or(Ok(()), FusionOverride::check)?;
        Ok(overrides)
    }

    /// What the model is called and which training of it this is: as asked for, as the file says, or
    /// by the folder, all of whose settings must have been read.
    pub(crate) fn name_and_revision(
        &self,
        options: &LoadOptions,
        folder: &Folder<'_>,
    ) -> (String, String) {
        let name = options.name.as_ref().or(self.name.as_ref());
        let revision = options.revision.as_ref().or(self.revision.as_ref());
        (
            name.cloned().unwrap_or_else(|| folder.name()),
            revision.cloned().unwrap_or_else(|| folder.revision()),
        )
    }

    /// Refuses what only models that bring vectors together can be asked for.
    pub(crate) fn check_without_fusion(&self) -> Result<(), LoadError> {
        let message = "`fusion` has no meaning for a model that reads text and pictures together";
        if self.fusion.is_some() { Err(refuse(message)) } else { Ok(()) }
    }

    /// Refuses sizes for models whose pictures have one size.
    pub(crate) fn check_without_sizes(&self) -> Result<(), LoadError> {
        let sizes = self.image_pixels_min.is_some() || self.image_pixels_max.is_some();
        let message = "`image_pixels_min` and `image_pixels_max` do not go with this model";
        if sizes { Err(refuse(message)) } else { Ok(()) }
    }

    /// The rule of the model: what is asked for here, or else what it was trained for.
    pub(crate) fn fusion(&self, trained_for_sum: bool) -> Fusion {
        match &self.fusion {
            Some(FusionOverride { rule: FusionRule::Sum, .. }) => Fusion::LateSum,
            Some(FusionOverride { text_weight, .. }) => {
                Fusion::Late { text_weight: text_weight.unwrap_or(TEXT_WEIGHT_DEFAULT) }
            }
            None if trained_for_sum => Fusion::LateSum,
            None => Fusion::Late { text_weight: TEXT_WEIGHT_DEFAULT },
        }
    }
}

impl FusionOverride {
    fn check(&self) -> Result<(), LoadError> {
        match (self.rule, self.text_weight) {
            (FusionRule::Sum, Some(_)) => {
                Err(refuse("`text_weight` goes with the rule `weighted` only; leave it out"))
            }
            (_, Some(weight)) if !(weight > 0.0 && weight < 1.0) => {
                Err(refuse(format!("`text_weight` is {weight}; it must be between 0 and 1")))
            }
            _ => Ok(()),
        }
    }
}

fn refuse(message: impl Into<String>) -> LoadError {
    LoadError::new(LoadErrorKind::Config, OVERRIDES_FILE, message)
}
