//! One thread's share of an integer multiply: rows become integers a block at a time.

use std::cell::RefCell;
use std::ops::Range;

use super::super::block::Tiling;
use super::super::store::{Scales, store_tile};
use super::super::tile::{Sums, TILE_MAX, TileInput, sum_tile};
use super::super::{Finish, Matrix, MatrixMut};
use super::pack::{IntegerPanels, WeightInteger};
use super::quantize::quantize;
use crate::Isa;
use crate::buffer::Lines;
use crate::simd::{Kernel, LANES_MAX, Simd};

/// A block of rows as integers, and what one unit of each row is worth.
#[derive(Default)]
struct IntegerRows {
    integers: Lines<i16>,
    units: Lines<f32>,
}

thread_local! {
    /// Each thread's block of rows between calls, so that none allocates after the first.
    static ROWS: RefCell<IntegerRows> = RefCell::default();
}

/// Multiplies on the calling thread: `out = activation(input · weights + bias [+ out])`.
pub(crate) fn multiply<T: WeightInteger>(
    isa: Isa,
    input: Matrix<'_>,
    weights: IntegerPanels<'_, T>,
    finish: Finish<'_>,
    out: MatrixMut<'_>,
) {
    assert_eq!(input.columns(), weights.inputs, "input features do not fit the weights");
    assert_eq!(input.rows(), out.rows(), "input and output differ in rows");
    assert_eq!(weights.panels.columns(), out.columns(), "output columns do not fit the weights");
    assert_eq!(weights.panels.width(), isa.panel_columns(), "packed for another instruction set");
    if let Some(bias) = finish.bias {
        assert_eq!(bias.len(), out.columns(), "one bias per output column");
    }
    // No other code of this thread runs before the kernel is through: it neither calls back nor
    // waits.
    ROWS.with_borrow_mut(|rows| isa.run(Multiply { input, weights, finish, out, rows }));
}

struct Multiply<'a, T> {
    input: Matrix<'a>,
    weights: IntegerPanels<'a, T>,
    finish: Finish<'a>,
    out: MatrixMut<'a>,
    rows: &'a mut IntegerRows,
}

impl<T: WeightInteger> Kernel for Multiply<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        if self.input.rows() == 0 {
            return;
        }
        let panels = self.weights.panels;
        assert_eq!(panels.line(), T::line::<S>(), "packed for another instruction set");
        let stride = self.weights.inputs.next_multiple_of(LANES_MAX);
        let tiling = Tiling::new(self.input.rows(), S::TILE_ROWS);
        let tiles_per_block = Tiling::per_block(stride * size_of::<i16>(), S::TILE_ROWS);
        let mut sums = Sums([0.0; TILE_MAX]);
        for first_tile in (0..tiling.tiles).step_by(tiles_per_block) {
            let block = first_tile..(first_tile + tiles_per_block).min(tiling.tiles);
            let block_rows = tiling.rows(block.clone());
            self.quantize_rows(simd, block_rows.clone(), stride);
            let mut panel = 0;
            while panel < panels.count() {
                let group = tiling.group();
                let group = if panel + group <= panels.count() { group } else { 1 };
                for tile in block.clone() {
                    let rows = tiling.rows(tile..tile + 1);
                    let place = (rows.start - block_rows.start, stride);
                    self.tile(simd, place, (rows, (panel, group)), &mut sums);
                }
                panel += group;
            }
        }
    }
}

impl<T: WeightInteger> Multiply<'_, T> {
    #[inline(always)]
    fn quantize_rows<S: Simd>(&mut self, simd: S, rows: Range<usize>, stride: usize) {
        self.rows.integers.resize(rows.len() * stride);
        self.rows.units.resize(rows.len());
        let places = self.rows.integers.chunks_exact_mut(stride).zip(self.rows.units.iter_mut());
        for (row, (integers, unit)) in rows.zip(places) {
            *unit = quantize(simd, self.input.row(row), self.weights.row_room, integers);
        }
    }

    /// One tile; its rows start at a place in the block, whose rows lie `stride` apart.
    #[inline(always)]
    fn tile<S: Simd>(
        &mut self,
        simd: S,
        (place, stride): (usize, usize),
        (rows, (panel, group)): (Range<usize>, (usize, usize)),
        sums: &mut Sums,
    ) {
        let panels = self.weights.panels;
        let integers = &self.rows.integers[place * stride..][..rows.len() * stride];
        let input = TileInput {
            rows: integers.as_ptr(),
            stride,
            panels: panels.data(panel, group).as_ptr(),
            panel_stride: panels.stride(),
            lines: panels.features(),
        };
        // SAFETY: `integers` are the rows, each of `stride` numbers, which is at least two for
        // each of the lines; `data` returned `group` whole panels, as wide and with lines as
        // long as this instruction set's (checked in `multiply` and `run`). There are at most
        // TILE_ROWS rows because `Tiling` rounds their number up, and `group` is 1 or
        // `panels_per_tile` of their number.
        unsafe { sum_tile(simd, (rows.len(), group), input, sums) };
        let width = panels.width();
        let scales =
            Scales { rows: &self.rows.units[place..][..rows.len()], columns: self.weights.scales };
        let columns = panel * width..((panel + group) * width).min(self.out.columns());
        let finished = (self.finish, Some(scales));
        store_tile(simd, finished, (sums, width), (rows, columns), &mut self.out);
    }
}
