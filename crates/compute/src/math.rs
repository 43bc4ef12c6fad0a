//! Vector functions that the processor has no instruction for.

use crate::simd::{Simd, Unary};

/// Largest relative error of the vector exponential for inputs in -87..=88: two units in the
/// last place of an `f32`.
pub const EXP_RELATIVE_ERROR: f32 = 2.0 * f32::EPSILON;

/// Inputs are clamped here, where `2^n` is still a normal number; below it the exponential
/// stays at about 1.2e-38 instead of reaching zero.
const EXP_INPUT_MIN: f32 = -87.3;
/// Inputs are clamped here, just below the overflow of `2^n`.
const EXP_INPUT_MAX: f32 = 88.3;

/// ln 2 in two parts: the first has few enough bits that multiples of it are exact.
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;

/// Minimax coefficients of (e^r - 1 - r) / r^2 on |r| <= ln 2 / 2, highest power first.
const EXP_POLYNOMIAL: [f32; 6] =
    [1.987_569_1e-4, 1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 5e-1];

/// Square root of 2 / pi, and the same times the cubic coefficient of the tanh form of GELU.
const GELU_LINEAR: f32 = 0.797_884_6;
const GELU_CUBIC: f32 = 0.797_884_6 * 0.044_715;

/// The factor in the sigmoid form of GELU.
const QUICK_GELU_FACTOR: f32 = 1.702;

/// Beyond this size of x, erf(x / sqrt 2) is 1 to within 4e-8.
const ERF_INPUT_MAX: f32 = 5.5;

/// erf(x / sqrt 2) = x P(x^2) / Q(x^2) for |x| <= 5.5, highest power first; Q ends in 1. Fitted
/// for the smallest largest error (1.5e-8 before rounding) by iterated weighted least squares.
const ERF_NUMERATOR: [f32; 6] =
    [4.549_868e-8, 1.270_423e-5, 3.376_520_8e-4, 9.354_525e-3, 6.770_538e-2, 7.978_844_6e-1];
const ERF_DENOMINATOR: [f32; 6] =
    [1.197_503e-6, 7.364_759e-5, 1.884_447e-3, 2.864_589_4e-2, 2.515_220_3e-1, 1.0];

/// A polynomial, coefficients from the highest power down.
#[inline(always)]
fn polynomial<S: Simd>(simd: S, coefficients: &[f32], x: S::Vector) -> S::Vector {
    let mut sum = simd.splat(coefficients[0]);
    for coefficient in &coefficients[1..] {
        sum = simd.mul_add(sum, x, simd.splat(*coefficient));
    }
    sum
}

/// e^x: x = n ln 2 + r, then a polynomial in r, then a shift of the exponent by n.
#[inline(always)]
pub(crate) fn exp<S: Simd>(simd: S, x: S::Vector) -> S::Vector {
    let x = simd.max(simd.min(x, simd.splat(EXP_INPUT_MAX)), simd.splat(EXP_INPUT_MIN));
    let n = simd.round(simd.mul(x, simd.splat(std::f32::consts::LOG2_E)));
    let r = simd.mul_add(n, simd.splat(-LN_2_HIGH), x);
    let r = simd.mul_add(n, simd.splat(-LN_2_LOW), r);
    let sum = polynomial(simd, &EXP_POLYNOMIAL, r);
    let fraction = simd.mul_add(sum, simd.mul(r, r), r);
    simd.scale_by_power(simd.add(fraction, simd.splat(1.0)), n)
}

/// max(x, 0) as a vector function.
#[derive(Clone, Copy)]
pub(crate) struct Relu;

impl Unary for Relu {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, x: S::Vector) -> S::Vector {
        simd.max(x, simd.splat(0.0))
    }
}

/// x (1 + tanh u) / 2 with u = sqrt(2 / pi) (x + 0.044715 x^3), written as x / (1 + e^-2u).
#[derive(Clone, Copy)]
pub(crate) struct GeluTanh;

impl Unary for GeluTanh {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, x: S::Vector) -> S::Vector {
        let square = simd.mul(x, x);
        let slope = simd.mul_add(square, simd.splat(GELU_CUBIC), simd.splat(GELU_LINEAR));
        let power = exp(simd, simd.mul(simd.mul(x, slope), simd.splat(-2.0)));
        simd.div(x, simd.add(power, simd.splat(1.0)))
    }
}

/// x (1 + erf(x / sqrt 2)) / 2.
#[derive(Clone, Copy)]
pub(crate) struct Gelu;

impl Unary for Gelu {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, x: S::Vector) -> S::Vector {
        // In this order NaN passes through.
        let above = simd.max(simd.splat(-ERF_INPUT_MAX), x);
        let inner = simd.min(simd.splat(ERF_INPUT_MAX), above);
        let square = simd.mul(inner, inner);
        let numerator = simd.mul(inner, polynomial(simd, &ERF_NUMERATOR, square));
        let erf = simd.div(numerator, polynomial(simd, &ERF_DENOMINATOR, square));
        let half = simd.mul(above, simd.splat(0.5));
        simd.mul_add(half, erf, half)
    }
}

/// x / (1 + e^(-1.702 x)).
#[derive(Clone, Copy)]
pub(crate) struct QuickGelu;

impl Unary for QuickGelu {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, x: S::Vector) -> S::Vector {
        let power = exp(simd, simd.mul(x, simd.splat(-QUICK_GELU_FACTOR)));
        simd.div(x, simd.add(power, simd.splat(1.0)))
    }
}

/// x / (1 + e^-x).
#[derive(Clone, Copy)]
pub(crate) struct Silu;

impl Unary for Silu {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, x: S::Vector) -> S::Vector {
        let power = exp(simd, simd.sub(simd.splat(0.0), x));
        simd.div(x, simd.add(power, simd.splat(1.0)))
    }
}

/// The function unchanged.
#[derive(Clone, Copy)]
pub(crate) struct Identity;

impl Unary for Identity {
    #[inline(always)]
    fn apply<S: Simd>(self, _: S, x: S::Vector) -> S::Vector {
        x
    }
}

#[cfg(test)]
mod tests {
    use super::{EXP_RELATIVE_ERROR, exp};
    use crate::Isa;
    use crate::simd::{Kernel, Simd, Unary, map_in_place};

    #[derive(Clone, Copy)]
    struct Exp;

    impl Unary for Exp {
        #[inline(always)]
        fn apply<S: Simd>(self, simd: S, x: S::Vector) -> S::Vector {
            exp(simd, x)
        }
    }

    struct ExpInPlace<'a>(&'a mut [f32]);

    impl Kernel for ExpInPlace<'_> {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            map_in_place(simd, Exp, self.0);
        }
    }

    /// The largest relative error over the inputs.
    fn largest_error(isa: Isa, inputs: &[f32]) -> f64 {
        let mut outputs = inputs.to_vec();
        isa.run(ExpInPlace(&mut outputs));
        let pairs = inputs.iter().zip(&outputs);
        pairs
            .map(|(&x, &y)| (f64::from(y) / f64::from(x).exp() - 1.0).abs())
            .fold(0.0, |largest, error| if error <= largest { largest } else { error })
    }

    fn assert_exp(inputs: &[f32]) {
        for isa in Isa::available() {
            let error = largest_error(isa, inputs);
            assert!(error <= f64::from(EXP_RELATIVE_ERROR), "{isa:?}: relative error {error:.2e}");
        }
    }

    #[test]
    fn exp_is_within_two_units_in_the_last_place() {
        let steps = -870_000..=880_000_i32;
        let inputs: Vec<f32> = steps.map(|step| step as f32 / 10_000.0).collect();
        assert_exp(&inputs);
    }

    #[test]
    fn exp_stays_finite_beyond_its_range() {
        for isa in Isa::available() {
            let mut values = [f32::NEG_INFINITY, -1e30, 1e30, f32::INFINITY];
            isa.run(ExpInPlace(&mut values));
            assert!(values[..2].iter().all(|&y| (0.0..2e-38).contains(&y)), "{values:?}");
            assert!(values[2..].iter().all(|&y| y.is_finite() && y > 1e38), "{values:?}");
        }
    }

    #[test]
    #[ignore = "every f32 in the range: about a minute"]
    fn exp_of_every_number() {
        let all: Vec<u32> = (0..=f32::to_bits(88.0)).collect();
        for part in all.chunks(1 << 20) {
            let positive: Vec<f32> = part.iter().map(|&bits| f32::from_bits(bits)).collect();
            let negative: Vec<f32> = positive.iter().map(|x| -x).filter(|x| *x >= -87.0).collect();
            assert_exp(&positive);
            assert_exp(&negative);
        }
    }
}
