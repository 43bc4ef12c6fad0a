//! One thread's share of a matrix multiply: row blocks, panels and tiles.

use std::ops::Range;

use super::line::PanelElement;
use super::store::store_tile;
use super::tile::{Sums, TILE_MAX, TileInput, panels_per_tile, sum_tile};
use super::{Finish, Matrix, MatrixMut, Panels};
use crate::Isa;
use crate::simd::{Kernel, Simd};

/// Rows are taken in blocks of about this size, which stay in the second cache level.
const ROW_BLOCK_BYTES: usize = 192 << 10;

/// Multiplies on the calling thread: `out = activation(input · panels + bias [+ out])`.
pub(crate) fn multiply<T: PanelElement>(
    isa: Isa,
    input: Matrix<'_>,
    panels: Panels<'_, T>,
    finish: Finish<'_>,
    out: MatrixMut<'_>,
) {
    assert_eq!(input.columns(), panels.features(), "input features do not fit the weights");
    assert_eq!(input.rows(), out.rows(), "input and output differ in rows");
    assert_eq!(panels.columns(), out.columns(), "output columns do not fit the weights");
    assert_eq!(panels.width(), isa.panel_columns(), "packed for another instruction set");
    if let Some(bias) = finish.bias {
        assert_eq!(bias.len(), out.columns(), "one bias per output column");
    }
    isa.run(Multiply { input, panels, finish, out });
}

/// How many rows make tiles of nearly one height: `rows / tiles` each, and one more in the
/// first few.
#[derive(Clone, Copy)]
pub(crate) struct Tiling {
    pub(crate) tiles: usize,
    height: usize,
    taller: usize,
}

impl Tiling {
    /// Tiles of at most `height_max` rows.
    pub(crate) fn new(rows: usize, height_max: usize) -> Self {
        let tiles = rows.div_ceil(height_max).max(1);
        Self { tiles, height: rows / tiles, taller: rows % tiles }
    }

    /// The rows of some tiles.
    pub(crate) fn rows(self, tiles: Range<usize>) -> Range<usize> {
        let first = |tile: usize| tile * self.height + tile.min(self.taller);
        first(tiles.start)..first(tiles.end)
    }

    /// Tiles whose rows, of `row_bytes` each, fill a block.
    pub(crate) fn per_block(row_bytes: usize, height_max: usize) -> usize {
        (ROW_BLOCK_BYTES / (row_bytes * height_max)).max(1)
    }

    /// Panels that each tile spans at a time.
    pub(crate) fn group(self) -> usize {
        if self.tiles == 1 { panels_per_tile(self.height) } else { 1 }
    }
}

struct Multiply<'a, T> {
    input: Matrix<'a>,
    panels: Panels<'a, T>,
    finish: Finish<'a>,
    out: MatrixMut<'a>,
}

impl<T: PanelElement> Kernel for Multiply<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        if self.input.rows() == 0 {
            return;
        }
        assert_eq!(self.panels.line(), T::line::<S>(), "packed for another instruction set");
        let tiling = Tiling::new(self.input.rows(), S::TILE_ROWS);
        let row_bytes = self.input.columns() * size_of::<f32>();
        let tiles_per_block = Tiling::per_block(row_bytes, S::TILE_ROWS);
        let mut sums = Sums([0.0; TILE_MAX]);
        for first_tile in (0..tiling.tiles).step_by(tiles_per_block) {
            let block = first_tile..(first_tile + tiles_per_block).min(tiling.tiles);
            let mut panel = 0;
            while panel < self.panels.count() {
                let group = tiling.group();
                let group = if panel + group <= self.panels.count() { group } else { 1 };
                for tile in block.clone() {
                    let rows = tiling.rows(tile..tile + 1);
                    self.tile(simd, rows, (panel, group), &mut sums);
                }
                panel += group;
            }
        }
    }
}

impl<T: PanelElement> Multiply<'_, T> {
    #[inline(always)]
    fn tile<S: Simd>(
        &mut self,
        simd: S,
        rows: Range<usize>,
        (panel, group): (usize, usize),
        sums: &mut Sums,
    ) {
        // The rows that the tile reads exist: checked by taking the last one.
        let _ = self.input.row(rows.end - 1);
        let input = TileInput {
            rows: self.input.row_pointer(rows.start),
            stride: self.input.stride(),
            panels: self.panels.data(panel, group).as_ptr(),
            panel_stride: self.panels.stride(),
            features: self.panels.features(),
        };
        // SAFETY: `rows` are rows of `input` (checked above), each of `features` numbers
        // (checked in `multiply`), and `data` returned `group` whole panels; panels are as wide
        // and lines as long as this instruction set's (checked in `multiply` and `run`). There
        // are at most TILE_ROWS rows because `Tiling` rounds their number up, and `group` is 1
        // or `panels_per_tile` of their number.
        unsafe { sum_tile(simd, (rows.len(), group), input, sums) };
        let width = self.panels.width();
        let columns = panel * width..((panel + group) * width).min(self.out.columns());
        store_tile(simd, self.finish, (sums, width), (rows, columns), &mut self.out);
    }
}
