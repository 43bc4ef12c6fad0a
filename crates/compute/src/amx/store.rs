//! From finished sums to the output: scales, bias, residual, activation.
//!
//! The tile unit needs hardly any of the processor's vector unit, and the other way round. The
//! sums of a panel are therefore finished line by line between the tile products of the next
//! panel, so that both units work at once.

use super::format::Format;
use super::pack::{PAIR, TilePanels};
use super::quad::SUMS;
use super::unit::{SIDE, Tile};
use crate::gemm::{Activation, Finish, MatrixMut};
use crate::math::{GeluTanh, Identity, Relu};
use crate::simd::{Simd, Unary};

/// What finished sums need on their way to the output of one block of rows.
pub(crate) struct Store<'a, F> {
    pub(crate) weights: TilePanels<'a, F>,
    pub(crate) row_scales: &'a [f32],
    pub(crate) finish: Finish<'a>,
    pub(crate) out: MatrixMut<'a>,
}

/// The lines of a panel that are still to be finished.
#[derive(Clone, Copy, Default)]
pub(crate) struct Unfinished {
    panel: usize,
    /// The next line and the number of all: sixteen columns of a row each.
    next: usize,
    lines: usize,
}

impl Unfinished {
    /// All lines of a panel.
    pub(crate) fn panel(panel: usize, rows: usize) -> Self {
        Self { panel, next: 0, lines: 2 * rows }
    }

    /// Where its sums start, given the size of those of one panel: panels take turns.
    #[inline(always)]
    pub(crate) fn offset(&self, size: usize) -> usize {
        self.panel % 2 * size
    }
}

impl<F: Format> Store<'_, F> {
    /// Finishes up to `count` more lines, whose sums are in `sums`.
    #[inline(always)]
    pub(crate) fn advance<S: Simd>(
        &mut self,
        simd: S,
        unfinished: &mut Unfinished,
        sums: &[[Tile; SUMS]],
        count: usize,
    ) {
        let end = unfinished.next.saturating_add(count).min(unfinished.lines);
        for line in unfinished.next..end {
            let (row, half) = (line / 2, line % 2);
            let tile = &sums[row / PAIR][row % PAIR / SIDE * 2 + half];
            let first = unfinished.panel * PAIR + half * SIDE;
            let scales = self.weights.scales(first);
            let sums = F::widen(&tile.0[row % SIDE], self.row_scales[row], scales);
            match self.finish.activation {
                Activation::None => self.line(simd, Identity, (row, first), &sums),
                Activation::Relu => self.line(simd, Relu, (row, first), &sums),
                Activation::GeluTanh => self.line(simd, GeluTanh, (row, first), &sums),
            }
        }
        unfinished.next = end;
    }

    /// Finishes up to sixteen columns of one row, from column `first` on.
    #[inline(always)]
    fn line<S: Simd, A: Unary>(
        &mut self,
        simd: S,
        activation: A,
        (row, first): (usize, usize),
        sums: &[f32; SIDE],
    ) {
        let end = (first + SIDE).min(self.out.columns());
        if first >= end {
            return;
        }
        let bias = self.finish.bias.map(|bias| &bias[first..end]);
        let out = self.out.row_part(row, first..end);
        let mut at = 0;
        for (out, sums) in out.chunks_mut(S::LANES).zip(sums.chunks_exact(S::LANES)) {
            let mut value = simd.load(sums);
            if let Some(bias) = bias {
                value = simd.add(value, read(simd, &bias[at..]));
            }
            if self.finish.accumulate {
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
