//! What the processor could do at most: the yardsticks of the benchmarks.

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

/// The same for products of 16-bit integers that are added up in 32 bits.
#[must_use]
pub fn integer_multiply_add_ops(isa: Isa, rounds: usize) -> f64 {
    (0..rounds.max(1)).map(|_| isa.run(SpinIntegers)).fold(0.0, f64::max)
}

/// Operations of so many per lane, chain and step, per second since then.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn rate(started: Instant, operations: usize) -> f64 {
    (STEPS * CHAINS * operations) as f64 / started.elapsed().as_secs_f64()
}

struct Spin;

impl Kernel for Spin {
    type Output = f64;
    #[inline(always)]
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
        let rate = rate(start, 2 * S::LANES);
        black_box(sums.into_iter().map(|sum| simd.sum(sum)).sum::<f32>());
        rate
    }
}

struct SpinIntegers;

impl Kernel for SpinIntegers {
    type Output = f64;
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f64 {
        let factor = simd.splat_pair(black_box(0x0003_0005));
        let mut sums = [simd.splat_pair(black_box(1)); CHAINS];
        let start = Instant::now();
        for _ in 0..STEPS {
            for sum in &mut sums {
                *sum = simd.multiply_add_pairs(*sum, factor, *sum);
            }
        }
        let rate = rate(start, 4 * S::LANES);
        let totals = sums.into_iter().map(|sum| simd.sum(simd.integers_to_f32(sum)));
        black_box(totals.sum::<f32>());
        rate
    }
}
