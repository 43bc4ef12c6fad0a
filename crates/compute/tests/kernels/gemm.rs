//! The matrix multiply.

use onespace_compute::{Activation, Cpu, Finish, Isa, PackedMatrix, Precision, matmul, reference};

use crate::table::{check_rows, close, isas, same_bits, values};

/// Error allowed per summed product of numbers below 1, in f32: each addition to a sum of size
/// sqrt(k) rounds by at most half a unit in its last place.
const ERROR_PER_TERM: f64 = 6e-8;
/// Error allowed beside that: the bias, the residual, and the activation.
const ERROR_OF_FINISH: f64 = 1e-6;

#[derive(Debug, Clone, Copy)]
struct Shape {
    m: usize,
    k: usize,
    n: usize,
}

fn odd_shapes() -> Vec<Shape> {
    let mut shapes = Vec::new();
    for m in [1, 2, 3, 4, 5, 6, 7, 12, 13, 17, 63, 65] {
        for k in [1, 2, 3, 7, 17, 63, 257] {
            for n in [1, 2, 3, 7, 16, 17, 33, 65, 257] {
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
        Finish::bias(bias).activation(Activation::GeluTanh),
        Finish::bias(bias).accumulate().activation(Activation::Relu),
    ]
}

fn expected(shape: Shape, input: &[f32], weights: &[f32], finish: Finish<'_>) -> Vec<f64> {
    let before = values(4, shape.m * shape.n);
    let sums = reference::matmul(input, weights, shape.k);
    let finished = sums.iter().enumerate().map(|(at, sum)| {
        let bias = finish.bias.map_or(0.0, |bias| f64::from(bias[at % shape.n]));
        let residual = if finish.accumulate { f64::from(before[at]) } else { 0.0 };
        reference::activate(finish.activation, sum + bias + residual)
    });
    finished.collect()
}

#[test]
fn matmul_is_the_reference_at_odd_shapes() {
    for isa in isas() {
        check_rows(odd_shapes(), |&shape| {
            let Shape { m, k, n } = shape;
            let (input, weights) = (values(1, m * k), values(2, n * k));
            let (packed, bias) =
                (PackedMatrix::pack(isa, Precision::F32, &weights, k), values(3, n));
            for finish in finishes(&bias) {
                let mut out = values(4, m * n);
                matmul(Cpu::new(isa, 1), &input, &packed, finish, &mut out);
                let tolerance = ERROR_OF_FINISH + ERROR_PER_TERM * k as f64;
                close(&out, &expected(shape, &input, &weights, finish), tolerance)
                    .map_err(|reason| format!("{isa:?} {:?}: {reason}", finish.activation))?;
            }
            Ok(())
        });
    }
}

fn product(isa: Isa, threads: usize, input: &[f32], weights: &PackedMatrix) -> Vec<f32> {
    let mut out = vec![0.0; input.len() / weights.inputs() * weights.outputs()];
    matmul(Cpu::new(isa, threads), input, weights, Finish::default(), &mut out);
    out
}

#[test]
fn a_row_has_the_same_bits_alone_and_in_any_batch() {
    let (k, n) = (257, 65);
    for isa in isas() {
        let packed = PackedMatrix::pack(isa, Precision::F32, &values(1, n * k), k);
        let input = values(2, 70 * k);
        let alone: Vec<f32> =
            input.chunks_exact(k).flat_map(|row| product(isa, 1, row, &packed)).collect();
        check_rows(1..=70_usize, |&m| {
            same_bits(&product(isa, 1, &input[..m * k], &packed), &alone[..m * n])
        });
    }
}

/// Large enough that the thread budget is used, by rows and by columns.
#[test]
fn threads_do_not_change_a_bit() {
    let shapes = [Shape { m: 200, k: 257, n: 260 }, Shape { m: 9, k: 1024, n: 1030 }];
    for isa in isas() {
        for Shape { m, k, n } in shapes {
            let packed = PackedMatrix::pack(isa, Precision::F32, &values(1, n * k), k);
            let input = values(2, m * k);
            let one = product(isa, 1, &input, &packed);
            check_rows([2, 3, 7], |&threads| {
                same_bits(&product(isa, threads, &input, &packed), &one)
            });
        }
    }
}

#[test]
fn no_row_gives_no_row() {
    let packed = PackedMatrix::pack(isas()[0], Precision::F32, &[1.0; 6], 3);
    assert!(product(isas()[0], 2, &[], &packed).is_empty());
}

#[test]
#[should_panic(expected = "input is not whole rows of 3")]
fn a_part_of_a_row_is_refused() {
    let packed = PackedMatrix::pack(isas()[0], Precision::F32, &[1.0; 6], 3);
    let _ = product(isas()[0], 1, &[0.0; 4], &packed);
}

#[test]
#[should_panic(expected = "output is not 1 rows of 2")]
fn a_short_output_is_refused() {
    let packed = PackedMatrix::pack(isas()[0], Precision::F32, &[1.0; 6], 3);
    matmul(Cpu::new(isas()[0], 1), &[0.0; 3], &packed, Finish::default(), &mut [0.0]);
}
