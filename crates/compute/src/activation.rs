//! Activations over whole slices. Inside a layer, prefer the fused [`crate::Activation`].

use crate::math::{Gelu, GeluTanh, QuickGelu, Relu};
use crate::simd::{Kernel, Simd, Unary, map_in_place};
use crate::{Activation, Cpu};

struct MapInPlace<'a, F>(F, &'a mut [f32]);

impl<F: Unary> Kernel for MapInPlace<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        map_in_place(simd, self.0, self.1);
    }
}

/// Replaces each number by its activation.
pub fn activate(cpu: Cpu, activation: Activation, values: &mut [f32]) {
    match activation {
        Activation::None => {}
        Activation::Relu => cpu.isa().run(MapInPlace(Relu, values)),
        Activation::Gelu => cpu.isa().run(MapInPlace(Gelu, values)),
        Activation::GeluTanh => cpu.isa().run(MapInPlace(GeluTanh, values)),
        Activation::QuickGelu => cpu.isa().run(MapInPlace(QuickGelu, values)),
    }
}
