//! The matrix multiply.

use onespace_compute::{Activation, Cpu, Finish, Isa, PackedMatrix, Precision, matmul, reference};

use crate::table::{check_rows, close, isas, same_bits, values};

/// Error allowed per summed product of numbers below 1, in f32: each addition to a sum of size
/// sqrt(k) rounds by at most half a unit in its last place.
const ERROR_PER_TERM: f64 = 6e-8;
/// Error allowed beside that: the bias, the residual, and the activation.
const ERROR_OF_FINISH: f64 = 1e-6;

/// The instruction set with a tile unit, which computes in other forms at lower precisions.
const TILES: &str = "amx";

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

/// Weights as they are after rounding to bfloat16.
fn rounded_to_bf16(weights: &[f32]) -> Vec<f32> {
    let round = |x: &f32| {
        let bits = x.to_bits();
        f32::from_bits((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF_0000)
    };
    weights.iter().map(round).collect()
}

/// Apart from the rounding of the weights, as exact as `f32`.
#[test]
fn bf16_is_the_reference_with_rounded_weights() {
    for isa in isas() {
        check_rows(odd_shapes(), |&shape| {
            let Shape { m, k, n } = shape;
            let (input, weights) = (values(1, m * k), values(2, n * k));
            let packed = PackedMatrix::pack(isa, Precision::Bf16, &weights, k);
            let bias = values(3, n);
            let finish = Finish::bias(&bias).accumulate().activation(Activation::Gelu);
            let mut out = values(4, m * n);
            matmul(Cpu::new(isa, 1), &input, &packed, finish, &mut out);
            // A tile unit takes both sides in bf16.
            let input = if isa.name() == TILES { rounded_to_bf16(&input) } else { input };
            let expected = expected(shape, &input, &rounded_to_bf16(&weights), finish);
            close(&out, &expected, ERROR_OF_FINISH + ERROR_PER_TERM * k as f64)
        });
    }
}

fn length(numbers: &[f32]) -> f64 {
    reference::dot(numbers, numbers).sqrt()
}

/// The step of a vector of so many features as integers: one share of sqrt(2^31) of its length,
/// or of 2^15 of its largest number; with a hundredth for the room that rounding takes.
fn int16_step(numbers: &[f32]) -> f64 {
    let largest = numbers.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
    1.01 * (length(numbers) / 2_f64.powf(15.5)).max(f64::from(largest) / 32_767.0)
}

fn int8_step(numbers: &[f32]) -> f64 {
    let largest = numbers.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
    f64::from(largest) / 127.0
}

/// Every number is off by at most half a step, so a sum of products by at most half a step of
/// the one times the root of the features times the length of the other, and the same the other
/// way around.
#[test]
fn integers_are_within_half_a_step_of_the_reference() {
    type Step = fn(&[f32]) -> f64;
    let precisions: [(Precision, Step); 2] =
        [(Precision::Int16, int16_step), (Precision::Int8, int8_step)];
    for isa in isas() {
        for (precision, weight_step) in precisions {
            check_rows(odd_shapes(), |&shape| {
                let Shape { m, k, n } = shape;
                let (input, weights) = (values(1, m * k), values(2, n * k));
                let packed = PackedMatrix::pack(isa, precision, &weights, k);
                let mut out = vec![f32::NAN; m * n];
                matmul(Cpu::new(isa, 1), &input, &packed, Finish::default(), &mut out);
                let exact = reference::matmul(&input, &weights, k);
                let bytes = isa.name() == TILES && precision == Precision::Int8;
                let row_step = if bytes { int8_step } else { int16_step };
                for (at, (found, exact)) in out.iter().zip(exact).enumerate() {
                    let (row, column) = (&input[at / n * k..][..k], &weights[at % n * k..][..k]);
                    let steps = weight_step(column) * length(row) + row_step(row) * length(column);
                    let allowed = 0.5 * (k as f64).sqrt() * steps * 1.01 + 1e-7;
                    let error = (f64::from(*found) - exact).abs();
                    if error.is_nan() || error > allowed {
                        return Err(format!("{isa:?} {precision}: {error:.1e} > {allowed:.1e}"));
                    }
                }
                Ok(())
            });
        }
    }
}

/// Integer sums are exact, so the instruction sets agree to the last bit, but for a tile unit,
/// which takes rows in 8 bits at [`Precision::Int8`]; on a 768-wide layer the precisions stay this close to the reference.
#[test]
fn precisions_of_a_wide_layer() {
    let (m, k, n) = (50, 768, 96);
    let (input, weights) = (values(1, m * k), values(2, n * k));
    let exact = reference::matmul(&input, &weights, k);
    let limits = [(Precision::Int16, 5e-4), (Precision::Bf16, 2e-3), (Precision::Int8, 6e-3)];
    for (precision, relative) in limits {
        let mut first: Option<Vec<f32>> = None;
        for isa in isas() {
            let packed = PackedMatrix::pack(isa, precision, &weights, k);
            let out = product(isa, 1, &input, &packed);
            let squares =
                |numbers: &mut dyn Iterator<Item = f64>| numbers.map(|x| x * x).sum::<f64>();
            let error = squares(&mut out.iter().zip(&exact).map(|(&x, y)| f64::from(x) - y));
            let size = squares(&mut exact.iter().copied());
            let found = (error / size).sqrt();
            // Tiles round the input as coarsely as the weights: two such errors, not one.
            let both_rounded = isa.name() == TILES && precision != Precision::Int16;
            let relative = if both_rounded { relative * 1.5 } else { relative };
            assert!(found < relative, "{isa:?} {precision}: relative error {found:.1e}");
            if precision == Precision::Int16 || precision == Precision::Int8 && isa.name() != TILES
            {
                same_bits(&out, first.get_or_insert(out.clone())).unwrap();
            }
        }
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
    for (isa, precision) in isas().into_iter().flat_map(|isa| Precision::ALL.map(|p| (isa, p))) {
        let packed = PackedMatrix::pack(isa, precision, &values(1, n * k), k);
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
    for (isa, precision) in isas().into_iter().flat_map(|isa| Precision::ALL.map(|p| (isa, p))) {
        for Shape { m, k, n } in shapes {
            let packed = PackedMatrix::pack(isa, precision, &values(1, n * k), k);
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
