//! What each output pixel of an axis is made of.

use onespace_compute::{RowTaps, Window};

use crate::Resample;
use crate::spec::Axis;

/// Fractional bits of a split weight.
const SPLIT_WEIGHT_BITS: u32 = 22;
/// Bits in the lower half of a split weight.
const LOW_BITS: u32 = RowTaps::LOW_BITS;
/// Most fractional bits of a whole weight.
const WHOLE_WEIGHT_BITS_MAX: u32 = 22;

/// The taps of the pixels of one axis.
pub(super) struct AxisTaps {
    pub(super) taps: Vec<Taps>,
    /// Fractional bits of the weights.
    pub(super) bits: u32,
}

/// What one output pixel is made of: consecutive input pixels and their weights.
pub(super) struct Taps {
    pub(super) start: usize,
    /// Upper halves of split weights, `weight = high * 2^LOW_BITS + low`; empty of whole ones.
    pub(super) high: Vec<i16>,
    pub(super) low: Vec<i16>,
}

impl Taps {
    /// The same, to be resampled with along a row.
    pub(super) fn window(&self) -> Window<'_> {
        Window { start: self.start, high: &self.high, low: &self.low }
    }
}

/// A filter: its kernel, and how far it reaches in pixels of the smaller picture.
type Filter = (fn(f64) -> f64, f64);

/// The bicubic kernel with a = -0.5.
fn bicubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

/// A triangle.
fn bilinear(x: f64) -> f64 {
    (1.0 - x.abs()).max(0.0)
}

impl AxisTaps {
    /// The taps of the kept part of `axis` over `from` input pixels.
    pub(super) fn new(from: u32, axis: Axis, resample: Resample) -> Self {
        let filter: Filter = match resample {
            Resample::Bicubic | Resample::TorchBicubic => (bicubic, 2.0),
            Resample::TorchBilinear => (bilinear, 1.0),
        };
        let kept = axis.start..axis.start + axis.kept;
        match resample {
            Resample::Bicubic => {
                let taps = kept.map(|index| split(weights(from, axis.resized, index, filter)));
                Self { taps: taps.collect(), bits: SPLIT_WEIGHT_BITS }
            }
            Resample::TorchBicubic | Resample::TorchBilinear => {
                let bits = whole_bits(from, axis.resized, filter);
                let taps =
                    kept.map(|index| whole(weights(from, axis.resized, index, filter), bits));
                Self { taps: taps.collect(), bits }
            }
        }
    }
}

/// The input pixels that output pixel `index` is made of, and their weights, not yet normalised.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positions are clamped to the picture"
)]
fn raw_weights(
    from: u32,
    to: u32,
    index: u32,
    (kernel, reach): Filter,
) -> (u32, impl Iterator<Item = f64> + Clone) {
    let scale = f64::from(from) / f64::from(to);
    let widening = scale.max(1.0);
    let reach = reach * widening;
    let narrowing = 1.0 / widening;
    let center = (f64::from(index) + 0.5) * scale;
    let start = (center - reach + 0.5).max(0.0) as u32;
    let end = ((center + reach + 0.5) as u32).min(from);
    (start, (start..end).map(move |at| kernel((f64::from(at) - center + 0.5) * narrowing)))
}

/// The first input pixel of output pixel `index`, and the weights from there on, which sum to 1.
fn weights(from: u32, to: u32, index: u32, filter: Filter) -> (usize, Vec<f64>) {
    let (start, raw) = raw_weights(from, to, index, filter);
    let total: f64 = raw.clone().sum();
    (start as usize, raw.map(|weight| weight / total).collect())
}

/// A weight with `bits` fractional bits, rounded half away from zero.
#[expect(clippy::cast_possible_truncation, reason = "weights lie within -1 and 2")]
fn fixed(weight: f64, bits: u32) -> i32 {
    let scaled = weight * f64::from(1_u32 << bits);
    (scaled + 0.5_f64.copysign(scaled)) as i32
}

/// Weights of 23 bits as two halves.
fn split((start, weights): (usize, Vec<f64>)) -> Taps {
    let fixed = weights.iter().map(|&weight| fixed(weight, SPLIT_WEIGHT_BITS));
    let halves =
        fixed.map(|weight| ((weight >> LOW_BITS) as i16, (weight & ((1 << LOW_BITS) - 1)) as i16));
    let (high, low) = halves.unzip();
    Taps { start, high, low }
}

/// Weights of 16 bits.
fn whole((start, weights): (usize, Vec<f64>), bits: u32) -> Taps {
    let low = weights.iter().map(|&weight| fixed(weight, bits) as i16).collect();
    Taps { start, high: Vec::new(), low }
}

/// The most fractional bits with which the largest weight of the whole axis, whatever is kept of
/// it, stays a 16-bit number.
fn whole_bits(from: u32, to: u32, filter: Filter) -> u32 {
    // Without a list of the weights: of a long narrow picture there may be millions.
    let largest_of = |index| {
        let (_, raw) = raw_weights(from, to, index, filter);
        raw.clone().fold(0.0_f64, f64::max) / raw.sum::<f64>()
    };
    let largest = (0..to).map(largest_of).fold(0.0_f64, f64::max);
    let fits = |bits: &u32| fixed(largest, bits + 1) < 1 << 15;
    (0..WHOLE_WEIGHT_BITS_MAX).take_while(fits).count() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_of_every_output_pixel_sum_to_one() {
        let resamples = [Resample::Bicubic, Resample::TorchBicubic, Resample::TorchBilinear];
        let sizes = [(1, 64), (3, 64), (64, 64), (65, 64), (640, 64), (16_384, 64), (16_384, 1)];
        for (from, to) in sizes {
            for resample in resamples {
                let axis = AxisTaps::new(from, Axis::whole(to), resample);
                for taps in axis.taps {
                    let low: i64 = taps.low.iter().map(|&low| i64::from(low)).sum();
                    let high: i64 = taps.high.iter().map(|&high| i64::from(high) << LOW_BITS).sum();
                    let error = (high + low - (1 << axis.bits)).unsigned_abs();
                    // Each weight is off by at most half a unit.
                    let allowed = taps.low.len() as u64 / 2 + 1;
                    assert!(error <= allowed, "{from} to {to}, {resample:?}: {error}");
                    assert!(taps.start + taps.low.len() <= from as usize);
                }
            }
        }
    }
}
