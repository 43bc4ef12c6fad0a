//! Integer products against sums in `i64`, to the last bit, on every instruction set.

use super::quantize::{Room, quantize};
use crate::simd::{Kernel, Simd};
use crate::{Cpu, Finish, Isa, PackedMatrix, Precision, matmul};

struct Quantize<'a>(&'a [f32], Room, &'a mut [i16]);

impl Kernel for Quantize<'_> {
    type Output = f32;
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f32 {
        quantize(simd, self.0, self.1, self.2)
    }
}

/// Each row as integers and the worth of a unit.
fn integers(rows: &[f32], features: usize, room: Room) -> Vec<(Vec<i16>, f32)> {
    let isa = Isa::named("portable").unwrap();
    let one = |row: &[f32]| {
        let mut out = vec![0; features.next_multiple_of(16)];
        let unit = isa.run(Quantize(row, room, &mut out));
        (out, unit)
    };
    rows.chunks_exact(features).map(one).collect()
}

/// Numbers in -1..1, some rows of them much larger, and a row of zeros.
fn values(seed: u32, rows: usize, columns: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    let scale = |row: usize| [1.0, 300.0, 0.0, 1e-4][row % 4];
    (0..rows * columns).map(|at| next() * scale(at / columns)).collect()
}

/// The products by the definition: exact integer sums, converted and scaled in `f32`.
fn expected(input: &[f32], weights: &[f32], features: usize, precision: Precision) -> Vec<f32> {
    let room = match precision {
        Precision::Int8 => Room::bytes(),
        _ => Room::balanced(features),
    };
    let columns = integers(weights, features, room);
    let squares = |(integers, _): &(Vec<i16>, f32)| {
        integers.iter().map(|&x| i64::from(x).pow(2)).sum::<i64>()
    };
    let longest = columns.iter().map(squares).max().unwrap();
    let rows = integers(input, features, Room::beside((longest as f64).sqrt() as f32, features));
    let mut out = Vec::new();
    for (row, row_unit) in &rows {
        for (column, column_unit) in &columns {
            let products = row.iter().zip(column).map(|(&a, &b)| i64::from(a) * i64::from(b));
            let sum: i32 = products.sum::<i64>().try_into().expect("sums fit 32 bits");
            out.push(sum as f32 * (row_unit * column_unit));
        }
    }
    out
}

#[test]
fn products_are_exact_on_every_instruction_set() {
    for precision in [Precision::Int16, Precision::Int8] {
        for (m, k, n) in [
            (1, 1, 1),
            (2, 2, 3),
            (3, 3, 33),
            (6, 15, 16),
            (7, 17, 65),
            (13, 257, 17),
            (65, 63, 70),
            (5, 768, 40),
            (300, 129, 31),
        ] {
            let (input, weights) = (values(1, m, k), values(2, n, k));
            let expected = expected(&input, &weights, k, precision);
            for isa in Isa::available() {
                let packed = PackedMatrix::pack(isa, precision, &weights, k);
                let mut out = vec![f32::NAN; m * n];
                matmul(Cpu::new(isa, 1), &input, &packed, Finish::default(), &mut out);
                let wrong = out.iter().zip(&expected).position(|(a, b)| a != b);
                assert_eq!(wrong, None, "{isa:?} {precision} {m} x {k} x {n}");
            }
        }
    }
}

/// Rows and columns of one direction have the largest sum there is.
#[test]
fn the_largest_sums_do_not_wrap() {
    for precision in [Precision::Int16, Precision::Int8] {
        for k in [1, 2, 17, 768, 5000] {
            let row = vec![0.37; k];
            let exact = 0.37_f64.powi(2) * k as f64;
            for isa in Isa::available() {
                let packed = PackedMatrix::pack(isa, precision, &row, k);
                let mut out = [0.0];
                matmul(Cpu::new(isa, 1), &row, &packed, Finish::default(), &mut out);
                let error = (f64::from(out[0]) / exact - 1.0).abs();
                assert!(error < 1e-2, "{isa:?} {precision} {k}: {} is not {exact}", out[0]);
            }
        }
    }
}

#[test]
fn what_is_not_finite_is_not_hidden() {
    for isa in Isa::available() {
        let packed = PackedMatrix::pack(isa, Precision::Int16, &[1.0; 40], 20);
        let mut input = vec![1.0; 3 * 20];
        input[25] = f32::INFINITY;
        let mut out = [0.0; 6];
        matmul(Cpu::new(isa, 1), &input, &packed, Finish::default(), &mut out);
        let bad: Vec<bool> = out.iter().map(|x| x.is_nan()).collect();
        assert_eq!(bad, [false, false, true, true, false, false], "{isa:?}: {out:?}");
    }
}
