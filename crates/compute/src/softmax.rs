//! Softmax over rows.

use crate::Cpu;
use crate::math::exp;
use crate::simd::{Kernel, Simd};

/// Replaces each row by `softmax(scale * row)`.
///
/// `scores` is `[rows, columns]`.
///
/// # Panics
/// If `scores` is not a whole number of rows.
pub fn softmax(cpu: Cpu, scores: &mut [f32], columns: usize, scale: f32) {
    if scores.is_empty() {
        return;
    }
    assert!(columns > 0 && scores.len().is_multiple_of(columns), "softmax needs whole rows");
    cpu.isa().run(Softmax { scores, columns, scale, first_visible: columns });
}

/// As [`softmax`], but row `r` only sees its first `first_visible + r` columns, or all where
/// there are fewer; the others become zero.
pub(crate) fn softmax_of_visible(
    cpu: Cpu,
    scores: &mut [f32],
    columns: usize,
    scale: f32,
    first_visible: usize,
) {
    assert!(first_visible > 0, "softmax over no column");
    cpu.isa().run(Softmax { scores, columns, scale, first_visible });
}

struct Softmax<'a> {
    scores: &'a mut [f32],
    columns: usize,
    scale: f32,
    first_visible: usize,
}

impl Kernel for Softmax<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for (index, row) in self.scores.chunks_exact_mut(self.columns).enumerate() {
            let (row, hidden) = row.split_at_mut((self.first_visible + index).min(self.columns));
            hidden.fill(0.0);
            let largest = largest_of(simd, row);
            let sum = exp_of(simd, row, largest, self.scale);
            scale_by(simd, row, 1.0 / sum);
        }
    }
}

#[inline(always)]
fn largest_of<S: Simd>(simd: S, row: &[f32]) -> f32 {
    let mut largest = simd.splat(f32::NEG_INFINITY);
    let chunks = row.chunks_exact(S::LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        largest = simd.max(largest, simd.load(chunk));
    }
    simd.largest(simd.max(largest, simd.load_partial(rest, f32::NEG_INFINITY)))
}

/// Replaces each score by e^(scale (score - largest)) and returns their sum.
#[inline(always)]
fn exp_of<S: Simd>(simd: S, row: &mut [f32], largest: f32, scale: f32) -> f32 {
    let (largest, scale) = (simd.splat(largest), simd.splat(scale));
    let mut sum = simd.splat(0.0);
    let mut chunks = row.chunks_exact_mut(S::LANES);
    for chunk in &mut chunks {
        let power = exp(simd, simd.mul(simd.sub(simd.load(chunk), largest), scale));
        simd.store(power, chunk);
        sum = simd.add(sum, power);
    }
    let rest = chunks.into_remainder();
    let power = exp(simd, simd.mul(simd.sub(simd.load_partial(rest, 0.0), largest), scale));
    simd.store_partial(power, rest);
    simd.sum(simd.add(sum, simd.load_partial(rest, 0.0)))
}

#[inline(always)]
pub(crate) fn scale_by<S: Simd>(simd: S, row: &mut [f32], factor: f32) {
    let factors = simd.splat(factor);
    let mut chunks = row.chunks_exact_mut(S::LANES);
    for chunk in &mut chunks {
        simd.store(simd.mul(simd.load(chunk), factors), chunk);
    }
    for value in chunks.into_remainder() {
        *value *= factor;
    }
}
