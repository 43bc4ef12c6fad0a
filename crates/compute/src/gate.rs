//! The inside of a gated MLP: one half of the numbers decides how much of the other passes.

use crate::Cpu;
use crate::math::{GeluTanh, Silu};
use crate::simd::{Kernel, Simd, Unary};

/// The function of the gate (Shazeer, "GLU variants improve transformer", 2020).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// `x * sigmoid(x)`: SwiGLU.
    Silu,
    /// GELU in its tanh form: GEGLU.
    GeluTanh,
}

/// Writes `gate(first half) * second half` of each row.
///
/// `input` is `[rows, 2 * inner]`, the outputs of the gate projection and then those of the up
/// projection, as one multiply by both matrices gives them; `out` is `[rows, inner]`.
///
/// # Panics
/// If a length is not a whole number of rows, or they do not fit each other.
pub fn gated(cpu: Cpu, gate: Gate, input: &[f32], inner: usize, out: &mut [f32]) {
    assert!(inner > 0 && out.len().is_multiple_of(inner), "output is not whole rows of {inner}");
    assert_eq!(input.len(), 2 * out.len(), "a gated row has twice the output's numbers");
    match gate {
        Gate::Silu => cpu.isa().run(Gated { function: Silu, input, inner, out }),
        Gate::GeluTanh => cpu.isa().run(Gated { function: GeluTanh, input, inner, out }),
    }
}

struct Gated<'a, F> {
    function: F,
    input: &'a [f32],
    inner: usize,
    out: &'a mut [f32],
}

impl<F: Unary> Kernel for Gated<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let rows = self.input.chunks_exact(2 * self.inner);
        for (row, out) in rows.zip(self.out.chunks_exact_mut(self.inner)) {
            let (gates, values) = row.split_at(self.inner);
            let whole = self.inner - self.inner % S::LANES;
            for at in (0..whole).step_by(S::LANES) {
                let gate = self.function.apply(simd, simd.load(&gates[at..]));
                simd.store(simd.mul(gate, simd.load(&values[at..])), &mut out[at..]);
            }
            let gate = self.function.apply(simd, simd.load_partial(&gates[whole..], 0.0));
            let rest = simd.mul(gate, simd.load_partial(&values[whole..], 0.0));
            simd.store_partial(rest, &mut out[whole..]);
        }
    }
}
