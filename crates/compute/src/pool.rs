//! Pooling: means and maxima over positions.

use crate::Cpu;
use crate::simd::{Kernel, Simd};

/// Halves a map `[height, width, channels]` by averaging squares of four positions.
///
/// `out` is `[height / 2, width / 2, channels]`.
///
/// # Panics
/// If a side is odd or a length does not fit.
pub fn average_pool_2x2(
    cpu: Cpu,
    input: &[f32],
    (width, channels): (usize, usize),
    out: &mut [f32],
) {
    assert!(width > 0 && channels > 0, "an empty map cannot be pooled");
    let row = width * channels;
    assert!(
        width.is_multiple_of(2) && input.len().is_multiple_of(2 * row),
        "pooling by two needs even sides"
    );
    assert_eq!(out.len() * 4, input.len(), "the pooled map has a quarter of the positions");
    for (pair, out_row) in input.chunks_exact(2 * row).zip(out.chunks_exact_mut(row / 2)) {
        let (above, below) = pair.split_at(row);
        for (x, cell) in out_row.chunks_exact_mut(channels).enumerate() {
            let columns = 2 * x * channels..2 * (x + 1) * channels;
            cell.fill(0.0);
            for two in [&above[columns.clone()], &below[columns]] {
                accumulate(cpu, two, Combine::Sum, cell);
            }
            cell.iter_mut().for_each(|value| *value *= 0.25);
        }
    }
}

/// The mean of the rows of `input`, `[rows, columns]` with `columns = out.len()`.
///
/// # Panics
/// If there is no row, or a part of one.
#[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^24")]
pub fn mean_of_rows(cpu: Cpu, input: &[f32], out: &mut [f32]) {
    out.fill(0.0);
    accumulate(cpu, input, Combine::Sum, out);
    let rows = (input.len() / out.len()) as f32;
    out.iter_mut().for_each(|value| *value /= rows);
}

/// The largest value of each column of `input`, `[rows, columns]` with `columns = out.len()`.
///
/// # Panics
/// If there is no row, or a part of one.
pub fn max_of_rows(cpu: Cpu, input: &[f32], out: &mut [f32]) {
    out.fill(f32::NEG_INFINITY);
    accumulate(cpu, input, Combine::Max, out);
}

#[derive(Clone, Copy)]
enum Combine {
    Sum,
    Max,
}

fn accumulate(cpu: Cpu, input: &[f32], combine: Combine, out: &mut [f32]) {
    assert!(
        !input.is_empty() && !out.is_empty() && input.len().is_multiple_of(out.len()),
        "pooling needs whole rows, and at least one"
    );
    cpu.isa().run(Accumulate { input, combine, out });
}

struct Accumulate<'a> {
    input: &'a [f32],
    combine: Combine,
    out: &'a mut [f32],
}

impl Kernel for Accumulate<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let columns = self.out.len();
        for row in self.input.chunks_exact(columns) {
            let mut at = 0;
            while at + S::LANES <= columns {
                let (x, so_far) = (simd.load(&row[at..]), simd.load(&self.out[at..]));
                let combined = combine_vectors(simd, self.combine, x, so_far);
                simd.store(combined, &mut self.out[at..]);
                at += S::LANES;
            }
            let (x, so_far) = (&row[at..], &mut self.out[at..]);
            let combined = combine_vectors(
                simd,
                self.combine,
                simd.load_partial(x, 0.0),
                simd.load_partial(so_far, 0.0),
            );
            simd.store_partial(combined, so_far);
        }
    }
}

#[inline(always)]
fn combine_vectors<S: Simd>(
    simd: S,
    combine: Combine,
    x: S::Vector,
    so_far: S::Vector,
) -> S::Vector {
    match combine {
        Combine::Sum => simd.add(so_far, x),
        Combine::Max => simd.max(so_far, x),
    }
}
