//! The forms that packed weights take, and the one place that chooses between them.

use std::ops::Range;

use super::bf16::pack_pairs;
use super::{Finish, Matrix, MatrixMut, Panels, multiply, pack_rows, packed_length};
use crate::buffer::Lines;
use crate::{Isa, Precision};

/// Packed weights that own their memory.
pub(crate) enum Form {
    F32(Lines<f32>),
    Bf16(Lines<u32>),
}

impl Form {
    /// Packs `weights`, `[outputs, inputs]`, in the form in which this instruction set computes
    /// at that precision.
    pub(crate) fn pack(isa: Isa, precision: Precision, weights: Matrix<'_>) -> Self {
        let width = isa.panel_columns();
        let mut plain = Lines::zeroed(packed_length(weights.rows(), weights.columns(), width));
        pack_rows(weights, width, &mut plain);
        match precision {
            Precision::Bf16 => {
                let mut pairs = Lines::zeroed(plain.len() / 2);
                pack_pairs(&plain, width, &mut pairs);
                Self::Bf16(pairs)
            }
            Precision::F32 | Precision::Int16 | Precision::Int8 => Self::F32(plain),
        }
    }

    /// The weights to multiply by, of the shape `(outputs, inputs)`.
    pub(crate) fn weights(&self, isa: Isa, shape: (usize, usize)) -> Weights<'_> {
        let width = isa.panel_columns();
        match self {
            Self::F32(data) => Weights::F32(Panels::with_line(data, shape, width, width)),
            Self::Bf16(data) => Weights::Bf16(Panels::with_line(data, shape, width, width / 2)),
        }
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::F32(data) => size_of_val(&data[..]),
            Self::Bf16(data) => size_of_val(&data[..]),
        }
    }
}

/// Packed weights, or some of their columns, to multiply by.
#[derive(Clone, Copy)]
pub(crate) enum Weights<'a> {
    F32(Panels<'a, f32>),
    Bf16(Panels<'a, u32>),
}

impl Weights<'_> {
    /// Output columns.
    pub(crate) fn columns(&self) -> usize {
        match self {
            Self::F32(panels) => panels.columns(),
            Self::Bf16(panels) => panels.columns(),
        }
    }

    /// Columns may be cut at multiples of this.
    pub(crate) fn column_step(&self) -> usize {
        match self {
            Self::F32(panels) => panels.width(),
            Self::Bf16(panels) => panels.width(),
        }
    }

    /// The weights of some of the columns; the range starts at a multiple of
    /// [`Self::column_step`].
    pub(crate) fn columns_in(self, columns: Range<usize>) -> Self {
        match self {
            Self::F32(panels) => Self::F32(panels.columns_in(columns)),
            Self::Bf16(panels) => Self::Bf16(panels.columns_in(columns)),
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
        }
    }
}
