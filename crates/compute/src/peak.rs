//! What the processor could do at most: the yardstick of the benchmarks.

use std::hint::black_box;
use std::time::Instant;

use crate::Isa;
use crate::simd::{Kernel, Simd};

/// Independent sums: enough to hide the latency of the multiply-add on current processors.
const CHAINS: usize = 12;
/// Multiply-adds per chain and measurement.
const STEPS: usize = 1 << 20;

/// Floating-point operations per second of one thread that does nothing but multiply-adds in
/// registers (an addition and a multiplication count one each): the best of `rounds` measured
/// rounds.
#[must_use]
pub fn multiply_add_flops(isa: Isa, rounds: usize) -> f64 {
    (0..rounds.max(1)).map(|_| isa.run(Spin)).fold(0.0, f64::max)
}

struct Spin;

impl Kernel for Spin {
    type Output = f64;
    #[inline(always)]
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    fn run<S: Simd>(self, simd: S) -> f64 {
        let factor = simd.splat(black_box(0.999));
        let addend = simd.splat(black_box(1e-3));
        let mut sums = [simd.splat(black_box(1.0)); CHAINS];
        let start = Instant::now();
        for _ in 0..STEPS {
            for sum in &mut sums {
                *sum = simd.mul_add(*sum, factor, addend);
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        let total = sums.into_iter().map(|sum| simd.sum(sum)).sum::<f32>();
        black_box(total);
        (STEPS * CHAINS * S::LANES * 2) as f64 / seconds
    }
}
