//! Activations over whole slices. Inside a layer, prefer the fused [`crate::Activation`].

use crate::Cpu;
use crate::math::{GeluTanh, Relu};
use crate::simd::{Kernel, Simd, Unary, map_in_place};

struct MapInPlace<'a, F>(F, &'a mut [f32]);

impl<F: Unary> Kernel for MapInPlace<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        map_in_place(simd, self.0, self.1);
    }
}

/// Replaces each number by `max(x, 0)`.
pub fn relu(cpu: Cpu, values: &mut [f32]) {
    cpu.isa().run(MapInPlace(Relu, values));
}

/// Replaces each number by its GELU in the tanh form.
pub fn gelu_tanh(cpu: Cpu, values: &mut [f32]) {
    cpu.isa().run(MapInPlace(GeluTanh, values));
}
