//! What a model wants a picture turned into, and what size that is for a given picture.

use serde::{Deserialize, Serialize};

use crate::MediaError;

/// Longest side, in pixels, that a [`PreprocessSpec`] may ask for.
pub const PREPARED_SIDE_PX_MAX: u32 = 4096;

/// What a model wants a picture turned into.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PreprocessSpec {
    /// Which size it becomes, and what of it is kept.
    pub fit: Fit,
    /// How it is resampled.
    pub resample: Resample,
    /// Per-channel mean the model subtracts, on a 0..1 scale. Not applied here.
    pub mean: [f32; 3],
    /// Per-channel standard deviation the model divides by, on a 0..1 scale. Not applied here.
    pub std: [f32; 3],
}

/// How the size of the prepared picture follows from that of the upright one. Sides of the
/// prepared picture are 1 to [`PREPARED_SIDE_PX_MAX`] pixels.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// Squashed to this size; the picture's shape is not kept.
    Squash {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// The shorter side becomes `shortest_edge_px`, the longer one
    /// `floor(shortest_edge_px * longer / shorter)`; then `width x height` are cut out of the
    /// middle. Where the resized picture is smaller than that it is put in the middle of black.
    CentreCrop {
        /// The shorter side after resizing, in pixels.
        shortest_edge_px: u32,
        /// Width of the cut in pixels.
        width: u32,
        /// Height of the cut in pixels.
        height: u32,
    },
    /// Whole square patches, at most `patches_max`: both sides are scaled by the largest common
    /// factor, found by bisection, and rounded up to whole patches (`NaFlex` of `SigLIP 2`).
    PatchBudget {
        /// Side of a patch in pixels.
        patch_px: u32,
        /// Most patches.
        patches_max: u32,
    },
}

/// Filter and arithmetic of resampling. All are antialiased: the filter widens with the scale.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Resample {
    /// Bicubic, a = -0.5: bit for bit the `BICUBIC` of Pillow up to version 11.
    Bicubic,
    /// Bicubic, a = -0.5, with 16-bit weights: bit for bit what torchvision's tensor backend does
    /// to 8-bit pictures, and with it the image processors of `transformers` 5.
    TorchBicubic,
    /// Bilinear, otherwise as [`Self::TorchBicubic`].
    TorchBilinear,
}

/// A size in pixels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Size {
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Size {
    /// Bytes of an RGB picture of this size.
    pub(crate) fn rgb_bytes(self) -> u64 {
        u64::from(self.width) * u64::from(self.height) * 3
    }
}

/// One axis of a preparation: `resized` pixels, of which `kept` from `start` on are prepared, with
/// `before` black ones in front and as many behind as `prepared` needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Axis {
    pub(crate) resized: u32,
    pub(crate) start: u32,
    pub(crate) kept: u32,
    pub(crate) before: u32,
    pub(crate) prepared: u32,
}

impl Axis {
    /// The whole axis.
    pub(crate) fn whole(resized: u32) -> Self {
        Self { resized, start: 0, kept: resized, before: 0, prepared: resized }
    }

    /// `prepared` pixels from the middle; an odd rest is rounded as the reference does.
    fn middle(resized: u32, prepared: u32) -> Self {
        let start = resized.saturating_sub(prepared) / 2;
        let before = prepared.saturating_sub(resized) / 2;
        Self { resized, start, kept: resized.min(prepared), before, prepared }
    }

    /// The same seen from the other end.
    pub(crate) fn mirrored(self) -> Self {
        Self { start: self.resized - self.start - self.kept, ..self }
    }
}

/// Both axes, of the upright picture: across and down.
pub(crate) type Geometry = (Axis, Axis);

impl PreprocessSpec {
    /// Width and height of what a picture of that upright size is prepared to, in pixels.
    ///
    /// # Errors
    /// [`MediaError::InvalidSpec`] where a side would be 0 or above [`PREPARED_SIDE_PX_MAX`].
    pub fn prepared_size(&self, width: u32, height: u32) -> Result<(u32, u32), MediaError> {
        let (across, down) = self.geometry(Size { width, height })?;
        Ok((across.prepared, down.prepared))
    }

    /// Whether some picture is prepared to this width and height, in pixels.
    #[must_use]
    pub fn is_prepared_size(&self, width: u32, height: u32) -> bool {
        match self.fit {
            Fit::Squash { width: w, height: h } | Fit::CentreCrop { width: w, height: h, .. } => {
                (width, height) == (w, h)
            }
            Fit::PatchBudget { patch_px, patches_max } => {
                let whole = [width, height].iter().all(|s| *s > 0 && s.is_multiple_of(patch_px));
                let patches = || u64::from(width / patch_px) * u64::from(height / patch_px);
                whole && patches() <= u64::from(patches_max)
            }
        }
    }

    /// Most pixels that any picture is prepared to.
    #[must_use]
    pub fn prepared_pixels_max(&self) -> u64 {
        match self.fit {
            Fit::Squash { width, height } | Fit::CentreCrop { width, height, .. } => {
                u64::from(width) * u64::from(height)
            }
            Fit::PatchBudget { patch_px, patches_max } => {
                u64::from(patch_px).pow(2) * u64::from(patches_max)
            }
        }
    }

    /// One line that differs wherever prepared pixels can differ, for fingerprints.
    #[must_use]
    pub fn geometry_name(&self) -> String {
        let resample = self.resample;
        match self.fit {
            Fit::Squash { width, height } => format!("{width}x{height} {resample:?}"),
            Fit::CentreCrop { shortest_edge_px, width, height } => {
                format!("{width}x{height} of {shortest_edge_px} {resample:?}")
            }
            Fit::PatchBudget { patch_px, patches_max } => {
                format!("{patches_max} patches of {patch_px} {resample:?}")
            }
        }
    }

    /// How an upright picture is resized and cut.
    pub(crate) fn geometry(&self, from: Size) -> Result<Geometry, MediaError> {
        let (across, down) = match self.fit {
            Fit::Squash { width, height } => (Axis::whole(width), Axis::whole(height)),
            Fit::CentreCrop { shortest_edge_px, width, height } => {
                let short = from.width.min(from.height);
                let scaled = |side: u32| {
                    let scaled = u64::from(shortest_edge_px) * u64::from(side);
                    u32::try_from(scaled / u64::from(short.max(1))).unwrap_or(u32::MAX)
                };
                (Axis::middle(scaled(from.width), width), Axis::middle(scaled(from.height), height))
            }
            Fit::PatchBudget { patch_px, patches_max } => {
                let (width, height) = within_patches(from, patch_px, patches_max);
                (Axis::whole(width), Axis::whole(height))
            }
        };
        let sides = 1..=PREPARED_SIDE_PX_MAX;
        let valid = |axis: Axis| sides.contains(&axis.prepared) && axis.resized > 0;
        if valid(across) && valid(down) {
            Ok((across, down))
        } else {
            Err(MediaError::InvalidSpec { width: across.prepared, height: down.prepared })
        }
    }
}

/// Width and height, whole patches, of the largest scale that needs at most `patches_max`.
///
/// The bisection, its bounds and its precision are part of the preprocessing: another way to the
/// optimum gives other sizes for some pictures.
fn within_patches(from: Size, patch_px: u32, patches_max: u32) -> (u32, u32) {
    const PRECISION: f64 = 1e-5;
    const SCALE_MAX: f64 = 100.0;
    let patch = f64::from(patch_px);
    let patches = |scale: f64, side: u32| (f64::from(side) * scale / patch).ceil().max(1.0);
    let (mut fits, mut exceeds) = (PRECISION / 10.0, SCALE_MAX);
    while exceeds - fits >= PRECISION {
        let scale = f64::midpoint(fits, exceeds);
        if patches(scale, from.width) * patches(scale, from.height) <= f64::from(patches_max) {
            fits = scale;
        } else {
            exceeds = scale;
        }
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts saturate")]
    let side = |side: u32| (patches(fits, side) * patch) as u32;
    (side(from.width), side(from.height))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(fit: Fit) -> PreprocessSpec {
        PreprocessSpec { fit, resample: Resample::TorchBilinear, mean: [0.5; 3], std: [0.5; 3] }
    }

    #[test]
    fn patch_budgets_give_the_sizes_of_the_reference() {
        let spec = spec(Fit::PatchBudget { patch_px: 16, patches_max: 256 });
        let cases = [
            ((224, 224), (256, 256)),
            ((640, 480), (288, 224)),
            ((1920, 1080), (336, 192)),
            ((1, 1), (112, 112)),
        ];
        for ((width, height), expected) in cases {
            assert_eq!(spec.prepared_size(width, height), Ok(expected), "{width} x {height}");
        }
        for (width, height) in [(16_384, 1), (1, 16_384), (16_384, 3000), (7, 4099)] {
            let (w, h) = spec.prepared_size(width, height).expect("any shape fits");
            assert!(w % 16 == 0 && h % 16 == 0 && w / 16 * (h / 16) <= 256, "{w} x {h}");
        }
    }

    #[test]
    fn the_middle_is_rounded_as_the_reference_rounds_it() {
        let cut = Fit::CentreCrop { shortest_edge_px: 224, width: 224, height: 224 };
        let (across, down) = spec(cut).geometry(Size { width: 333, height: 500 }).unwrap();
        assert_eq!((across.resized, across.start, down.resized, down.start), (224, 0, 336, 56));
        let (across, _) = spec(cut).geometry(Size { width: 401, height: 300 }).unwrap();
        // floor(224 * 401 / 300) = 299; (299 - 224) / 2 rounds down.
        assert_eq!((across.resized, across.start, across.kept), (299, 37, 224));
        let small = Fit::CentreCrop { shortest_edge_px: 10, width: 15, height: 13 };
        let (across, down) = spec(small).geometry(Size { width: 30, height: 60 }).unwrap();
        assert_eq!((across.kept, across.before, across.start), (10, 2, 0));
        assert_eq!((down.kept, down.before, down.start), (13, 0, 3));
    }

    #[test]
    fn impossible_sizes_are_refused() {
        let fits = [
            Fit::Squash { width: 0, height: 4 },
            Fit::Squash { width: 4, height: PREPARED_SIDE_PX_MAX + 1 },
            Fit::CentreCrop { shortest_edge_px: 0, width: 4, height: 4 },
            Fit::CentreCrop { shortest_edge_px: 4, width: 0, height: 4 },
            Fit::PatchBudget { patch_px: 0, patches_max: 4 },
            Fit::PatchBudget { patch_px: 4096, patches_max: 4 },
        ];
        let accepted: Vec<Fit> =
            fits.into_iter().filter(|&fit| spec(fit).prepared_size(64, 640).is_ok()).collect();
        assert!(accepted.is_empty(), "{accepted:?}");
    }
}
