//! Matrix multiply on the tile unit of recent Intel processors (AMX), in bf16 or 8-bit integers.

mod attention;
mod block;
mod convert;
mod format;
mod hardware;
mod pack;
mod quad;
mod store;
mod unit;

#[cfg(test)]
mod emulator;
#[cfg(test)]
mod encoding;
#[cfg(test)]
mod tests;

use crate::Cpu;
use crate::cpu::split;
use crate::gemm::{Finish, Matrix, MatrixMut};
use block::{Blocking, Product, multiply};
use convert::Activations;
pub(crate) use format::{Bf16, Int8};
pub(crate) use hardware::Amx;
pub(crate) use pack::PackedTiles;
use pack::{PAIR, TilePanels};
use unit::{SIDE, TileUnit};

/// Below this many rows per thread, columns are cut instead: with fewer, reading the weights
/// from memory takes longer than multiplying with them, and each thread then reads its share.
const ROWS_PER_PART_MIN: usize = 256;

/// `out = activation(input · weightsᵀ + bias [+ out])` in as many parts as the budget allows.
pub(crate) fn matmul<U: TileUnit, F: Activations>(
    cpu: Cpu,
    unit: &U,
    (input, weights): (Matrix<'_>, TilePanels<'_, F>),
    finish: Finish<'_>,
    out: MatrixMut<'_>,
) {
    let parts = cpu.parts_for(input.rows() * input.columns() * weights.columns());
    let parts = if input.rows() >= parts * ROWS_PER_PART_MIN {
        cut_rows((input, weights), finish, out, parts)
    } else {
        cut_columns((input, weights), finish, out, parts)
    };
    cpu.map_parts(parts, |(product, out)| multiply(cpu.isa(), unit.clone(), product, out));
}

type Part<'a, F> = (Product<'a, F>, MatrixMut<'a>);

fn cut_rows<'a, F: Activations>(
    (input, weights): (Matrix<'a>, TilePanels<'a, F>),
    finish: Finish<'a>,
    mut out: MatrixMut<'a>,
    parts: usize,
) -> Vec<Part<'a, F>> {
    let blocking = Blocking::of(weights.steps());
    let mut cut = Vec::with_capacity(parts);
    for rows in split(input.rows(), parts, SIDE) {
        let (part, below) = out.split_rows(rows.len());
        out = below;
        cut.push((Product { input: input.rows_in(rows), weights, finish, blocking }, part));
    }
    cut
}

fn cut_columns<'a, F: Activations>(
    (input, weights): (Matrix<'a>, TilePanels<'a, F>),
    finish: Finish<'a>,
    mut out: MatrixMut<'a>,
    parts: usize,
) -> Vec<Part<'a, F>> {
    let blocking = Blocking::of(weights.steps());
    let mut cut = Vec::with_capacity(parts);
    for columns in split(weights.columns(), parts, PAIR) {
        let (part, right) = out.split_columns(columns.len());
        out = right;
        let weights = weights.columns_in(columns.clone());
        let finish = finish.columns(columns);
        cut.push((Product { input, weights, finish, blocking }, part));
    }
    cut
}
