//! From finished sums to the output: scales, bias, residual, activation.
//!
//! The tile unit needs hardly any of the processor's vector unit, and the other way round. The
//! sums of a panel are therefore finished row by row between the tile products of the next
//! panel, so that both units work at once.

use super::format::Format;
use super::pack::{PAIR, TilePanels};
use super::quad::SUMS;
use super::unit::{SIDE, Tile};
use crate::gemm::{Finish, MatrixMut, store_line};
use crate::simd::Simd;

/// What finished sums need on their way to the output of one block of rows.
pub(crate) struct Store<'a, F> {
    pub(crate) weights: TilePanels<'a, F>,
    pub(crate) row_scales: &'a [f32],
    pub(crate) finish: Finish<'a>,
    pub(crate) out: MatrixMut<'a>,
}

/// The rows of a panel that are still to be finished.
#[derive(Clone, Copy, Default)]
pub(crate) struct Unfinished {
    panel: usize,
    /// The next row and the number of all.
    next: usize,
    rows: usize,
}

impl Unfinished {
    /// All rows of a panel.
    pub(crate) fn panel(panel: usize, rows: usize) -> Self {
        Self { panel, next: 0, rows }
    }

    /// Where its sums start, given the size of those of one panel: panels take turns.
    #[inline(always)]
    pub(crate) fn offset(&self, size: usize) -> usize {
        self.panel % 2 * size
    }
}

impl<F: Format> Store<'_, F> {
    /// Finishes up to `count` more rows, whose sums are in `sums`.
    #[inline(always)]
    pub(crate) fn advance<S: Simd>(
        &mut self,
        simd: S,
        unfinished: &mut Unfinished,
        sums: &[[Tile; SUMS]],
        count: usize,
    ) {
        let end = unfinished.next.saturating_add(count).min(unfinished.rows);
        if unfinished.next >= end {
            return;
        }
        let first = unfinished.panel * PAIR;
        let columns = first..(first + PAIR).min(self.out.columns());
        let finish = self.finish.columns(columns.clone());
        let scales = self.weights.scales(first);
        for row in unfinished.next..end {
            let tiles = &sums[row / PAIR][row % PAIR / SIDE * 2..][..2];
            let mut wide = [0.0; PAIR];
            let (halves, _) = wide.as_chunks_mut();
            for (half, tile) in halves.iter_mut().zip(tiles) {
                *half = F::widen(&tile.0[row % SIDE]);
            }
            let scales = F::SCALED.then(|| (self.row_scales[row], scales));
            store_line(simd, finish, scales, &wide, self.out.row_part(row, columns.clone()));
        }
        unfinished.next = end;
    }
}
