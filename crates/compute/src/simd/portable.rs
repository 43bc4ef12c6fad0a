//! Four lanes in plain Rust: the fallback on any processor, which compilers turn into 128-bit
//! instructions where there are some.

use super::{Simd, UPPER_HALF};

/// Plain Rust; always available.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

const LANES: usize = 4;

/// Adding and subtracting this rounds to the nearest integer: it leaves no bit for a fraction.
const ROUNDER: f32 = 12_582_912.0;

macro_rules! each_lane {
    (|$($name:ident),+| $result:expr) => {{
        let mut lanes = [0.0_f32; LANES];
        for index in 0..LANES {
            $(let $name = $name[index];)+
            lanes[index] = $result;
        }
        lanes
    }};
}

impl Simd for Portable {
    type Vector = [f32; LANES];
    type Integers = [i32; LANES];
    const LANES: usize = LANES;
    const TILE_ROWS: usize = 6;

    #[inline(always)]
    unsafe fn load_from(self, from: *const f32) -> Self::Vector {
        // SAFETY: the caller promises LANES readable numbers; the read is unaligned.
        unsafe { from.cast::<Self::Vector>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store_to(self, vector: Self::Vector, to: *mut f32) {
        // SAFETY: the caller promises LANES writable numbers; the write is unaligned.
        unsafe { to.cast::<Self::Vector>().write_unaligned(vector) }
    }

    #[inline(always)]
    unsafe fn load_bf16_pairs(self, from: *const u32) -> [Self::Vector; 2] {
        // SAFETY: the caller promises LANES readable pairs; the read is unaligned.
        let pairs = unsafe { from.cast::<[u32; LANES]>().read_unaligned() };
        let high = pairs.map(|pair| f32::from_bits(pair & UPPER_HALF.cast_unsigned()));
        [pairs.map(|pair| f32::from_bits(pair << 16)), high]
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Self::Vector {
        [value; LANES]
    }

    #[inline(always)]
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        each_lane!(|a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        each_lane!(|a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        each_lane!(|a, b| a * b)
    }

    #[inline(always)]
    fn div(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        each_lane!(|a, b| a / b)
    }

    #[inline(always)]
    fn max(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        each_lane!(|a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn min(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        each_lane!(|a, b| if a < b { a } else { b })
    }

    #[inline(always)]
    fn mul_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector {
        // Not `f32::mul_add`: without the instruction that is a library call per lane.
        each_lane!(|a, b, c| a * b + c)
    }

    #[inline(always)]
    fn round(self, a: Self::Vector) -> Self::Vector {
        each_lane!(|a| (a + ROUNDER) - ROUNDER)
    }

    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "exponents are integers in -126..=127, so the biased one is in 1..=254"
    )]
    fn scale_by_power(self, a: Self::Vector, exponent: Self::Vector) -> Self::Vector {
        each_lane!(|a, exponent| a * f32::from_bits(((exponent as i32 + 127) as u32) << 23))
    }

    #[inline(always)]
    fn sum(self, a: Self::Vector) -> f32 {
        (a[0] + a[2]) + (a[1] + a[3])
    }

    #[inline(always)]
    fn largest(self, a: Self::Vector) -> f32 {
        a[0].max(a[1]).max(a[2].max(a[3]))
    }

    #[inline(always)]
    fn zero_integers(self) -> Self::Integers {
        [0; LANES]
    }

    #[inline(always)]
    fn splat_pair(self, bits: i32) -> Self::Integers {
        [bits; LANES]
    }

    #[inline(always)]
    unsafe fn load_pairs(self, from: *const i16) -> Self::Integers {
        // SAFETY: the caller promises 2 * LANES readable numbers; the read is unaligned.
        unsafe { from.cast::<Self::Integers>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store_pairs(self, pairs: Self::Integers, to: *mut i16) {
        // SAFETY: the caller promises 2 * LANES writable numbers; the write is unaligned.
        unsafe { to.cast::<Self::Integers>().write_unaligned(pairs) }
    }

    #[inline(always)]
    unsafe fn load_byte_pairs(self, from: *const i8) -> Self::Integers {
        // SAFETY: the caller promises 2 * LANES readable numbers; the read is unaligned.
        let pairs = unsafe { from.cast::<[[i8; 2]; LANES]>().read_unaligned() };
        pairs.map(|[first, second]| join([first.into(), second.into()]))
    }

    #[inline(always)]
    fn multiply_add_pairs(
        self,
        a: Self::Integers,
        b: Self::Integers,
        sums: Self::Integers,
    ) -> Self::Integers {
        let mut lanes = sums;
        for (lane, (a, b)) in lanes.iter_mut().zip(a.into_iter().zip(b)) {
            let ([a0, a1], [b0, b1]) = (parts(a), parts(b));
            let products = (i32::from(a0) * i32::from(b0), i32::from(a1) * i32::from(b1));
            *lane = lane.wrapping_add(products.0.wrapping_add(products.1));
        }
        lanes
    }

    #[inline(always)]
    #[expect(clippy::cast_precision_loss, reason = "rounding to the nearest is what is asked for")]
    fn integers_to_f32(self, a: Self::Integers) -> Self::Vector {
        a.map(|integer| integer as f32)
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "integers that fit, says the trait")]
    unsafe fn store_rounded_to(self, vector: Self::Vector, to: *mut i16) {
        let integers = self.round(vector).map(|lane| lane as i16);
        // SAFETY: the caller promises LANES writable numbers; the write is unaligned.
        unsafe { to.cast::<[i16; LANES]>().write_unaligned(integers) }
    }
}

/// The pair with these bits, as it lies in memory.
#[inline(always)]
fn parts(bits: i32) -> [i16; 2] {
    let [a, b, c, d] = bits.to_ne_bytes();
    [i16::from_ne_bytes([a, b]), i16::from_ne_bytes([c, d])]
}

/// The bits of a pair, as it lies in memory.
#[inline(always)]
fn join(pair: [i16; 2]) -> i32 {
    let [[a, b], [c, d]] = pair.map(i16::to_ne_bytes);
    i32::from_ne_bytes([a, b, c, d])
}
