//! Both sides of a product in tile order.
//!
//! A panel is 32 columns of the right-hand side: for each step over the features one tile for
//! the first sixteen columns and one for the others, so that a panel is read from front to end.
//! Word `n` of row `k` of a tile holds the features `k` (two or four of them) of column `n`,
//! which Intel calls the VNNI order. The left-hand side lies the same way by pairs of sixteen
//! rows, but there word `k` of row `m` holds the features `k` of row `m`.

use std::marker::PhantomData;
use std::ops::Range;

use rayon::iter::{IndexedParallelIterator as _, ParallelIterator as _};
use rayon::slice::ParallelSliceMut as _;

use super::format::{Format, Scales};
use super::unit::{SIDE, Tile};
use crate::gemm::{Matrix, rows_by_panel};

/// Columns of a panel and rows of a pair of tiles.
pub(crate) const PAIR: usize = 2 * SIDE;

/// Weights `[outputs, inputs]` in tile order, with the scale of each output.
pub(crate) struct PackedTiles<F> {
    tiles: Vec<Tile>,
    scales: Vec<f32>,
    inputs: usize,
    outputs: usize,
    format: PhantomData<F>,
}

impl<F: Format> PackedTiles<F> {
    /// Packs weights `[outputs, inputs]`.
    pub(crate) fn pack(weights: Matrix<'_>) -> Self {
        let (outputs, inputs) = (weights.rows(), weights.columns());
        let mut tiles = vec![Tile::ZERO; tiles_of::<F>(outputs, inputs)];
        let mut scales = vec![0.0; outputs.next_multiple_of(PAIR)];
        let panels = tiles.par_chunks_mut(tiles_of::<F>(PAIR, inputs));
        let packed = rows_by_panel(weights, PAIR).zip(panels).zip(scales.par_chunks_mut(PAIR));
        packed.for_each(|((rows, tiles), scales)| pack_columns_of_rows::<F>(rows, tiles, scales));
        Self { tiles, scales, inputs, outputs, format: PhantomData }
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&self.tiles[..]) + size_of_val(&self.scales[..])
    }

    pub(crate) fn panels(&self) -> TilePanels<'_, F> {
        TilePanels::new(&self.tiles, &self.scales, (self.outputs, self.inputs))
    }
}

/// Tiles in the packed form of that many columns or rows of that many features.
pub(crate) fn tiles_of<F: Format>(count: usize, features: usize) -> usize {
    count.div_ceil(PAIR) * features.div_ceil(F::STEP) * 2
}

/// The right-hand side of a product.
#[derive(Clone, Copy)]
pub(crate) struct TilePanels<'a, F> {
    tiles: &'a [Tile],
    scales: &'a [f32],
    columns: usize,
    features: usize,
    format: PhantomData<F>,
}

impl<'a, F: Format> TilePanels<'a, F> {
    /// Packed tiles of the shape `(columns, features)`, with a scale for each column, those
    /// that fill the last panel up included.
    pub(crate) fn new(
        tiles: &'a [Tile],
        scales: &'a [f32],
        (columns, features): (usize, usize),
    ) -> Self {
        let most = F::FEATURES_MAX;
        assert!(features <= most, "sums over {features} features can overflow, over {most} not");
        let needed = tiles_of::<F>(columns, features);
        assert!(tiles.len() >= needed, "{columns} packed columns need {needed} tiles");
        let scales = &scales[..columns.next_multiple_of(PAIR)];
        Self { tiles: &tiles[..needed], scales, columns, features, format: PhantomData }
    }

    /// Columns, the filled-up ones not counted.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    pub(crate) fn features(&self) -> usize {
        self.features
    }

    /// Tile products per sum.
    pub(crate) fn steps(&self) -> usize {
        self.features.div_ceil(F::STEP)
    }

    /// Panels.
    pub(crate) fn count(&self) -> usize {
        self.columns.div_ceil(PAIR)
    }

    /// The tiles of one panel, two per step; empty behind the last.
    pub(crate) fn panel(&self, panel: usize) -> &'a [Tile] {
        let size = 2 * self.steps();
        let start = (panel * size).min(self.tiles.len());
        &self.tiles[start..(start + size).min(self.tiles.len())]
    }

    /// The scales of the columns of the panel that starts at column `first`.
    #[inline(always)]
    pub(crate) fn scales(&self, first: usize) -> &'a [f32] {
        &self.scales[first..first + PAIR]
    }

    /// The panels of some of the columns; the range starts on a panel border.
    pub(crate) fn columns_in(self, columns: Range<usize>) -> Self {
        assert!(columns.start.is_multiple_of(PAIR) && columns.end <= self.columns);
        let first = columns.start / PAIR * 2 * self.steps();
        let shape = (columns.len(), self.features);
        Self::new(&self.tiles[first..], &self.scales[columns.start..], shape)
    }
}

/// Packs `source`, whose rows become columns: weights `[outputs, inputs]`, or the keys of an
/// attention head `[positions, head]`. All tiles are written.
#[inline(always)]
pub(crate) fn pack_columns_of_rows<F: Format>(
    source: Matrix<'_>,
    tiles: &mut [Tile],
    scales: &mut [f32],
) {
    let steps = source.columns().div_ceil(F::STEP);
    let halves = source.rows().div_ceil(PAIR) * 2;
    for half in 0..halves {
        for column in 0..SIDE {
            let at = half * SIDE + column;
            let features = if at < source.rows() { source.row(at) } else { &[] };
            let Scales { factor, scale } = F::scales(features);
            scales[at] = scale;
            for step in 0..steps {
                let mut line = [0; SIDE];
                let chunk = features.chunks(F::STEP).nth(step).unwrap_or(&[]);
                F::narrow(chunk, factor, &mut line);
                let tile = &mut tiles[(half / 2 * steps + step) * 2 + half % 2];
                for (row, word) in tile.0.iter_mut().zip(line) {
                    row[column] = word;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Format, PackedTiles, tiles_of};
    use crate::amx::format::{Bf16, Int8};
    use crate::gemm::Matrix;

    /// The number that feature `k` of column `n` became.
    fn integer(packed: &PackedTiles<Int8>, n: usize, k: usize) -> i8 {
        let panels = packed.panels();
        let tile = &panels.panel(n / 32)[k / Int8::STEP * 2 + n / 16 % 2];
        let word = tile.0[k % Int8::STEP / 4][n % 16];
        word.to_le_bytes()[k % 4].cast_signed()
    }

    #[test]
    fn every_weight_has_its_place() {
        let (outputs, inputs) = (35, 70);
        let weights: Vec<f32> = (0..outputs * inputs)
            .map(|at| if at % inputs == 3 { 127.0 } else { (at % 100) as f32 })
            .collect();
        let packed = PackedTiles::<Int8>::pack(Matrix::new(&weights, inputs, (outputs, inputs)));
        for n in 0..64 {
            for k in 0..128 {
                let inside = n < outputs && k < inputs;
                let expected = if inside { weights[n * inputs + k] } else { 0.0 };
                assert_eq!(f32::from(integer(&packed, n, k)), expected, "output {n}, input {k}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "sums over 133145 features can overflow, over 133144 not")]
    fn sums_that_could_overflow_are_refused() {
        let weights = vec![1.0; 133_145];
        let _ = PackedTiles::<Int8>::pack(Matrix::new(&weights, 133_145, (1, 133_145))).panels();
    }

    #[test]
    fn panels_are_whole() {
        assert_eq!(tiles_of::<Bf16>(1, 1), 2);
        assert_eq!(tiles_of::<Bf16>(33, 33), 8);
        assert_eq!(tiles_of::<Int8>(33, 65), 8);
        let packed = PackedTiles::<Bf16>::pack(Matrix::new(&[1.0; 99], 33, (3, 33)));
        assert_eq!((packed.panels().panel(0).len(), packed.panels().panel(1).len()), (4, 0));
    }
}
