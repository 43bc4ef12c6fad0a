//! From finished sums to memory: bias, residual and activation.

use std::ops::Range;

use super::tile::Sums;
use super::{Activation, Finish, MatrixMut};
use crate::math::{Gelu, GeluTanh, Identity, QuickGelu, Relu};
use crate::simd::{Simd, Unary};

/// Finishes a tile of sums and writes it to `rows` and `columns` of `out`. The sums are
/// row-major, with rows as long as the columns rounded up to whole panels of `width`.
#[inline(always)]
pub(crate) fn store_tile<S: Simd>(
    simd: S,
    finish: Finish<'_>,
    sums: (&Sums, usize),
    (rows, columns): (Range<usize>, Range<usize>),
    out: &mut MatrixMut<'_>,
) {
    let place = (rows, columns);
    match finish.activation {
        Activation::None => store(simd, Identity, finish, sums, place, out),
        Activation::Relu => store(simd, Relu, finish, sums, place, out),
        Activation::Gelu => store(simd, Gelu, finish, sums, place, out),
        Activation::GeluTanh => store(simd, GeluTanh, finish, sums, place, out),
        Activation::QuickGelu => store(simd, QuickGelu, finish, sums, place, out),
    }
}

#[inline(always)]
fn store<S: Simd, F: Unary>(
    simd: S,
    activation: F,
    finish: Finish<'_>,
    (sums, width): (&Sums, usize),
    (rows, columns): (Range<usize>, Range<usize>),
    out: &mut MatrixMut<'_>,
) {
    let line = columns.len().next_multiple_of(width);
    let bias = finish.bias.map(|bias| &bias[columns.clone()]);
    for (row, sums) in rows.zip(sums.0.chunks_exact(line)) {
        let out = out.row_part(row, columns.clone());
        let mut at = 0;
        for (out, sums) in out.chunks_mut(S::LANES).zip(sums.chunks_exact(S::LANES)) {
            let mut value = simd.load(sums);
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
