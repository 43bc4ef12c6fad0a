//! Activations, softmax, layer norm, pooling and single vectors.

use onespace_compute::{
    Activation, Cpu, EXP_RELATIVE_ERROR, Gate, LayerNorm, RmsNorm, activate, average_pool_2x2, dot,
    gated, l2_normalize, layer_norm, max_of_rows, mean_of_rows, reference, rms_norm, softmax,
};

use crate::table::{check_rows, close, isas, values};

const LENGTHS: [usize; 10] = [1, 2, 3, 7, 8, 17, 63, 65, 256, 257];

/// GELU: the error function's 1.5e-8 and the rounding of its quotient, times up to 5.5; or the
/// exponential's relative error, a division, and the rounding of the argument (which
/// grows with it, but then the result is saturated).
const GELU_ERROR: f64 = 1e-6;
/// A mean, a variance and a scaling of numbers below 2, relative to a result of some units.
const NORM_ERROR: f64 = 2e-6;
/// Means of up to 257 numbers below 1.
const MEAN_ERROR: f64 = 1e-6;
/// Sums of up to 257 products of numbers below 1.
const DOT_ERROR: f64 = 5e-6;

fn widened(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&x| f64::from(x)).collect()
}

#[test]
fn softmax_is_the_reference() {
    // The exponential twice (in a score and in the sum), the sum, the division.
    let tolerance = f64::from(4.0 * EXP_RELATIVE_ERROR);
    for isa in isas() {
        check_rows(LENGTHS.map(|n| [(n, 1.0), (n, 0.125), (n, 80.0)]).concat(), |&(n, scale)| {
            let mut rows = values(1, 3 * n);
            let expected: Vec<f64> = (rows.chunks_exact(n))
                .flat_map(|row| reference::softmax(&widened(row), f64::from(scale)))
                .collect();
            softmax(Cpu::new(isa, 1), &mut rows, n, scale);
            close(&rows, &expected, tolerance)
        });
    }
}

#[test]
fn softmax_of_huge_and_equal_scores() {
    for isa in isas() {
        let mut scores = [1e30, -1e30, 1e30];
        softmax(Cpu::new(isa, 1), &mut scores, 3, 1.0);
        close(&scores, &[0.5, 0.0, 0.5], 1e-7).unwrap();
    }
}

#[test]
fn activations_are_the_reference() {
    let sweep: Vec<f32> = (-20_000..=20_000_i16).map(|step| f32::from(step) / 500.0).collect();
    let all = [
        Activation::None,
        Activation::Relu,
        Activation::Gelu,
        Activation::GeluTanh,
        Activation::QuickGelu,
    ];
    for isa in isas() {
        let cpu = Cpu::new(isa, 1);
        check_rows(all, |&activation| {
            let mut out = sweep.clone();
            activate(cpu, activation, &mut out);
            let expected: Vec<f64> =
                sweep.iter().map(|&x| reference::activate(activation, f64::from(x))).collect();
            close(&out, &expected, GELU_ERROR)
        });
    }
}

/// Values to 14 digits from the tables of Abramowitz and Stegun (7.1) and Wolfram's.
#[test]
fn the_reference_knows_the_error_function() {
    let rows = [
        (0.0, 1.0),
        (0.5, 0.479_500_122_186_953),
        (1.0, 0.157_299_207_050_285),
        (2.5, 0.000_406_952_017_445),
        (3.0, 2.209_049_699_858_5e-5),
        (-1.0, 1.842_700_792_949_715),
        (-3.0, 1.999_977_909_503_001),
    ];
    check_rows(rows, |&(x, expected)| {
        let error = (reference::erf_complement(x) - expected).abs();
        if error < 1e-14 { Ok(()) } else { Err(format!("off by {error:.1e}")) }
    });
}

#[test]
fn layer_norm_is_the_reference() {
    for isa in isas() {
        check_rows(LENGTHS, |&width| {
            let (scale, shift) = (values(2, width), values(3, width));
            let input: Vec<f32> = values(1, 3 * width).iter().map(|x| x + 1.0).collect();
            let norm = LayerNorm::new(scale.clone(), shift.clone(), 1e-2);
            let mut out = vec![0.0; input.len()];
            layer_norm(Cpu::new(isa, 1), &input, &norm, &mut out);
            let expected: Vec<f64> = (input.chunks_exact(width))
                .flat_map(|row| reference::layer_norm(row, &scale, &shift, 1e-2))
                .collect();
            close(&out, &expected, NORM_ERROR)
        });
    }
}

#[test]
fn rms_norm_is_the_reference() {
    for isa in isas() {
        check_rows(LENGTHS, |&width| {
            let scale = values(2, width);
            let input = values(1, 3 * width);
            let mut out = input.clone();
            rms_norm(Cpu::new(isa, 1), &RmsNorm::new(scale.clone(), 1e-2), &mut out);
            let expected: Vec<f64> = (input.chunks_exact(width))
                .flat_map(|row| reference::rms_norm(row, &scale, 1e-2))
                .collect();
            close(&out, &expected, NORM_ERROR)
        });
    }
}

#[test]
fn gates_are_the_reference() {
    for isa in isas() {
        for gate in [Gate::Silu, Gate::GeluTanh] {
            check_rows(LENGTHS, |&inner| {
                let input: Vec<f32> = values(1, 6 * inner).iter().map(|x| x * 12.0).collect();
                let mut out = vec![f32::NAN; 3 * inner];
                gated(Cpu::new(isa, 1), gate, &input, inner, &mut out);
                let expected: Vec<f64> = input
                    .chunks_exact(2 * inner)
                    .flat_map(|row| reference::gated(gate, row))
                    .collect();
                close(&out, &expected, GELU_ERROR)
            });
        }
    }
}

#[test]
fn rows_are_pooled() {
    for isa in isas() {
        let cpu = Cpu::new(isa, 1);
        check_rows(LENGTHS, |&columns| {
            let rows = 5;
            // All below zero, so that a maximum with a forgotten fill would show.
            let input: Vec<f32> = values(1, rows * columns).iter().map(|x| x - 2.0).collect();
            let column = |at: usize| input.iter().skip(at).step_by(columns).map(|&x| f64::from(x));
            let mut out = vec![0.0; columns];
            mean_of_rows(cpu, &input, &mut out);
            let means: Vec<f64> = (0..columns).map(|at| column(at).sum::<f64>() / 5.0).collect();
            close(&out, &means, MEAN_ERROR)?;
            max_of_rows(cpu, &input, &mut out);
            let maxima: Vec<f64> =
                (0..columns).map(|at| column(at).fold(f64::NEG_INFINITY, f64::max)).collect();
            close(&out, &maxima, 0.0)
        });
    }
}

#[test]
fn squares_of_four_positions_are_averaged() {
    for isa in isas() {
        check_rows([(2, 2, 1), (2, 4, 3), (4, 4, 17), (6, 2, 65)], |&(height, width, channels)| {
            let input = values(1, height * width * channels);
            let at =
                |y: usize, x: usize, c: usize| f64::from(input[(y * width + x) * channels + c]);
            let mut expected = Vec::new();
            for y in (0..height).step_by(2) {
                for x in (0..width).step_by(2) {
                    let four = [(y, x), (y, x + 1), (y + 1, x), (y + 1, x + 1)];
                    expected.extend(
                        (0..channels)
                            .map(|c| four.iter().map(|&(y, x)| at(y, x, c)).sum::<f64>() / 4.0),
                    );
                }
            }
            let mut out = vec![0.0; expected.len()];
            average_pool_2x2(Cpu::new(isa, 1), &input, (width, channels), &mut out);
            close(&out, &expected, MEAN_ERROR)
        });
    }
}

#[test]
fn dot_products_and_unit_length() {
    for isa in isas() {
        let cpu = Cpu::new(isa, 1);
        check_rows(LENGTHS, |&length| {
            let (a, b) = (values(1, length), values(2, length));
            close(&[dot(cpu, &a, &b)], &[reference::dot(&a, &b)], DOT_ERROR)?;
            let mut unit = a.clone();
            let before = l2_normalize(cpu, &mut unit);
            close(&[before], &[reference::dot(&a, &a).sqrt()], DOT_ERROR)?;
            close(&[dot(cpu, &unit, &unit)], &[1.0], DOT_ERROR)
        });
    }
}

#[test]
fn what_has_no_direction_stays_as_it_is() {
    for isa in isas() {
        let mut zeros = [0.0; 9];
        assert_eq!(l2_normalize(Cpu::new(isa, 1), &mut zeros), 0.0);
        assert_eq!(zeros, [0.0; 9]);
        let mut endless = [f32::INFINITY, 1.0];
        assert!(l2_normalize(Cpu::new(isa, 1), &mut endless).is_infinite());
        assert_eq!(endless[1], 1.0);
    }
}
