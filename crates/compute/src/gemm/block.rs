//! One thread's share of a matrix multiply: row blocks, chunks of lines, panels and tiles.
//!
//! Rows are taken in blocks, and long sums in chunks of lines, so that a chunk of a block of
//! rows stays in the second cache level, and a chunk of a panel near the first, while the panels
//! stream past once per block. Between chunks a tile's sums are put aside bit by bit, so that
//! the chain of additions is the same as in one go.

use std::cell::RefCell;
use std::ops::Range;

use super::line::PanelElement;
use super::store::{Scales, store_tile};
use super::tile::{TILE_MAX, TileInput, panels_per_tile, sum_tile};
use super::{Finish, Matrix, MatrixMut, Panels};
use crate::Isa;
use crate::buffer::Lines;
use crate::simd::{Kernel, Simd};

/// A chunk of a block of rows takes at most about this much of the second cache level, of which
/// current processors have 512 KiB a core or more.
const ROW_BLOCK_BYTES: usize = 288 << 10;
/// Lines per chunk, about: 48 KiB of a panel of 64-byte lines.
const CHUNK_LINES: usize = 768;

thread_local! {
    /// Each thread's sums put aside, so that none allocates after the first call.
    static SUMS: RefCell<Lines<f32>> = RefCell::default();
}

/// Calls `work` with this thread's room for sums. `work` neither calls back nor waits.
pub(super) fn with_sums<R>(work: impl FnOnce(&mut Lines<f32>) -> R) -> R {
    SUMS.with_borrow_mut(work)
}

/// Multiplies on the calling thread: `out = activation(input · panels + bias [+ out])`.
pub(crate) fn multiply<T: PanelElement<Input = f32>>(
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
    with_sums(|sums| isa.run(Multiply { input, panels, finish, out, sums }));
}

/// How many rows make tiles of nearly one height, `rows / tiles` each and one more in the first
/// few, and how the tiles and lines are cut.
#[derive(Clone, Copy)]
pub(super) struct Tiling {
    tiles: usize,
    height: usize,
    taller: usize,
    /// Tiles per block.
    block: usize,
    /// Chunks that the lines are cut into.
    chunks: usize,
}

impl Tiling {
    /// Tiles of at most `S::TILE_ROWS` rows, times panels of so many lines of `T`.
    pub(super) fn new<S: Simd, T: PanelElement>(rows: usize, lines: usize) -> Self {
        let tiles = rows.div_ceil(S::TILE_ROWS).max(1);
        // A single tile reads each panel once: nothing to keep near.
        let chunks = if tiles == 1 { 1 } else { ((lines + CHUNK_LINES / 2) / CHUNK_LINES).max(1) };
        let row_bytes = lines.div_ceil(chunks) * T::INPUTS_PER_LINE * size_of::<T::Input>();
        let block_max = (ROW_BLOCK_BYTES / (row_bytes.max(1) * S::TILE_ROWS)).max(1);
        let block = tiles.div_ceil(tiles.div_ceil(block_max));
        Self { tiles, height: rows / tiles, taller: rows % tiles, block, chunks }
    }

    /// The tiles of each block.
    pub(super) fn blocks(self) -> impl Iterator<Item = Range<usize>> {
        let end = move |first: usize| (first + self.block).min(self.tiles);
        (0..self.tiles).step_by(self.block).map(move |first| first..end(first))
    }

    /// The rows of some tiles.
    pub(super) fn rows(self, tiles: Range<usize>) -> Range<usize> {
        let first = |tile: usize| tile * self.height + tile.min(self.taller);
        first(tiles.start)..first(tiles.end)
    }

    /// Panels that each tile spans at a time.
    fn group(self) -> usize {
        if self.tiles == 1 { panels_per_tile(self.height) } else { 1 }
    }
}

struct Multiply<'a, T> {
    input: Matrix<'a>,
    panels: Panels<'a, T>,
    finish: Finish<'a>,
    out: MatrixMut<'a>,
    sums: &'a mut Lines<f32>,
}

impl<T: PanelElement<Input = f32>> Kernel for Multiply<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        if self.input.rows() == 0 {
            return;
        }
        let tiling = Tiling::new::<S, T>(self.input.rows(), self.panels.features());
        for tiles in tiling.blocks() {
            let rows = tiling.rows(tiles.clone());
            let values = self.input.rows_in(rows).values();
            let block = Block {
                values,
                stride: self.input.stride(),
                tiling,
                tiles,
                panels: self.panels,
                finish: self.finish,
                scales: None,
            };
            block.multiply(simd, self.sums, &mut self.out);
        }
    }
}

/// A block of rows and what becomes of them.
pub(super) struct Block<'a, T: PanelElement> {
    /// The rows, from the first to at least the end of the last.
    pub(super) values: &'a [T::Input],
    /// Inputs from one row to the next.
    pub(super) stride: usize,
    pub(super) tiling: Tiling,
    /// The tiles of this block.
    pub(super) tiles: Range<usize>,
    /// The weights; their features are lines.
    pub(super) panels: Panels<'a, T>,
    pub(super) finish: Finish<'a>,
    /// For the rows of this block and all columns.
    pub(super) scales: Option<Scales<'a>>,
}

/// A tile of rows times some panels.
#[derive(Clone, Copy)]
struct Spot {
    tile: usize,
    /// The first panel.
    panel: usize,
    /// Panels.
    group: usize,
}

impl<T: PanelElement> Block<'_, T> {
    /// Multiplies the rows and writes their part of `out`.
    #[inline(always)]
    pub(super) fn multiply<S: Simd>(
        &self,
        simd: S,
        sums: &mut Lines<f32>,
        out: &mut MatrixMut<'_>,
    ) {
        assert_eq!(self.panels.line(), T::line::<S>(), "packed for another instruction set");
        let (count, lines) = (self.panels.count(), self.panels.features());
        let chunks = self.tiling.chunks;
        let places = if chunks == 1 { 1 } else { count * self.tiles.len() };
        let place = if chunks == 1 { TILE_MAX } else { 2 * S::LANES * S::TILE_ROWS };
        sums.resize(places * place);
        for chunk in 0..chunks {
            let lines = chunk * lines / chunks..(chunk + 1) * lines / chunks;
            let mut panel = 0;
            while panel < count {
                let group = self.tiling.group();
                let group = if panel + group <= count { group } else { 1 };
                for tile in self.tiles.clone() {
                    let index = panel * self.tiles.len() + (tile - self.tiles.start);
                    let sums = &mut sums[index % places * place..][..place];
                    let spot = Spot { tile, panel, group };
                    self.tile(simd, spot, lines.clone(), sums);
                    if chunk + 1 == chunks {
                        self.store(simd, spot, sums, out);
                    }
                }
                panel += group;
            }
        }
    }

    /// The rows of a tile, and their places in this block.
    #[inline(always)]
    fn rows(&self, tile: usize) -> (Range<usize>, Range<usize>) {
        let rows = self.tiling.rows(tile..tile + 1);
        let first = self.tiling.rows(self.tiles.clone()).start;
        (rows.clone(), rows.start - first..rows.end - first)
    }

    #[inline(always)]
    fn tile<S: Simd>(
        &self,
        simd: S,
        Spot { tile, panel, group }: Spot,
        lines: Range<usize>,
        sums: &mut [f32],
    ) {
        let (rows, places) = self.rows(tile);
        let inputs = lines.start * T::INPUTS_PER_LINE..lines.end * T::INPUTS_PER_LINE;
        // The inputs that the tile reads exist: checked by taking those of the last row.
        let _ = &self.values[(places.end - 1) * self.stride..][inputs.clone()];
        let first = &self.values[places.start * self.stride..][inputs];
        let panels = self.panels.data(panel, group);
        let input = TileInput {
            rows: first.as_ptr(),
            stride: self.stride,
            panels: panels[lines.start * self.panels.line()..].as_ptr(),
            panel_stride: self.panels.stride(),
            lines: lines.len(),
            resume: lines.start > 0,
            last: lines.end == self.panels.features(),
        };
        // SAFETY: the inputs of `lines` exist in the first and the last of the rows (checked
        // above), and so in those between; `data` returned `group` panels as far as their last
        // line, in lines as long as this instruction set's (checked in `multiply`). There are at
        // most TILE_ROWS rows because `Tiling` rounds their number up, and `group` is 1 or
        // `panels_per_tile` of their number.
        unsafe { sum_tile(simd, (rows.len(), group), input, sums) };
    }

    #[inline(always)]
    fn store<S: Simd>(
        &self,
        simd: S,
        Spot { tile, panel, group }: Spot,
        sums: &[f32],
        out: &mut MatrixMut<'_>,
    ) {
        let (rows, places) = self.rows(tile);
        let width = self.panels.width();
        let columns = panel * width..((panel + group) * width).min(out.columns());
        let scales = self.scales.map(|scales| Scales { rows: &scales.rows[places], ..scales });
        store_tile(simd, (self.finish, scales), (sums, width), (rows, columns), out);
    }
}
