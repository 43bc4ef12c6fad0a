//! Four lanes: NEON, which every 64-bit ARM processor has.
//!
//! Products of 16-bit integers are a widening multiply for each half and a pairwise addition, no
//! faster than `f32`: the integer precisions are there for equal results, not for speed.

use std::arch::aarch64::{
    float32x4_t, int32x4_t, vaddq_f32, vaddq_s32, vaddvq_f32, vandq_u32, vcvtnq_s32_f32,
    vcvtq_f32_s32, vcvtq_s32_f32, vdivq_f32, vdupq_n_f32, vdupq_n_s32, vdupq_n_u32, vfmaq_f32,
    vget_low_s16, vld1_s8, vld1q_f32, vld1q_s16, vld1q_u32, vmaxnmvq_f32, vmaxq_f32, vminq_f32,
    vmovl_s8, vmull_high_s16, vmull_s16, vmulq_f32, vpaddq_s32, vqmovn_s32, vreinterpretq_f32_s32,
    vreinterpretq_f32_u32, vreinterpretq_s16_s32, vreinterpretq_s32_s16, vrndnq_f32, vshlq_n_s32,
    vshlq_n_u32, vst1_s16, vst1q_f32, vst1q_s16, vsubq_f32,
};

use super::{Kernel, Simd, UPPER_HALF};

/// Proof that this processor has NEON: the target that this file is compiled for asks for it.
#[derive(Clone, Copy)]
pub(crate) struct Neon(());

impl Neon {
    /// The proof.
    pub(crate) fn detect() -> Option<Self> {
        std::arch::is_aarch64_feature_detected!("neon").then_some(Self(()))
    }

    /// Runs a kernel compiled with these instructions.
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }
}

/// One or more intrinsics that need only NEON, which [`Neon`] proves.
macro_rules! intrinsics {
    ($($body:tt)*) => {
        // SAFETY: a value of `Neon` exists only where there is NEON; the intrinsics used through
        // this macro touch registers only.
        unsafe { $($body)* }
    };
}

impl Simd for Neon {
    type Vector = float32x4_t;
    type Integers = int32x4_t;
    const LANES: usize = 4;
    const TILE_ROWS: usize = 12;

    #[inline(always)]
    unsafe fn load_from(self, from: *const f32) -> float32x4_t {
        // SAFETY: the caller promises four readable numbers; `self` proves the features.
        unsafe { vld1q_f32(from) }
    }

    #[inline(always)]
    unsafe fn store_to(self, vector: float32x4_t, to: *mut f32) {
        // SAFETY: the caller promises four writable numbers; `self` proves the features.
        unsafe { vst1q_f32(to, vector) }
    }

    #[inline(always)]
    unsafe fn load_bf16_pairs(self, from: *const u32) -> [float32x4_t; 2] {
        // SAFETY: the caller promises four readable pairs; `self` proves the features.
        unsafe {
            let pairs = vld1q_u32(from);
            let high = vandq_u32(pairs, vdupq_n_u32(UPPER_HALF.cast_unsigned()));
            [vreinterpretq_f32_u32(vshlq_n_u32::<16>(pairs)), vreinterpretq_f32_u32(high)]
        }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> float32x4_t {
        intrinsics! {
            vdupq_n_f32(value)
        }
    }

    #[inline(always)]
    fn add(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        intrinsics! {
            vaddq_f32(a, b)
        }
    }

    #[inline(always)]
    fn sub(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        intrinsics! {
            vsubq_f32(a, b)
        }
    }

    #[inline(always)]
    fn mul(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        intrinsics! {
            vmulq_f32(a, b)
        }
    }

    #[inline(always)]
    fn div(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        intrinsics! {
            vdivq_f32(a, b)
        }
    }

    #[inline(always)]
    fn max(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        intrinsics! {
            vmaxq_f32(a, b)
        }
    }

    #[inline(always)]
    fn min(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        intrinsics! {
            vminq_f32(a, b)
        }
    }

    #[inline(always)]
    fn mul_add(self, a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        intrinsics! {
            vfmaq_f32(c, a, b)
        }
    }

    #[inline(always)]
    fn round(self, a: float32x4_t) -> float32x4_t {
        intrinsics! {
            vrndnq_f32(a)
        }
    }

    #[inline(always)]
    fn scale_by_power(self, a: float32x4_t, exponent: float32x4_t) -> float32x4_t {
        intrinsics! {
            let biased = vaddq_s32(vcvtq_s32_f32(exponent), vdupq_n_s32(127));
            vmulq_f32(a, vreinterpretq_f32_s32(vshlq_n_s32::<23>(biased)))
        }
    }

    #[inline(always)]
    fn sum(self, a: float32x4_t) -> f32 {
        intrinsics! {
            vaddvq_f32(a)
        }
    }

    #[inline(always)]
    fn largest(self, a: float32x4_t) -> f32 {
        intrinsics! {
            vmaxnmvq_f32(a)
        }
    }

    #[inline(always)]
    fn zero_integers(self) -> int32x4_t {
        intrinsics! {
            vdupq_n_s32(0)
        }
    }

    #[inline(always)]
    fn splat_pair(self, bits: i32) -> int32x4_t {
        intrinsics! {
            vdupq_n_s32(bits)
        }
    }

    #[inline(always)]
    unsafe fn load_pairs(self, from: *const i16) -> int32x4_t {
        // SAFETY: the caller promises eight readable numbers; `self` proves the features.
        unsafe { vreinterpretq_s32_s16(vld1q_s16(from)) }
    }

    #[inline(always)]
    unsafe fn store_pairs(self, pairs: int32x4_t, to: *mut i16) {
        // SAFETY: the caller promises eight writable numbers; `self` proves the features.
        unsafe { vst1q_s16(to, vreinterpretq_s16_s32(pairs)) }
    }

    #[inline(always)]
    unsafe fn load_byte_pairs(self, from: *const i8) -> int32x4_t {
        // SAFETY: the caller promises eight readable numbers; `self` proves the features.
        unsafe { vreinterpretq_s32_s16(vmovl_s8(vld1_s8(from))) }
    }

    #[inline(always)]
    fn multiply_add_pairs(self, a: int32x4_t, b: int32x4_t, sums: int32x4_t) -> int32x4_t {
        intrinsics! {
            let (a, b) = (vreinterpretq_s16_s32(a), vreinterpretq_s16_s32(b));
            let low = vmull_s16(vget_low_s16(a), vget_low_s16(b));
            vaddq_s32(vpaddq_s32(low, vmull_high_s16(a, b)), sums)
        }
    }

    #[inline(always)]
    fn integers_to_f32(self, a: int32x4_t) -> float32x4_t {
        intrinsics! {
            vcvtq_f32_s32(a)
        }
    }

    #[inline(always)]
    unsafe fn store_rounded_to(self, vector: float32x4_t, to: *mut i16) {
        // SAFETY: the caller promises four writable numbers; `self` proves the features.
        unsafe { vst1_s16(to, vqmovn_s32(vcvtnq_s32_f32(vector))) }
    }
}
