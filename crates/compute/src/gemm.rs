//! Matrix multiply with packed weights: `out = activation(input · weightsᵀ + bias [+ out])`.
//!
//! Weights are packed into panels ([`PackedMatrix`]) of two vectors' width. A tile (`tile.rs`)
//! keeps a few rows times one panel of sums in registers and runs through all input features
//! in one go, so each sum is a single chain in feature order and partial sums never travel to
//! memory. Rows are taken in blocks that stay in the second cache level while the panels
//! stream past once (`block.rs`). Bias, residual and activation happen in the store
//! (`store.rs`). What a panel's lines are made of depends on the [`Precision`]: `form.rs`.

mod bf16;
mod block;
mod form;
mod integer;
mod line;
mod matrix;
mod pack;
mod store;
mod tile;

pub(crate) use bf16::bf16_bits;
pub(crate) use block::multiply;
pub(crate) use matrix::{Matrix, MatrixMut};
pub(crate) use pack::{Panels, pack_columns, pack_rows, packed_length, rows_by_panel};
pub(crate) use store::store_line;

use crate::cpu::split;
use crate::{Cpu, Isa, Precision};
use form::{Form, Weights};

/// The non-linearity in a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activation {
    /// The sum as it is.
    #[default]
    None,
    /// `max(x, 0)`
    Relu,
    /// GELU as defined: `x` times the normal distribution's share below `x`.
    Gelu,
    /// GELU in its tanh form.
    GeluTanh,
    /// GELU in its sigmoid form, `x * sigmoid(1.702 x)`.
    QuickGelu,
}

/// What happens to a finished sum on its way to memory:
/// `activation(sum + bias [+ what was there])`.
#[derive(Clone, Copy, Default)]
pub struct Finish<'a> {
    /// One number per output column.
    pub bias: Option<&'a [f32]>,
    /// Adds what the output held before: a residual connection in place.
    pub accumulate: bool,
    /// Applied last.
    pub activation: Activation,
}

impl<'a> Finish<'a> {
    /// `sum + bias`
    #[must_use]
    pub fn bias(bias: &'a [f32]) -> Self {
        Self { bias: Some(bias), ..Self::default() }
    }

    /// The same, adding what the output held before.
    #[must_use]
    pub fn accumulate(self) -> Self {
        Self { accumulate: true, ..self }
    }

    /// The same with an activation.
    #[must_use]
    pub fn activation(self, activation: Activation) -> Self {
        Self { activation, ..self }
    }

    /// The part for output columns `from..to`.
    pub(crate) fn columns(self, columns: std::ops::Range<usize>) -> Self {
        Self { bias: self.bias.map(|bias| &bias[columns]), ..self }
    }
}

/// Weights `[outputs, inputs]` in the order in which the multiply reads them, for one
/// instruction set and precision.
pub struct PackedMatrix {
    form: Form,
    isa: Isa,
    precision: Precision,
    inputs: usize,
    outputs: usize,
}

impl PackedMatrix {
    /// Packs row-major `weights`, `[outputs, inputs]`, to be computed with at `precision`.
    ///
    /// # Panics
    /// If `weights` is not a whole number of rows, or empty.
    #[must_use]
    pub fn pack(isa: Isa, precision: Precision, weights: &[f32], inputs: usize) -> Self {
        assert!(inputs > 0 && !weights.is_empty(), "weights may not be empty");
        assert!(weights.len().is_multiple_of(inputs), "weights are not whole rows of {inputs}");
        let outputs = weights.len() / inputs;
        let form = Form::pack(isa, precision, Matrix::new(weights, inputs, (outputs, inputs)));
        Self { form, isa, precision, inputs, outputs }
    }

    /// Features per input row.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Features per output row.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// What the products are computed in.
    #[must_use]
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Bytes that the packed weights take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.form.bytes()
    }

    fn weights(&self) -> Weights<'_> {
        self.form.weights(self.isa, (self.outputs, self.inputs))
    }
}

/// Writes `activation(input · weightsᵀ + bias [+ out])` to `out`.
///
/// `input` is `[rows, weights.inputs()]` and `out` `[rows, weights.outputs()]`, both `f32` at
/// any precision. Work that is
/// large enough is cut by rows, or by columns where there are few rows, into as many parts as
/// the thread budget allows. A row's result does not depend on the other rows.
///
/// # Panics
/// If the lengths do not fit, or the weights were packed for another instruction set.
pub fn matmul(
    cpu: Cpu,
    input: &[f32],
    weights: &PackedMatrix,
    finish: Finish<'_>,
    out: &mut [f32],
) {
    let (inputs, outputs) = (weights.inputs, weights.outputs);
    assert_eq!(cpu.isa(), weights.isa, "weights were packed for another instruction set");
    assert!(input.len().is_multiple_of(inputs), "input is not whole rows of {inputs}");
    let rows = input.len() / inputs;
    assert_eq!(out.len(), rows * outputs, "output is not {rows} rows of {outputs}");
    if rows == 0 {
        return;
    }
    let input = Matrix::new(input, inputs, (rows, inputs));
    let out = MatrixMut::new(out, outputs, (rows, outputs));
    let parts = cpu.parts_for(rows * inputs * outputs);
    let weights = weights.weights();
    let parts = if rows >= parts * weights.rows_per_part_min() {
        cut_rows(input, weights, finish, out, parts)
    } else {
        cut_columns(input, weights, finish, out, parts)
    };
    cpu.map_parts(parts, |(input, weights, finish, out)| {
        weights.multiply(cpu.isa(), input, finish, out);
    });
}

type Part<'a> = (Matrix<'a>, Weights<'a>, Finish<'a>, MatrixMut<'a>);

fn cut_rows<'a>(
    input: Matrix<'a>,
    weights: Weights<'a>,
    finish: Finish<'a>,
    mut out: MatrixMut<'a>,
    parts: usize,
) -> Vec<Part<'a>> {
    let mut cut = Vec::with_capacity(parts);
    for rows in split(input.rows(), parts, weights.row_step()) {
        let (part, rest) = out.split_rows(rows.len());
        out = rest;
        cut.push((input.rows_in(rows), weights, finish, part));
    }
    cut
}

fn cut_columns<'a>(
    input: Matrix<'a>,
    weights: Weights<'a>,
    finish: Finish<'a>,
    mut out: MatrixMut<'a>,
    parts: usize,
) -> Vec<Part<'a>> {
    let mut cut = Vec::with_capacity(parts);
    for columns in split(weights.columns(), parts, weights.column_step()) {
        let (part, rest) = out.split_columns(columns.len());
        out = rest;
        let weights = weights.columns_in(columns.clone());
        cut.push((input, weights, finish.columns(columns), part));
    }
    cut
}
