//! Eight lanes: AVX2 with fused multiply-add.

use std::arch::x86_64::{
    __m256, __m256i, _mm_add_ps, _mm_add_ss, _mm_cvtss_f32, _mm_loadu_si128, _mm_max_ps,
    _mm_max_ss, _mm_movehdup_ps, _mm_movehl_ps, _mm_packs_epi32, _mm_storeu_si128,
    _mm256_add_epi32, _mm256_add_ps, _mm256_and_si256, _mm256_castps256_ps128, _mm256_castsi256_ps,
    _mm256_castsi256_si128, _mm256_cvtepi8_epi16, _mm256_cvtepi32_ps, _mm256_cvtps_epi32,
    _mm256_div_ps, _mm256_extractf128_ps, _mm256_extracti128_si256, _mm256_fmadd_ps,
    _mm256_loadu_ps, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_max_ps, _mm256_min_ps,
    _mm256_mul_ps, _mm256_round_ps, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_si256,
    _mm256_slli_epi32, _mm256_storeu_ps, _mm256_storeu_si256, _mm256_sub_ps,
};

use super::{Kernel, Simd, UPPER_HALF};

/// Proof that this processor has AVX2 and FMA.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// The proof, where the processor has the instructions.
    pub(crate) fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Self(()))
    }

    /// Runs a kernel compiled with these instructions.
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx2,fma")]
        fn compiled<K: Kernel>(proof: Avx2, kernel: K) -> K::Output {
            kernel.run(proof)
        }
        // SAFETY: `self` exists only where `detect` found both features.
        unsafe { compiled(self, kernel) }
    }
}

/// One or more intrinsics that need only the features that [`Avx2`] proves.
macro_rules! intrinsics {
    ($($body:tt)*) => {
        // SAFETY: a value of `Avx2` exists only where `detect` found the features; the
        // intrinsics used through this macro touch registers only.
        unsafe { $($body)* }
    };
}

impl Simd for Avx2 {
    type Vector = __m256;
    type Integers = __m256i;
    const LANES: usize = 8;
    const TILE_ROWS: usize = 6;

    #[inline(always)]
    unsafe fn load_from(self, from: *const f32) -> __m256 {
        // SAFETY: the caller promises eight readable numbers; `self` proves the features.
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store_to(self, vector: __m256, to: *mut f32) {
        // SAFETY: the caller promises eight writable numbers; `self` proves the features.
        unsafe { _mm256_storeu_ps(to, vector) }
    }

    #[inline(always)]
    unsafe fn load_bf16_pairs(self, from: *const u32) -> [__m256; 2] {
        // SAFETY: the caller promises eight readable pairs; `self` proves the features.
        unsafe {
            let pairs = _mm256_loadu_si256(from.cast());
            let high = _mm256_and_si256(pairs, _mm256_set1_epi32(UPPER_HALF));
            let low = _mm256_slli_epi32::<16>(pairs);
            [_mm256_castsi256_ps(low), _mm256_castsi256_ps(high)]
        }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> __m256 {
        intrinsics! { _mm256_set1_ps(value) }
    }

    #[inline(always)]
    fn add(self, a: __m256, b: __m256) -> __m256 {
        intrinsics! { _mm256_add_ps(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: __m256, b: __m256) -> __m256 {
        intrinsics! { _mm256_sub_ps(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: __m256, b: __m256) -> __m256 {
        intrinsics! { _mm256_mul_ps(a, b) }
    }

    #[inline(always)]
    fn div(self, a: __m256, b: __m256) -> __m256 {
        intrinsics! { _mm256_div_ps(a, b) }
    }

    #[inline(always)]
    fn max(self, a: __m256, b: __m256) -> __m256 {
        intrinsics! { _mm256_max_ps(a, b) }
    }

    #[inline(always)]
    fn min(self, a: __m256, b: __m256) -> __m256 {
        intrinsics! { _mm256_min_ps(a, b) }
    }

    #[inline(always)]
    fn mul_add(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        intrinsics! { _mm256_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn round(self, a: __m256) -> __m256 {
        // 8: to nearest, no exception.
        intrinsics! { _mm256_round_ps::<8>(a) }
    }

    #[inline(always)]
    fn scale_by_power(self, a: __m256, exponent: __m256) -> __m256 {
        intrinsics! {
            let biased = _mm256_add_epi32(_mm256_cvtps_epi32(exponent), _mm256_set1_epi32(127));
            _mm256_mul_ps(a, _mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased)))
        }
    }

    #[inline(always)]
    fn sum(self, a: __m256) -> f32 {
        intrinsics! {
            let four = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        }
    }

    #[inline(always)]
    fn largest(self, a: __m256) -> f32 {
        intrinsics! {
            let four = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)))
        }
    }

    #[inline(always)]
    fn zero_integers(self) -> __m256i {
        intrinsics! { _mm256_setzero_si256() }
    }

    #[inline(always)]
    fn splat_pair(self, bits: i32) -> __m256i {
        intrinsics! { _mm256_set1_epi32(bits) }
    }

    #[inline(always)]
    unsafe fn load_pairs(self, from: *const i16) -> __m256i {
        // SAFETY: the caller promises sixteen readable numbers; `self` proves the features.
        unsafe { _mm256_loadu_si256(from.cast()) }
    }

    #[inline(always)]
    unsafe fn store_pairs(self, pairs: Self::Integers, to: *mut i16) {
        // SAFETY: the caller promises sixteen writable numbers; `self` proves the features.
        unsafe { _mm256_storeu_si256(to.cast(), pairs) }
    }

    #[inline(always)]
    unsafe fn load_byte_pairs(self, from: *const i8) -> __m256i {
        // SAFETY: the caller promises sixteen readable numbers; `self` proves the features.
        unsafe { _mm256_cvtepi8_epi16(_mm_loadu_si128(from.cast())) }
    }

    #[inline(always)]
    fn multiply_add_pairs(self, a: __m256i, b: __m256i, sums: __m256i) -> __m256i {
        intrinsics! { _mm256_add_epi32(_mm256_madd_epi16(a, b), sums) }
    }

    #[inline(always)]
    fn integers_to_f32(self, a: __m256i) -> __m256 {
        intrinsics! { _mm256_cvtepi32_ps(a) }
    }

    #[inline(always)]
    unsafe fn store_rounded_to(self, vector: __m256, to: *mut i16) {
        // SAFETY: the caller promises eight writable numbers; `self` proves the features.
        unsafe {
            let integers = _mm256_cvtps_epi32(vector);
            let high = _mm256_extracti128_si256::<1>(integers);
            let packed = _mm_packs_epi32(_mm256_castsi256_si128(integers), high);
            _mm_storeu_si128(to.cast(), packed);
        }
    }
}
