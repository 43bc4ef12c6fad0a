//! Four neighbours of all three channels at a time.

use std::arch::x86_64::{
    __m128i, __m256i, _mm_add_epi32, _mm_cvtsi32_si128, _mm_cvtsi128_si32, _mm_loadu_si128,
    _mm_packs_epi32, _mm_packus_epi16, _mm_set1_epi32, _mm_sra_epi32, _mm256_add_epi32,
    _mm256_broadcastsi128_si256, _mm256_castsi256_si128, _mm256_extracti128_si256,
    _mm256_madd_epi16, _mm256_setr_epi8, _mm256_setzero_si256, _mm256_shuffle_epi8,
    _mm256_slli_epi32,
};

use super::{CHANNELS, GROUP, Place, RowTaps};
use crate::simd::Avx2;

/// Bytes that a load of four pixels touches beyond them.
const OVERREAD_BYTES: usize = 16 - GROUP * CHANNELS;
const LOW_BITS: i32 = RowTaps::LOW_BITS as i32;

/// As [`super::resample_rows`].
pub(super) fn resample_rows(_: Avx2, rgb: &[u8], taps: &RowTaps, out: &mut [u8]) {
    let (old, new) = (CHANNELS * taps.pixels, CHANNELS * taps.outputs());
    let reach = taps.reach_bytes() + OVERREAD_BYTES;
    let mut padded = Vec::new();
    for (index, out) in out.chunks_exact_mut(new).enumerate() {
        let mut row = &rgb[index * old..];
        if row.len() < reach {
            // Near the picture's end: what lies beyond has weights of zero, but must be there.
            padded.clear();
            padded.extend_from_slice(row);
            padded.resize(reach, 0);
            row = &padded;
        }
        assert!(row.len() >= reach, "a row is as long as its windows reach");
        // SAFETY: a value of `Avx2` proves the instructions, and the row is as long as the
        // windows reach.
        unsafe { resample_row(row, taps, out) };
    }
}

/// # Safety
/// AVX2 must be there, and `row` as long as the windows of `taps` reach and a load beyond.
#[target_feature(enable = "avx2")]
unsafe fn resample_row(row: &[u8], taps: &RowTaps, out: &mut [u8]) {
    let rounding = _mm_set1_epi32(if taps.bits == 0 { 0 } else { 1 << (taps.bits - 1) });
    let bits = _mm_cvtsi32_si128(taps.bits.cast_signed());
    for (place, pixel) in taps.windows.iter().zip(out.as_chunks_mut::<CHANNELS>().0) {
        // SAFETY: the caller's promise.
        let sums = unsafe {
            if taps.halves {
                sums::<true>(row, taps, place)
            } else {
                sums::<false>(row, taps, place)
            }
        };
        let values = _mm_sra_epi32(_mm_add_epi32(sums, rounding), bits);
        let words = _mm_packs_epi32(values, values);
        let bytes = _mm_cvtsi128_si32(_mm_packus_epi16(words, words)).to_le_bytes();
        pixel.copy_from_slice(&bytes[..CHANNELS]);
    }
}

/// The sums of one new pixel: red, green, blue, and a zero.
///
/// # Safety
/// As [`resample_row`].
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn sums<const HALVES: bool>(row: &[u8], taps: &RowTaps, place: &Place) -> __m128i {
    let [pairs, first, second] = [samples_in_pairs(), weights_of(0), weights_of(4)];
    let mut high = _mm256_setzero_si256();
    let mut low = _mm256_setzero_si256();
    let mut at = CHANNELS * place.start;
    for weights in &taps.weights[place.groups.clone()] {
        // SAFETY: the caller promises that a load of each group's pixels is within the row; a
        // group of weights is sixteen bytes.
        let [pixels, weights] = unsafe {
            [row.as_ptr().add(at).cast(), std::ptr::from_ref(weights).cast()]
                .map(|from| _mm256_broadcastsi128_si256(_mm_loadu_si128(from)))
        };
        let samples = _mm256_shuffle_epi8(pixels, pairs);
        if HALVES {
            let weights = _mm256_shuffle_epi8(weights, first);
            high = _mm256_add_epi32(high, _mm256_madd_epi16(samples, weights));
        }
        let weights = _mm256_shuffle_epi8(weights, second);
        low = _mm256_add_epi32(low, _mm256_madd_epi16(samples, weights));
        at += GROUP * CHANNELS;
    }
    let sums = _mm256_add_epi32(_mm256_slli_epi32::<LOW_BITS>(high), low);
    _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256::<1>(sums))
}

/// Takes each channel of two neighbouring pixels side by side as 16-bit numbers: pixels 0 and 1
/// in the lower half of the vector, 2 and 3 in the upper one.
#[inline]
#[target_feature(enable = "avx2")]
fn samples_in_pairs() -> __m256i {
    const O: i8 = -1;
    _mm256_setr_epi8(
        0, O, 3, O, 1, O, 4, O, 2, O, 5, O, O, O, O, O, 6, O, 9, O, 7, O, 10, O, 8, O, 11, O, O, O,
        O, O,
    )
}

/// Takes the weights of pixels 0 and 1 for each channel into the lower half, those of 2 and 3
/// into the upper one; `first` is where the four weights start, in 16-bit numbers.
#[inline]
#[target_feature(enable = "avx2")]
fn weights_of(first: i8) -> __m256i {
    let [a, b] = [2 * first, 2 * first + 4];
    _mm256_setr_epi8(
        a,
        a + 1,
        a + 2,
        a + 3,
        a,
        a + 1,
        a + 2,
        a + 3,
        a,
        a + 1,
        a + 2,
        a + 3,
        -1,
        -1,
        -1,
        -1,
        b,
        b + 1,
        b + 2,
        b + 3,
        b,
        b + 1,
        b + 2,
        b + 3,
        b,
        b + 1,
        b + 2,
        b + 3,
        -1,
        -1,
        -1,
        -1,
    )
}
