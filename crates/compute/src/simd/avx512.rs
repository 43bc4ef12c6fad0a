//! Sixteen lanes: AVX-512 Foundation.

use std::arch::x86_64::{
    __m512, _mm512_add_ps, _mm512_and_si512, _mm512_castsi512_ps, _mm512_div_ps, _mm512_fmadd_ps,
    _mm512_loadu_ps, _mm512_loadu_si512, _mm512_max_ps, _mm512_min_ps, _mm512_mul_ps,
    _mm512_reduce_add_ps, _mm512_reduce_max_ps, _mm512_roundscale_ps, _mm512_scalef_ps,
    _mm512_set1_epi32, _mm512_set1_ps, _mm512_slli_epi32, _mm512_storeu_ps, _mm512_sub_ps,
};

use super::{Kernel, Simd, UPPER_HALF};

/// Proof that this processor has AVX-512F (and AVX2 and FMA, which come with it).
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

impl Avx512 {
    /// The proof, where the processor has the instructions.
    pub(crate) fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma");
        found.then_some(Self(()))
    }

    /// Runs a kernel compiled with these instructions.
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx512f,avx2,fma")]
        fn compiled<K: Kernel>(proof: Avx512, kernel: K) -> K::Output {
            kernel.run(proof)
        }
        // SAFETY: `self` exists only where `detect` found the three features.
        unsafe { compiled(self, kernel) }
    }
}

/// One or more intrinsics that need only the features that [`Avx512`] proves.
macro_rules! intrinsics {
    ($($body:tt)*) => {
        // SAFETY: a value of `Avx512` exists only where `detect` found the features; the
        // intrinsics used through this macro touch registers only.
        unsafe { $($body)* }
    };
}

impl Simd for Avx512 {
    type Vector = __m512;
    const LANES: usize = 16;
    const TILE_ROWS: usize = 12;

    #[inline(always)]
    unsafe fn load_from(self, from: *const f32) -> __m512 {
        // SAFETY: the caller promises sixteen readable numbers; `self` proves the features.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store_to(self, vector: __m512, to: *mut f32) {
        // SAFETY: the caller promises sixteen writable numbers; `self` proves the features.
        unsafe { _mm512_storeu_ps(to, vector) }
    }

    #[inline(always)]
    unsafe fn load_bf16_pairs(self, from: *const u32) -> [__m512; 2] {
        // SAFETY: the caller promises sixteen readable pairs; `self` proves the features.
        unsafe {
            let pairs = _mm512_loadu_si512(from.cast());
            let high = _mm512_and_si512(pairs, _mm512_set1_epi32(UPPER_HALF));
            let low = _mm512_slli_epi32::<16>(pairs);
            [_mm512_castsi512_ps(low), _mm512_castsi512_ps(high)]
        }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> __m512 {
        intrinsics! { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        intrinsics! { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        intrinsics! { _mm512_sub_ps(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        intrinsics! { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        intrinsics! { _mm512_div_ps(a, b) }
    }

    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        intrinsics! { _mm512_max_ps(a, b) }
    }

    #[inline(always)]
    fn min(self, a: __m512, b: __m512) -> __m512 {
        intrinsics! { _mm512_min_ps(a, b) }
    }

    #[inline(always)]
    fn mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        intrinsics! { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn round(self, a: __m512) -> __m512 {
        // 8: no digits after the point, to nearest, no exception.
        intrinsics! { _mm512_roundscale_ps::<8>(a) }
    }

    #[inline(always)]
    fn scale_by_power(self, a: __m512, exponent: __m512) -> __m512 {
        intrinsics! { _mm512_scalef_ps(a, exponent) }
    }

    #[inline(always)]
    fn sum(self, a: __m512) -> f32 {
        intrinsics! { _mm512_reduce_add_ps(a) }
    }

    #[inline(always)]
    fn largest(self, a: __m512) -> f32 {
        intrinsics! { _mm512_reduce_max_ps(a) }
    }
}
