//! The whole way of a product against its slow reference, on the emulated tile unit and, where
//! the processor has one, on that.

use std::hint::black_box;
use std::time::Instant;

use super::block::{Blocking, Product, multiply};
use super::convert::Activations;
use super::emulator::Emulator;
use super::format::{Bf16, Format, Int8, Scales};
use super::hardware::Amx;
use super::pack::PackedTiles;
use super::quad::{Quad, SUMS};
use super::unit::{Tile, TileUnit};
use super::{COLUMN_STEP, ROW_STEP};
use crate::cpu::split;
use crate::gemm::{Activation, Finish, Matrix, MatrixMut, bf16_bits};
pub(super) use crate::reference::values;
use crate::{Isa, reference};

/// Error of a bf16 product with inputs already rounded to bf16, per summed product of numbers
/// below 1: only the `f32` sums round.
const BF16_ERROR_PER_TERM: f64 = 6e-8;
/// Relative error of rounding one number to bf16.
const BF16_ROUNDING: f64 = 1.0 / 512.0;
/// Error beside the sums: scales, bias, residual and activation, for sums below 100.
const ERROR_OF_FINISH: f64 = 2e-5;

#[derive(Clone, Copy, Debug)]
struct Shape {
    m: usize,
    k: usize,
    n: usize,
}

fn odd_shapes() -> Vec<Shape> {
    let mut shapes: Vec<Shape> = (1..=70).map(|m| Shape { m, k: 67, n: 33 }).collect();
    for m in [1, 3, 15, 16, 17, 31, 32, 33, 49, 65] {
        for k in [1, 2, 3, 31, 32, 33, 63, 64, 65, 129, 257] {
            for n in [1, 7, 15, 16, 17, 31, 32, 33, 65] {
                shapes.push(Shape { m, k, n });
            }
        }
    }
    shapes
}

fn finishes(bias: &[f32]) -> [Finish<'_>; 4] {
    [
        Finish::default(),
        Finish::bias(bias).activation(Activation::Relu),
        Finish::bias(bias).accumulate(),
        Finish::bias(bias).accumulate().activation(Activation::GeluTanh),
    ]
}

/// A product on one thread with a tile unit, cut as `blocking` says or by default. The output
/// starts as `values(4, ..)`.
pub(super) fn product<U: TileUnit, F: Activations>(
    unit: U,
    (input, weights): (&[f32], &PackedTiles<F>),
    finish: Finish<'_>,
    blocking: Option<Blocking>,
) -> Vec<f32> {
    let weights = weights.panels();
    let (k, n) = (weights.features(), weights.columns());
    let m = input.len() / k;
    let blocking = blocking.unwrap_or(Blocking::of(weights.steps()));
    let mut out = values(4, m * n);
    let product = Product { input: Matrix::new(input, k, (m, k)), weights, finish, blocking };
    let isa = *Isa::available().last().unwrap();
    multiply(isa, unit, product, MatrixMut::new(&mut out, n, (m, n)));
    out
}

/// The numbers that the tile unit sees of these rows, one number per feature.
trait Rounded: Activations {
    fn rounded(row: &[f32]) -> Vec<f32>;
}

impl Rounded for Bf16 {
    fn rounded(row: &[f32]) -> Vec<f32> {
        row.iter().map(|&x| f32::from_bits(u32::from(bf16_bits(x)) << 16)).collect()
    }
}

impl Rounded for Int8 {
    fn rounded(row: &[f32]) -> Vec<f32> {
        let Scales { factor, scale } = Self::scales(row);
        row.iter().map(|&x| (x * factor).round_ties_even() * scale).collect()
    }
}

fn rounded<F: Rounded>(values: &[f32], columns: usize) -> Vec<f32> {
    values.chunks_exact(columns).flat_map(F::rounded).collect()
}

fn expected<F: Rounded>(shape: Shape, operands: (&[f32], &[f32]), finish: Finish<'_>) -> Vec<f64> {
    let before = values(4, shape.m * shape.n);
    let (input, weights) = (rounded::<F>(operands.0, shape.k), rounded::<F>(operands.1, shape.k));
    let sums = reference::matmul(&input, &weights, shape.k);
    let finished = sums.iter().enumerate().map(|(at, sum)| {
        let bias = finish.bias.map_or(0.0, |bias| f64::from(bias[at % shape.n]));
        let residual = if finish.accumulate { f64::from(before[at]) } else { 0.0 };
        reference::activate(finish.activation, sum + bias + residual)
    });
    finished.collect()
}

fn assert_close(found: &[f32], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (at, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        let error = (f64::from(found) - expected).abs();
        assert!(error <= tolerance, "{what}: number {at} is {found}, expected {expected}");
    }
}

fn assert_odd_shapes<U: TileUnit, F: Rounded>(unit: &U) {
    for (index, shape) in odd_shapes().into_iter().enumerate() {
        let Shape { m, k, n } = shape;
        let (input, weights, bias) = (values(1, m * k), values(2, n * k), values(3, n));
        let packed = PackedTiles::<F>::pack(Matrix::new(&weights, k, (n, k)));
        let finish = finishes(&bias)[index % 4];
        let found = product(unit.clone(), (&input, &packed), finish, None);
        let tolerance = ERROR_OF_FINISH + BF16_ERROR_PER_TERM * k as f64;
        let expected = expected::<F>(shape, (&input, &weights), finish);
        assert_close(&found, &expected, tolerance, &format!("{shape:?} {:?}", finish.activation));
    }
}

#[test]
fn bf16_is_the_reference_of_rounded_numbers_at_odd_shapes() {
    assert_odd_shapes::<_, Bf16>(&Emulator::default());
    if let Some(unit) = Amx::detect() {
        assert_odd_shapes::<_, Bf16>(&unit);
    }
}

#[test]
fn int8_is_the_reference_of_rounded_numbers_at_odd_shapes() {
    assert_odd_shapes::<_, Int8>(&Emulator::default());
    if let Some(unit) = Amx::detect() {
        assert_odd_shapes::<_, Int8>(&unit);
    }
}

/// Of numbers that are not rounded before: what bf16 costs.
#[test]
fn bf16_stays_within_its_rounding_of_f32() {
    let Shape { m, k, n } = Shape { m: 20, k: 515, n: 40 };
    let (input, weights) = (values(1, m * k), values(2, n * k));
    let packed = PackedTiles::<Bf16>::pack(Matrix::new(&weights, k, (n, k)));
    let found = product(Emulator::default(), (&input, &packed), Finish::default(), None);
    let sums = reference::matmul(&input, &weights, k);
    // Two roundings of each of k products of at most 1, as a random walk with room to spare.
    let tolerance = 4.0 * BF16_ROUNDING * (k as f64).sqrt();
    assert_close(&found, &sums, tolerance, "f32");
}

/// Integers below 128 in rows whose largest number is 127 need no rounding, so sums are exact.
#[test]
fn int8_sums_are_exact() {
    let Shape { m, k, n } = Shape { m: 37, k: 301, n: 45 };
    let integers = |seed, rows: usize| -> Vec<f32> {
        let mut numbers: Vec<f32> =
            values(seed, rows * k).iter().map(|x| (x * 127.0).round()).collect();
        numbers.chunks_exact_mut(k).for_each(|row| row[k / 2] = -127.0);
        numbers
    };
    let (input, weights) = (integers(1, m), integers(2, n));
    let packed = PackedTiles::<Int8>::pack(Matrix::new(&weights, k, (n, k)));
    let found = product(Emulator::default(), (&input, &packed), Finish::default(), None);
    let sums = reference::matmul(&input, &weights, k);
    assert!(found.iter().zip(&sums).all(|(&found, &sum)| f64::from(found) == sum));
}

pub(super) fn assert_same_bits(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let same = found.iter().zip(expected).all(|(a, b)| a.to_bits() == b.to_bits());
    assert!(same, "{what}: the bits differ");
}

fn assert_rows_alone<F: Activations>() {
    let (k, n) = (131, 35);
    let packed = PackedTiles::<F>::pack(Matrix::new(&values(1, n * k), k, (n, k)));
    let input = values(2, 70 * k);
    let all =
        |input: &[f32]| product(Emulator::default(), (input, &packed), Finish::default(), None);
    let alone: Vec<f32> = input.chunks_exact(k).flat_map(all).collect();
    for m in [1, 2, 15, 16, 17, 31, 32, 33, 47, 48, 49, 64, 65, 70] {
        assert_same_bits(&all(&input[..m * k]), &alone[..m * n], &format!("{m} rows"));
    }
}

#[test]
fn a_row_has_the_same_bits_alone_and_in_any_batch() {
    assert_rows_alone::<Bf16>();
    assert_rows_alone::<Int8>();
}

fn assert_any_blocking<F: Activations>() {
    let (m, k, n) = (70, 400, 70);
    let packed = PackedTiles::<F>::pack(Matrix::new(&values(1, n * k), k, (n, k)));
    let (input, bias) = (values(2, m * k), values(3, n));
    let finish = Finish::bias(&bias).accumulate().activation(Activation::GeluTanh);
    let cut = |blocking| product(Emulator::default(), (&input, &packed), finish, blocking);
    let whole = cut(None);
    for (rows, steps) in [(32, 1), (32, 100), (64, 2), (64, 3), (96, 5), (96, 1), (1000, 1000)] {
        let blocking = Blocking { rows, steps };
        assert_same_bits(&cut(Some(blocking)), &whole, &format!("{blocking:?}"));
    }
}

#[test]
fn passes_and_row_blocks_do_not_change_a_bit() {
    assert_any_blocking::<Bf16>();
    assert_any_blocking::<Int8>();
}

/// What threads do: each takes some rows or some columns.
fn assert_any_cut<F: Activations>() {
    let (m, k, n) = (90, 70, 150);
    let packed = PackedTiles::<F>::pack(Matrix::new(&values(1, n * k), k, (n, k)));
    let (input, bias) = (values(2, m * k), values(3, n));
    let (input, finish) = (Matrix::new(&input, k, (m, k)), Finish::bias(&bias));
    let isa = *Isa::available().last().unwrap();
    let cut = |rows_of_part: usize, columns_of_part: usize| {
        let mut out = vec![f32::NAN; m * n];
        let mut below = MatrixMut::new(&mut out, n, (m, n));
        for rows in split(m, m.div_ceil(rows_of_part), ROW_STEP) {
            let (mut right, rest) = below.split_rows(rows.len());
            below = rest;
            for columns in split(n, n.div_ceil(columns_of_part), COLUMN_STEP) {
                let (part, rest) = right.split_columns(columns.len());
                right = rest;
                let weights = packed.panels().columns_in(columns.clone());
                let finish = finish.columns(columns);
                let product = Product::new(input.rows_in(rows.clone()), weights, finish);
                multiply(isa, Emulator::default(), product, part);
            }
        }
        out
    };
    let whole = cut(m, n);
    for (rows, columns) in [(16, n), (48, n), (m, 32), (m, 96), (32, 64)] {
        assert_same_bits(&cut(rows, columns), &whole, &format!("{rows} rows, {columns} columns"));
    }
}

#[test]
fn cutting_rows_and_columns_does_not_change_a_bit() {
    assert_any_cut::<Bf16>();
    assert_any_cut::<Int8>();
}

#[test]
fn what_is_not_a_number_stays_in_its_row() {
    let (m, k, n) = (20, 40, 20);
    let mut input = values(1, m * k);
    (input[3 * k + 39], input[17 * k]) = (f32::NAN, f32::INFINITY);
    fn check<F: Activations>(input: &[f32], (k, n): (usize, usize)) {
        let packed = PackedTiles::<F>::pack(Matrix::new(&values(2, n * k), k, (n, k)));
        let found = product(Emulator::default(), (input, &packed), Finish::default(), None);
        for (row, numbers) in found.chunks_exact(n).enumerate() {
            let finite = numbers.iter().all(|x| x.is_finite());
            assert_eq!(finite, row != 3 && row != 17, "row {row}: {numbers:?}");
        }
    }
    check::<Bf16>(&input, (k, n));
    check::<Int8>(&input, (k, n));
}

/// Operations per second of bf16 products whose tiles stay in the first cache level.
fn peak(unit: Amx) -> f64 {
    const STEPS: usize = 1 << 20;
    let (rows, columns) = (black_box([Tile::ZERO; 2]), black_box([Tile::ZERO; 2]));
    let mut sums = [Tile::ZERO; SUMS];
    let mut quad = Quad::new(unit, COLUMN_STEP);
    let started = Instant::now();
    quad.clear::<true>();
    for _ in 0..STEPS {
        quad.step::<Bf16, true>(&rows, &columns);
    }
    quad.write::<true>(&mut sums);
    black_box(&sums);
    (STEPS * SUMS * ROW_STEP * ROW_STEP * Bf16::STEP * 2) as f64 / started.elapsed().as_secs_f64()
}

/// Times the cuts that [`Blocking`] allows, on a processor with a tile unit.
#[test]
#[ignore = "prints speeds, and needs a processor with a tile unit"]
fn speed_by_blocking() {
    const ROUNDS: usize = 7;
    let unit = Amx::detect().expect("this processor has a tile unit");
    let isa = Isa::named("amx").expect("a tile unit comes with vectors");
    println!("fed from the first cache level: {:.0} GFLOP/s", peak(unit) / 1e9);
    println!("{:>6} {:>5} {:>5} {:>6} {:>6} {:>9}", "m", "k", "n", "rows", "steps", "GFLOP/s");
    for (m, k, n) in [(196, 768, 768), (196, 768, 3072), (1568, 768, 2304), (1568, 3072, 768)] {
        let packed = PackedTiles::<Bf16>::pack(Matrix::new(&values(1, n * k), k, (n, k)));
        let (input, bias) = (values(2, m * k), values(3, n));
        let mut out = vec![0.0; m * n];
        for rows in [128, 256, 512, 1024] {
            for steps in [4, 6, 8, 10, 12, 16, 24, 48, 96] {
                let mut seconds = [0.0; ROUNDS];
                for seconds in &mut seconds {
                    let product = Product {
                        input: Matrix::new(&input, k, (m, k)),
                        weights: packed.panels(),
                        finish: Finish::bias(&bias),
                        blocking: Blocking { rows, steps },
                    };
                    let started = Instant::now();
                    multiply(isa, unit, product, MatrixMut::new(&mut out, n, (m, n)));
                    *seconds = started.elapsed().as_secs_f64();
                }
                seconds.sort_by(f64::total_cmp);
                let speed = (2 * m * k * n) as f64 / seconds[ROUNDS / 2] / 1e9;
                println!("{m:>6} {k:>5} {n:>5} {rows:>6} {steps:>6} {speed:>9.0}");
            }
        }
    }
}
