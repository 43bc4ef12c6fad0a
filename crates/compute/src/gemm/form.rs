//! The forms that packed weights take, and the one place that chooses between them.

use std::ops::Range;

use rayon::iter::{IndexedParallelIterator as _, ParallelIterator as _};
use rayon::slice::ParallelSliceMut as _;

use super::bf16::pack_pairs;
use super::integer::{self, IntegerMatrix, IntegerPanels};
use super::{Finish, Matrix, MatrixMut, Panels, multiply, pack_rows, packed_length, rows_by_panel};
use crate::amx::{self, Amx, PackedTiles, Product, TilePanels};
use crate::buffer::Lines;
use crate::{Isa, Precision};

/// See [`Weights::rows_per_part_min`].
const ROWS_PER_PART_MIN: usize = 48;

/// Packed weights that own their memory.
pub(crate) enum Form {
    F32(Lines<f32>),
    Bf16(Lines<u32>),
    Int16(IntegerMatrix<i16>),
    Int8(IntegerMatrix<i8>),
    TilesBf16(PackedTiles<amx::Bf16>),
    TilesInt8(PackedTiles<amx::Int8>),
}

impl Form {
    /// Packs `weights`, `[outputs, inputs]`, in the form in which this instruction set computes
    /// at that precision.
    pub(crate) fn pack(isa: Isa, precision: Precision, weights: Matrix<'_>) -> Self {
        let tiles = isa.tiles().is_some();
        match precision {
            Precision::Bf16 if tiles => Self::TilesBf16(PackedTiles::pack(weights)),
            Precision::Int8 if tiles => Self::TilesInt8(PackedTiles::pack(weights)),
            Precision::F32 => Self::F32(plain_lines(isa, weights)),
            Precision::Bf16 => Self::Bf16(pair_lines(isa, weights)),
            Precision::Int16 => Self::Int16(IntegerMatrix::pack(isa, weights)),
            Precision::Int8 => Self::Int8(IntegerMatrix::pack(isa, weights)),
        }
    }

    /// The weights to multiply by, of the shape `(outputs, inputs)`.
    pub(crate) fn weights(&self, isa: Isa, shape: (usize, usize)) -> Weights<'_> {
        let width = isa.panel_columns();
        let unit = || isa.tiles().expect("packed in tiles where there is a tile unit");
        match self {
            Self::F32(data) => Weights::F32(Panels::with_line(data, shape, width, width)),
            Self::Bf16(data) => Weights::Bf16(Panels::with_line(data, shape, width, width / 2)),
            Self::Int16(matrix) => Weights::Int16(matrix.panels(shape, width)),
            Self::Int8(matrix) => Weights::Int8(matrix.panels(shape, width)),
            Self::TilesBf16(packed) => Weights::TilesBf16(packed.panels(), unit()),
            Self::TilesInt8(packed) => Weights::TilesInt8(packed.panels(), unit()),
        }
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::F32(data) => size_of_val(&data[..]),
            Self::Bf16(data) => size_of_val(&data[..]),
            Self::Int16(matrix) => matrix.bytes(),
            Self::Int8(matrix) => matrix.bytes(),
            Self::TilesBf16(packed) => packed.bytes(),
            Self::TilesInt8(packed) => packed.bytes(),
        }
    }
}

fn plain_lines(isa: Isa, weights: Matrix<'_>) -> Lines<f32> {
    let (width, features) = (isa.panel_columns(), weights.columns());
    let mut lines = Lines::zeroed(packed_length(weights.rows(), features, width));
    let panels = lines.par_chunks_exact_mut(width * features);
    let pairs = rows_by_panel(weights, width).zip(panels);
    pairs.for_each(|(rows, panel)| pack_rows(rows, width, panel));
    lines
}

fn pair_lines(isa: Isa, weights: Matrix<'_>) -> Lines<u32> {
    let (width, features) = (isa.panel_columns(), weights.columns());
    let mut lines = Lines::zeroed(packed_length(weights.rows(), features, width) / 2);
    let panels = lines.par_chunks_exact_mut(width / 2 * features);
    let plain = || vec![0.0; width * features];
    rows_by_panel(weights, width).zip(panels).for_each_init(plain, |plain, (rows, panel)| {
        pack_rows(rows, width, plain);
        pack_pairs(plain, width, panel);
    });
    lines
}

/// Packed weights, or some of their columns, to multiply by.
#[derive(Clone, Copy)]
pub(crate) enum Weights<'a> {
    F32(Panels<'a, f32>),
    Bf16(Panels<'a, u32>),
    Int16(IntegerPanels<'a, i16>),
    Int8(IntegerPanels<'a, i8>),
    TilesBf16(TilePanels<'a, amx::Bf16>, Amx),
    TilesInt8(TilePanels<'a, amx::Int8>, Amx),
}

impl Weights<'_> {
    /// Output columns.
    pub(crate) fn columns(&self) -> usize {
        match self {
            Self::F32(panels) => panels.columns(),
            Self::Bf16(panels) => panels.columns(),
            Self::Int16(weights) => weights.panels.columns(),
            Self::Int8(weights) => weights.panels.columns(),
            Self::TilesBf16(panels, _) => panels.columns(),
            Self::TilesInt8(panels, _) => panels.columns(),
        }
    }

    /// With fewer rows per thread, columns are cut instead: each thread then reads only its
    /// share of the weights.
    pub(crate) fn rows_per_part_min(&self) -> usize {
        match self {
            Self::TilesBf16(..) | Self::TilesInt8(..) => amx::ROWS_PER_PART_MIN,
            _ => ROWS_PER_PART_MIN,
        }
    }

    /// Rows are best cut at multiples of this.
    pub(crate) fn row_step(&self) -> usize {
        match self {
            Self::TilesBf16(..) | Self::TilesInt8(..) => amx::ROW_STEP,
            _ => 1,
        }
    }

    /// Columns may be cut at multiples of this.
    pub(crate) fn column_step(&self) -> usize {
        match self {
            Self::F32(panels) => panels.width(),
            Self::Bf16(panels) => panels.width(),
            Self::Int16(weights) => weights.panels.width(),
            Self::Int8(weights) => weights.panels.width(),
            Self::TilesBf16(..) | Self::TilesInt8(..) => amx::COLUMN_STEP,
        }
    }

    /// The weights of some of the columns; the range starts at a multiple of
    /// [`Self::column_step`].
    pub(crate) fn columns_in(self, columns: Range<usize>) -> Self {
        match self {
            Self::F32(panels) => Self::F32(panels.columns_in(columns)),
            Self::Bf16(panels) => Self::Bf16(panels.columns_in(columns)),
            Self::Int16(weights) => Self::Int16(weights.columns_in(columns)),
            Self::Int8(weights) => Self::Int8(weights.columns_in(columns)),
            Self::TilesBf16(panels, unit) => Self::TilesBf16(panels.columns_in(columns), unit),
            Self::TilesInt8(panels, unit) => Self::TilesInt8(panels.columns_in(columns), unit),
        }
    }

    /// Multiplies on the calling thread.
    pub(crate) fn multiply(
        self,
        isa: Isa,
        input: Matrix<'_>,
        finish: Finish<'_>,
        out: MatrixMut<'_>,
    ) {
        match self {
            Self::F32(panels) => multiply(isa, input, panels, finish, out),
            Self::Bf16(panels) => multiply(isa, input, panels, finish, out),
            Self::Int16(weights) => integer::multiply(isa, input, weights, finish, out),
            Self::Int8(weights) => integer::multiply(isa, input, weights, finish, out),
            Self::TilesBf16(panels, unit) => {
                amx::multiply(isa, unit, Product::new(input, panels, finish), out);
            }
            Self::TilesInt8(panels, unit) => {
                amx::multiply(isa, unit, Product::new(input, panels, finish), out);
            }
        }
    }
}
