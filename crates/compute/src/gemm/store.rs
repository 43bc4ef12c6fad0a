//! From finished sums to memory: scales, bias, residual and activation.

use std::ops::Range;

use super::{Activation, Finish, MatrixMut};
use crate::math::{Gelu, GeluTanh, Identity, QuickGelu, Relu};
use crate::simd::{Simd, Unary};

/// What integer sums are multiplied by.
#[derive(Clone, Copy)]
pub(crate) struct Scales<'a> {
    /// One number for each of the rows of the tile.
    pub(crate) rows: &'a [f32],
    /// One number for each column of the panels, the filled-up ones too.
    pub(crate) columns: &'a [f32],
}

/// Finishes a line of sums and writes it to `out`, which may be shorter. `finish` is that of the
/// line's columns; `scales` are the row's and those of the columns, if the sums have any.
#[inline(always)]
pub(crate) fn store_line<S: Simd>(
    simd: S,
    finish: Finish<'_>,
    scales: Option<(f32, &[f32])>,
    sums: &[f32],
    out: &mut [f32],
) {
    let finished = (finish, scales);
    match finish.activation {
        Activation::None => line(simd, Identity, finished, sums, out),
        Activation::Relu => line(simd, Relu, finished, sums, out),
        Activation::Gelu => line(simd, Gelu, finished, sums, out),
        Activation::GeluTanh => line(simd, GeluTanh, finished, sums, out),
        Activation::QuickGelu => line(simd, QuickGelu, finished, sums, out),
    }
}

/// Finishes a tile of sums and writes it to `rows` and `columns` of `out`. The sums are
/// row-major, with rows as long as the columns rounded up to whole panels of `width`.
#[inline(always)]
pub(crate) fn store_tile<S: Simd>(
    simd: S,
    (finish, scales): (Finish<'_>, Option<Scales<'_>>),
    (sums, width): (&[f32], usize),
    (rows, columns): (Range<usize>, Range<usize>),
    out: &mut MatrixMut<'_>,
) {
    let stride = columns.len().next_multiple_of(width);
    let finish = finish.columns(columns.clone());
    for (index, (row, sums)) in rows.zip(sums.chunks_exact(stride)).enumerate() {
        let scales = scales.map(|all| (all.rows[index], &all.columns[columns.start..]));
        store_line(simd, finish, scales, sums, out.row_part(row, columns.clone()));
    }
}

#[inline(always)]
fn line<S: Simd, F: Unary>(
    simd: S,
    activation: F,
    (finish, scales): (Finish<'_>, Option<(f32, &[f32])>),
    sums: &[f32],
    out: &mut [f32],
) {
    let mut at = 0;
    for (out, sums) in out.chunks_mut(S::LANES).zip(sums.chunks_exact(S::LANES)) {
        let mut value = simd.load(sums);
        if let Some((row, columns)) = scales {
            value = simd.mul(value, simd.mul(simd.splat(row), simd.load(&columns[at..])));
        }
        if let Some(bias) = finish.bias {
            value = simd.add(value, read(simd, &bias[at..]));
        }
        if finish.accumulate {
            value = simd.add(value, read(simd, out));
        }
        let value = activation.apply(simd, value);
        if out.len() == S::LANES {
            simd.store(value, out);
        } else {
            simd.store_partial(value, out);
        }
        at += S::LANES;
    }
}

/// The first vector of a slice, however short that is.
#[inline(always)]
fn read<S: Simd>(simd: S, from: &[f32]) -> S::Vector {
    if from.len() >= S::LANES { simd.load(from) } else { simd.load_partial(from, 0.0) }
}
