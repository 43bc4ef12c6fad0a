//! Sizes that follow from a budget: as large as it allows, in the picture's own shape.
//!
//! The arithmetic, its order and its rounding are part of a model's preprocessing: another way to
//! the same optimum gives other sizes for some pictures.

use super::{ASPECT_RATIO_MAX, PREPARED_SIDE_PX_MAX, Size};
use crate::MediaError;

/// Width and height, whole patches, of the largest scale that needs at most `patches_max`
/// (`NaFlex`, by bisection).
pub(super) fn within_patches(from: Size, patch_px: u32, patches_max: u32) -> (u32, u32) {
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
    let side = |side: u32| whole(patches(fits, side) * patch);
    (side(from.width), side(from.height))
}

/// Width and height, multiples of `multiple_px`, near those of the picture where its pixels are
/// within the two limits, else scaled towards the one that they pass (`smart_resize` of Qwen-VL).
///
/// A side never falls below `multiple_px`, for which the upper limit may be passed.
///
/// # Errors
/// [`MediaError::TooElongated`] for pictures more than [`ASPECT_RATIO_MAX`] times as long as wide.
pub(super) fn within_pixels(
    from: Size,
    multiple_px: u32,
    (pixels_min, pixels_max): (u64, u64),
) -> Result<(u32, u32), MediaError> {
    let (width, height) = (f64::from(from.width), f64::from(from.height));
    if width.max(height) / width.min(height) > f64::from(ASPECT_RATIO_MAX) {
        let (width, height) = (from.width, from.height);
        return Err(MediaError::TooElongated { width, height, ratio_max: ASPECT_RATIO_MAX });
    }
    let multiple = f64::from(multiple_px);
    // Halves go to the even neighbour, as in Python.
    let near = |side: f64| (side / multiple).round_ties_even() * multiple;
    let (limit_min, limit_max) = (exact(pixels_min), exact(pixels_max));
    let pixels = near(width) * near(height);
    let side = |side: f64| {
        whole(if pixels > limit_max {
            let shrink = (height * width / limit_max).sqrt();
            ((side / shrink / multiple).floor() * multiple).max(multiple)
        } else if pixels < limit_min {
            let grow = (limit_min / (height * width)).sqrt();
            (side * grow / multiple).ceil() * multiple
        } else {
            near(side)
        })
    };
    Ok((side(width), side(height)))
}

/// Most pixels that [`within_pixels`] gives.
pub(super) fn pixels_max(multiple_px: u32, (pixels_min, pixels_max): (u64, u64)) -> u64 {
    // Where it grows, each side is rounded up; the longer one has at most this many pixels.
    let longer = u64::from(ASPECT_RATIO_MAX).saturating_mul(pixels_min).isqrt() + 1;
    let grown = pixels_min + (2 * longer + u64::from(multiple_px)) * u64::from(multiple_px);
    let one_line = u64::from(multiple_px) * u64::from(PREPARED_SIDE_PX_MAX);
    pixels_max.max(grown).max(one_line)
}

/// Width and height, multiples of `multiple_px`, of the largest scale that has at most `cells_max`
/// squares of that side: rounded down, but a side that would vanish is one square wide, and the
/// other then follows from the whole ratio of the sides (`Gemma 4`).
pub(super) fn within_cells(from: Size, multiple_px: u32, cells_max: u32) -> (u32, u32) {
    let (width, height) = (f64::from(from.width), f64::from(from.height));
    let multiple = f64::from(multiple_px);
    let target = f64::from(cells_max) * (multiple * multiple);
    let scale = (target / (height * width)).sqrt();
    let cells = |side: f64| whole((scale * side / multiple).floor());
    let line = |long: u32, short: u32| (long / short.max(1)).min(cells_max);
    let (across, down) = match (cells(width), cells(height)) {
        (0, down) if down > 0 => (1, line(from.height, from.width)),
        (across, 0) if across > 0 => (line(from.width, from.height), 1),
        both => both,
    };
    (across.saturating_mul(multiple_px), down.saturating_mul(multiple_px))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts saturate")]
fn whole(side: f64) -> u32 {
    side as u32
}

#[expect(clippy::cast_precision_loss, reason = "pixel counts are far below 2^53")]
fn exact(pixels: u64) -> f64 {
    pixels as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size((height, width): (u32, u32)) -> Size {
        Size { width, height }
    }

    /// Height and width before, and after with the smaller and the larger limit of Qwen3-VL.
    #[test]
    fn pixel_budgets_give_the_sizes_of_the_reference() {
        let small = (4096, 1_310_720);
        let large = (4096, 1_843_200);
        let rows = [
            ((224, 224), small, (224, 224)),
            ((480, 640), small, (480, 640)),
            ((16, 16), small, (64, 64)),
            ((48, 48), small, (64, 64)),
            // Both sides are halfway between two multiples.
            ((80, 112), small, (64, 128)),
            ((1080, 1920), small, (832, 1504)),
            ((3024, 4032), small, (960, 1312)),
            ((20, 2000), small, (32, 1984)),
            ((10, 30), small, (64, 128)),
            ((1080, 1920), large, (992, 1792)),
            ((3024, 4032), large, (1152, 1536)),
        ];
        let mut wrong = Vec::new();
        for (from, limits, (height, width)) in rows {
            let found = within_pixels(size(from), 32, limits);
            if found != Ok((width, height)) {
                wrong.push(format!("{from:?} within {limits:?}: {found:?}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn pixel_budgets_are_kept_and_pictures_beyond_all_shapes_refused() {
        let limits = (4096, 1_310_720);
        let most = pixels_max(32, limits);
        for (width, height) in [(1, 1), (1, 200), (200, 1), (16_384, 82), (16_384, 3000), (7, 1399)]
        {
            let (w, h) = within_pixels(Size { width, height }, 32, limits).expect("a usual shape");
            let whole = w % 32 == 0 && h % 32 == 0 && w.min(h) >= 32;
            let long = w.max(h) <= PREPARED_SIDE_PX_MAX;
            assert!(whole && long && u64::from(w) * u64::from(h) <= most, "{w} x {h}");
        }
        let refused = within_pixels(Size { width: 201, height: 1 }, 32, limits);
        assert_eq!(
            refused,
            Err(MediaError::TooElongated { width: 201, height: 1, ratio_max: ASPECT_RATIO_MAX })
        );
    }

    #[test]
    fn cell_budgets_give_the_sizes_of_the_reference() {
        let rows = [
            ((224, 224), 280, (768, 768)),
            ((480, 640), 280, (672, 912)),
            ((1080, 1920), 280, (576, 1056)),
            ((100, 3000), 280, (144, 4368)),
            ((480, 640), 140, (480, 624)),
            // The shorter side would vanish.
            ((1, 300), 280, (48, 13_440)),
            ((10_000, 1), 280, (13_440, 48)),
        ];
        let mut wrong = Vec::new();
        for (from, cells_max, (height, width)) in rows {
            let found = within_cells(size(from), 48, cells_max);
            if found != (width, height) {
                wrong.push(format!("{from:?} within {cells_max}: {found:?}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
