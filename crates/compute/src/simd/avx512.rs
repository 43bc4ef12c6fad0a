//! Sixteen lanes: AVX-512 Foundation, with byte and word instructions.

use std::arch::x86_64::{
    __m512, __m512i, _mm256_loadu_si256, _mm256_storeu_si256, _mm512_add_epi32, _mm512_add_ps,
    _mm512_and_si512, _mm512_castsi512_ps, _mm512_cvtepi8_epi16, _mm512_cvtepi32_ps,
    _mm512_cvtps_epi32, _mm512_cvtsepi32_epi16, _mm512_div_ps, _mm512_dpwssd_epi32,
    _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_madd_epi16, _mm512_max_ps,
    _mm512_min_ps, _mm512_mul_ps, _mm512_reduce_add_ps, _mm512_reduce_max_ps, _mm512_roundscale_ps,
    _mm512_scalef_ps, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_si512, _mm512_slli_epi32,
    _mm512_storeu_ps, _mm512_storeu_si512, _mm512_sub_ps,
};

use super::{Kernel, Simd, UPPER_HALF};

/// Proof that this processor has AVX-512 F and BW (and AVX2 and FMA, which come with them), and
/// with `VNNI` the instructions of that name too. Results are the same either way.
#[derive(Clone, Copy)]
pub(crate) struct Avx512<const VNNI: bool>(());

impl<const VNNI: bool> Avx512<VNNI> {
    /// The proof, where the processor has the instructions.
    pub(crate) fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && (!VNNI || is_x86_feature_detected!("avx512vnni"));
        found.then_some(Self(()))
    }
}

impl Avx512<false> {
    /// Runs a kernel compiled with these instructions.
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx512f,avx512bw,avx2,fma")]
        fn compiled<K: Kernel>(proof: Avx512<false>, kernel: K) -> K::Output {
            kernel.run(proof)
        }
        // SAFETY: `self` exists only where `detect` found the four features.
        unsafe { compiled(self, kernel) }
    }
}

impl Avx512<true> {
    /// Runs a kernel compiled with these instructions.
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx2,fma")]
        fn compiled<K: Kernel>(proof: Avx512<true>, kernel: K) -> K::Output {
            kernel.run(proof)
        }
        // SAFETY: `self` exists only where `detect` found the five features.
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

impl<const VNNI: bool> Simd for Avx512<VNNI> {
    type Vector = __m512;
    type Integers = __m512i;
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

    #[inline(always)]
    fn zero_integers(self) -> __m512i {
        intrinsics! { _mm512_setzero_si512() }
    }

    #[inline(always)]
    fn splat_pair(self, bits: i32) -> __m512i {
        intrinsics! { _mm512_set1_epi32(bits) }
    }

    #[inline(always)]
    unsafe fn load_pairs(self, from: *const i16) -> __m512i {
        // SAFETY: the caller promises 32 readable numbers; `self` proves the features.
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    unsafe fn store_pairs(self, pairs: Self::Integers, to: *mut i16) {
        // SAFETY: the caller promises 32 writable numbers; `self` proves the features.
        unsafe { _mm512_storeu_si512(to.cast(), pairs) }
    }

    #[inline(always)]
    unsafe fn load_byte_pairs(self, from: *const i8) -> __m512i {
        // SAFETY: the caller promises 32 readable numbers; `self` proves the features.
        unsafe { _mm512_cvtepi8_epi16(_mm256_loadu_si256(from.cast())) }
    }

    #[inline(always)]
    fn multiply_add_pairs(self, a: __m512i, b: __m512i, sums: __m512i) -> __m512i {
        intrinsics! {
            if VNNI {
                _mm512_dpwssd_epi32(sums, a, b)
            } else {
                _mm512_add_epi32(_mm512_madd_epi16(a, b), sums)
            }
        }
    }

    #[inline(always)]
    fn integers_to_f32(self, a: __m512i) -> __m512 {
        intrinsics! { _mm512_cvtepi32_ps(a) }
    }

    #[inline(always)]
    unsafe fn store_rounded_to(self, vector: __m512, to: *mut i16) {
        // SAFETY: the caller promises sixteen writable numbers; `self` proves the features.
        unsafe {
            let packed = _mm512_cvtsepi32_epi16(_mm512_cvtps_epi32(vector));
            _mm256_storeu_si256(to.cast(), packed);
        }
    }
}
