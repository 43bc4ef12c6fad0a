//! Dot product and length of single vectors.

use crate::Cpu;
use crate::simd::{Kernel, Simd};
use crate::softmax::scale_by;

/// The sum of the products of two equally long slices.
///
/// # Panics
/// If the lengths differ.
#[must_use]
pub fn dot(cpu: Cpu, a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len(), "dot product of slices of different lengths");
    cpu.isa().run(Dot { a, b })
}

/// Scales `values` to unit length and returns the length before.
///
/// A slice of zeros, or one whose length is not finite, is left as it is: the caller sees it
/// from the returned length.
pub fn l2_normalize(cpu: Cpu, values: &mut [f32]) -> f32 {
    let length = dot(cpu, values, values).sqrt();
    if length > 0.0 && length.is_finite() {
        cpu.isa().run(ScaleBy { values, factor: 1.0 / length });
    }
    length
}

struct Dot<'a> {
    a: &'a [f32],
    b: &'a [f32],
}

impl Kernel for Dot<'_> {
    type Output = f32;
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f32 {
        let (a, b) = (self.a.chunks_exact(S::LANES), self.b.chunks_exact(S::LANES));
        let mut sum =
            simd.mul(simd.load_partial(a.remainder(), 0.0), simd.load_partial(b.remainder(), 0.0));
        for (x, y) in a.zip(b) {
            sum = simd.mul_add(simd.load(x), simd.load(y), sum);
        }
        simd.sum(sum)
    }
}

struct ScaleBy<'a> {
    values: &'a mut [f32],
    factor: f32,
}

impl Kernel for ScaleBy<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        scale_by(simd, self.values, self.factor);
    }
}
