//! One thread's share of an integer multiply: rows become integers a block at a time.

use std::cell::RefCell;
use std::ops::Range;

use super::super::block::{Block, Tiling, with_sums};
use super::super::store::Scales;
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
    ROWS.with_borrow_mut(|rows| {
        with_sums(|sums| isa.run(Multiply { input, weights, finish, out, rows, sums }));
    });
}

struct Multiply<'a, T> {
    input: Matrix<'a>,
    weights: IntegerPanels<'a, T>,
    finish: Finish<'a>,
    out: MatrixMut<'a>,
    rows: &'a mut IntegerRows,
    sums: &'a mut Lines<f32>,
}

impl<T: WeightInteger> Kernel for Multiply<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        if self.input.rows() == 0 {
            return;
        }
        let panels = self.weights.panels;
        let stride = self.weights.inputs.next_multiple_of(LANES_MAX);
        let tiling = Tiling::new::<S, T>(self.input.rows(), panels.features());
        for tiles in tiling.blocks() {
            self.quantize_rows(simd, tiling.rows(tiles.clone()), stride);
            let block = Block {
                values: &self.rows.integers,
                stride,
                tiling,
                tiles,
                panels,
                finish: self.finish,
                scales: Some(Scales { rows: &self.rows.units, columns: self.weights.scales }),
            };
            block.multiply(simd, self.sums, &mut self.out);
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
}
