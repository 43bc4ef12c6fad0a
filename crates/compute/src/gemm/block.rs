//! One thread's share of a matrix multiply: row blocks, panels, tiles, and the store.

use super::tile::{Sums, TILE_MAX, TileInput, panels_per_tile, sum_tile};
use super::{Activation, Finish, Matrix, MatrixMut, Panels};
use crate::Isa;
use crate::math::{GeluTanh, Identity, Relu};
use crate::simd::{Kernel, Simd, Unary};

/// Rows are taken in blocks of about this size, which stay in the second cache level.
const ROW_BLOCK_BYTES: usize = 192 << 10;

/// Multiplies on the calling thread: `out = activation(input · panels + bias [+ out])`.
pub(crate) fn multiply(
    isa: Isa,
    input: Matrix<'_>,
    panels: Panels<'_>,
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

struct Multiply<'a> {
    input: Matrix<'a>,
    panels: Panels<'a>,
    finish: Finish<'a>,
    out: MatrixMut<'a>,
}

impl Kernel for Multiply<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let rows = self.input.rows();
        let tiles = rows.div_ceil(S::TILE_ROWS);
        if tiles == 0 {
            return;
        }
        let row_bytes = self.input.columns() * size_of::<f32>();
        let tiles_per_block = (ROW_BLOCK_BYTES / (row_bytes * S::TILE_ROWS)).max(1);
        // Tiles of (nearly) one height: rows / tiles each, one more in the first few.
        let (height, taller) = (rows / tiles, rows % tiles);
        let group = if tiles == 1 { panels_per_tile(rows) } else { 1 };
        let first_row = |tile: usize| tile * height + tile.min(taller);
        let mut sums = Sums([0.0; TILE_MAX]);
        for first_tile in (0..tiles).step_by(tiles_per_block) {
            let block = first_tile..(first_tile + tiles_per_block).min(tiles);
            let mut panel = 0;
            while panel < self.panels.count() {
                let group = if panel + group <= self.panels.count() { group } else { 1 };
                for tile in block.clone() {
                    let rows = first_row(tile)..first_row(tile + 1);
                    self.tile(simd, rows, (panel, group), &mut sums);
                }
                panel += group;
            }
        }
    }
}

impl Multiply<'_> {
    #[inline(always)]
    fn tile<S: Simd>(
        &mut self,
        simd: S,
        rows: std::ops::Range<usize>,
        (panel, group): (usize, usize),
        sums: &mut Sums,
    ) {
        // The rows that the tile reads exist: checked by taking the last one.
        let _ = self.input.row(rows.end - 1);
        let input = TileInput {
            rows: self.input.row_pointer(rows.start),
            stride: self.input.stride(),
            panels: self.panels.data(panel, group).as_ptr(),
            features: self.panels.features(),
        };
        // SAFETY: `rows` are rows of `input` (checked above), each of `features` numbers
        // (checked in `multiply`), and `data` returned `group` whole panels; panels are as wide
        // as this instruction set's (checked in `multiply`). There are at most TILE_ROWS rows
        // because `tiles` was rounded up, and `group` is 1 or `panels_per_tile` of their number.
        unsafe { sum_tile(simd, (rows.len(), group), input, sums) };
        let first = panel * self.panels.width();
        let columns = first..(first + group * self.panels.width()).min(self.out.columns());
        match self.finish.activation {
            Activation::None => self.store(simd, Identity, (rows, columns), sums),
            Activation::Relu => self.store(simd, Relu, (rows, columns), sums),
            Activation::GeluTanh => self.store(simd, GeluTanh, (rows, columns), sums),
        }
    }

    #[inline(always)]
    fn store<S: Simd, F: Unary>(
        &mut self,
        simd: S,
        activation: F,
        (rows, columns): (std::ops::Range<usize>, std::ops::Range<usize>),
        sums: &Sums,
    ) {
        let line = columns.len().next_multiple_of(self.panels.width());
        let bias = self.finish.bias.map(|bias| &bias[columns.clone()]);
        for (row, sums) in rows.zip(sums.0.chunks_exact(line)) {
            let out = self.out.row_part(row, columns.clone());
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
}

/// The first vector of a slice, however short that is.
#[inline(always)]
fn read<S: Simd>(simd: S, from: &[f32]) -> S::Vector {
    if from.len() >= S::LANES { simd.load(from) } else { simd.load_partial(from, 0.0) }
}
