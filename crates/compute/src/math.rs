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

/// e^x: x = n ln 2 + r, then a polynomial in r, then a shift of the exponent by n.
#[inline(always)]
pub(crate) fn exp<S: Simd>(simd: S, x: S::Vector) -> S::Vector {
    let x = simd.max(simd.min(x, simd.splat(EXP_INPUT_MAX)), simd.splat(EXP_INPUT_MIN));
    let n = simd.round(simd.mul(x, simd.splat(std::f32::consts::LOG2_E)));
    let r = simd.mul_add(n, simd.splat(-LN_2_HIGH), x);
    let r = simd.mul_add(n, simd.splat(-LN_2_LOW), r);
    let mut sum = simd.splat(EXP_POLYNOMIAL[0]);
    for coefficient in &EXP_POLYNOMIAL[1..] {
        sum = simd.mul_add(sum, r, simd.splat(*coefficient));
    }
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

/// The function unchanged.
#[derive(Clone, Copy)]
pub(crate) struct Identity;

impl Unary for Identity {
    #[inline(always)]
    fn apply<S: Simd>(self, _: S, x: S::Vector) -> S::Vector {
        x
    }
}
