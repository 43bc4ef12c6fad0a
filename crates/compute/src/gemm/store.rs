//! From finished sums to memory: scales, bias, residual and activation.

use std::ops::Range;

use super::tile::Sums;
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

/// Finishes a tile of sums and writes it to `rows` and `columns` of `out`. The sums are
/// row-major, with rows as long as the columns rounded up to whole panels of `width`.
#[inline(always)]
pub(crate) fn store_tile<S: Simd>(
    simd: S,
    (finish, scales): (Finish<'_>, Option<Scales<'_>>),
    sums: (&Sums, usize),
    (rows, columns): (Range<usize>, Range<usize>),
    out: &mut MatrixMut<'_>,
) {
    let (place, finished) = ((rows, columns), (finish, scales));
    match finish.activation {
        Activation::None => store(simd, Identity, finished, sums, place, out),
        Activation::Relu => store(simd, Relu, finished, sums, place, out),
        Activation::Gelu => store(simd, Gelu, finished, sums, place, out),
        Activation::GeluTanh => store(simd, GeluTanh, finished, sums, place, out),
        Activation::QuickGelu => store(simd, QuickGelu, finished, sums, place, out),
    }
}

#[inline(always)]
fn store<S: Simd, F: Unary>(
    simd: S,
    activation: F,
    (finish, scales): (Finish<'_>, Option<Scales<'_>>),
    (sums, width): (&Sums, usize),
    (rows, columns): (Range<usize>, Range<usize>),
    out: &mut MatrixMut<'_>,
) {
    let line = columns.len().next_multiple_of(width);
    let bias = finish.bias.map(|bias| &bias[columns.clone()]);
    for (index, (row, sums)) in rows.zip(sums.0.chunks_exact(line)).enumerate() {
        let out = out.row_part(row, columns.clone());
        let mut at = 0;
        for (out, sums) in out.chunks_mut(S::LANES).zip(sums.chunks_exact(S::LANES)) {
            let mut value = simd.load(sums);
            if let Some(Scales { rows, columns: all }) = scales {
                let columns = simd.load(&all[columns.start + at..]);
                value = simd.mul(value, simd.mul(simd.splat(rows[index]), columns));
            }
            if let Some(bias) = bias {
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
}

/// The first vector of a slice, however short that is.
#[inline(always)]
fn read<S: Simd>(simd: S, from: &[f32]) -> S::Vector {
    if from.len() >= S::LANES { simd.load(from) } else { simd.load_partial(from, 0.0) }
}
