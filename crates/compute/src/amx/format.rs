//! The two forms in which the tile unit takes numbers: bf16 with `f32` sums, and 8-bit integers
//! with `i32` sums.

use super::unit::{Line, SIDE, TileUnit};
use crate::gemm::bf16_bits;

/// A form of numbers: how many share a word, how they are rounded, multiplied and read back.
pub(crate) trait Format: Copy + Send + Sync + 'static {
    /// Features per word.
    const PER_WORD: usize;
    /// Features that one tile product sums over.
    const STEP: usize = Self::PER_WORD * SIDE;

    /// Features whose sums cannot overflow.
    const FEATURES_MAX: usize;
    /// Whether rows have scales other than 1.
    const SCALED: bool;

    /// What the numbers of a row are to be multiplied by before they are rounded, and the sums
    /// with that row afterwards. `features` is the row.
    fn scales(features: &[f32]) -> Scales;

    /// Rounds up to [`Format::STEP`] numbers, times `factor`, into the words of one line. Words
    /// beyond them are zero.
    fn narrow(features: &[f32], factor: f32, line: &mut Line);

    /// One tile product.
    ///
    /// # Safety
    /// As [`TileUnit::dot_bf16`].
    unsafe fn dot<U: TileUnit, const SUM: u8, const A: u8, const B: u8>(unit: &mut U);

    /// The sums of a line as numbers, still to be scaled where [`Format::SCALED`].
    fn widen(sums: &Line) -> [f32; SIDE];
}

/// How a row of numbers is brought into the range of its form and back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scales {
    /// Before rounding.
    pub(crate) factor: f32,
    /// Afterwards.
    pub(crate) scale: f32,
}

/// Numbers of 16 bits with the exponent of `f32` and eight bits of precision.
#[derive(Clone, Copy)]
pub(crate) struct Bf16;

/// Integers in -127..=127, and one scale per row of activations and per output.
#[derive(Clone, Copy)]
pub(crate) struct Int8;

/// The largest 8-bit integer in use; -128 is not, so that signs are treated alike.
const INT8_MAX: f32 = 127.0;

impl Format for Bf16 {
    const PER_WORD: usize = 2;
    const FEATURES_MAX: usize = usize::MAX;
    const SCALED: bool = false;

    #[inline(always)]
    fn scales(_: &[f32]) -> Scales {
        Scales { factor: 1.0, scale: 1.0 }
    }

    #[inline(always)]
    fn narrow(features: &[f32], _: f32, line: &mut Line) {
        let whole = padded::<{ Self::STEP }>(features);
        for (word, pair) in line.iter_mut().zip(whole.chunks_exact(2)) {
            *word = u32::from(bf16_bits(pair[0])) | u32::from(bf16_bits(pair[1])) << 16;
        }
    }

    #[inline(always)]
    unsafe fn dot<U: TileUnit, const SUM: u8, const A: u8, const B: u8>(unit: &mut U) {
        // SAFETY: passed on.
        unsafe { unit.dot_bf16::<SUM, A, B>() };
    }

    #[inline(always)]
    fn widen(sums: &Line) -> [f32; SIDE] {
        sums.map(f32::from_bits)
    }
}

impl Format for Int8 {
    const PER_WORD: usize = 4;
    const FEATURES_MAX: usize = i32::MAX as usize / (127 * 127);
    const SCALED: bool = true;

    #[inline(always)]
    fn scales(features: &[f32]) -> Scales {
        // As bits without the sign, NaN is the largest and makes the whole row NaN.
        let largest = features.iter().fold(0, |largest, x| (x.to_bits() & !SIGN).max(largest));
        let largest = f32::from_bits(largest);
        // The factor of numbers too small for it to be finite is cut off: they round to less.
        let factor = if largest == 0.0 { 0.0 } else { (INT8_MAX / largest).min(f32::MAX) };
        Scales { factor, scale: largest / INT8_MAX }
    }

    #[inline(always)]
    fn narrow(features: &[f32], factor: f32, line: &mut Line) {
        let whole = padded::<{ Self::STEP }>(features);
        for (word, four) in line.iter_mut().zip(whole.chunks_exact(4)) {
            let [a, b, c, d] = [0, 1, 2, 3].map(|at| round_to_byte(four[at] * factor));
            *word = a | b << 8 | c << 16 | d << 24;
        }
    }

    #[inline(always)]
    unsafe fn dot<U: TileUnit, const SUM: u8, const A: u8, const B: u8>(unit: &mut U) {
        // SAFETY: passed on.
        unsafe { unit.dot_i8::<SUM, A, B>() };
    }

    #[inline(always)]
    #[expect(clippy::cast_precision_loss, reason = "sums beyond 2^24 round like any f32")]
    fn widen(sums: &Line) -> [f32; SIDE] {
        sums.map(|sum| sum.cast_signed() as f32)
    }
}

/// The numbers, followed by zeros.
#[inline(always)]
fn padded<const STEP: usize>(features: &[f32]) -> [f32; STEP] {
    if let Ok(whole) = <&[f32; STEP]>::try_from(features) {
        return *whole;
    }
    let mut whole = [0.0; STEP];
    whole[..features.len()].copy_from_slice(features);
    whole
}

const SIGN: u32 = 1 << 31;

/// The low eight bits of the nearest integer, to even when halfway, of a number in -128..=127.
#[inline(always)]
fn round_to_byte(x: f32) -> u32 {
    /// 1.5 times 2^23: added to a small number it leaves the integer in the low bits.
    const SHIFT: f32 = 12_582_912.0;
    (x + SHIFT).to_bits() & 0xFF
}

#[cfg(test)]
mod tests {
    use super::{Bf16, Format, Int8, Scales};

    #[test]
    fn words_hold_neighbouring_features_and_zeros_after_the_last() {
        let mut line = [9; 16];
        Bf16::narrow(&[1.0, -2.0, 3.0], 1.0, &mut line);
        assert_eq!(line[..3], [0xC000_3F80, 0x4040, 0]);
        assert_eq!(line[3..], [0; 13]);
        Int8::narrow(&[1.0, -1.0, 0.5, 126.5, -127.0], 1.0, &mut line);
        assert_eq!(line[..3], [0x7E00_FF01, 0x81, 0]);
    }

    #[test]
    fn the_largest_of_a_row_is_the_largest_integer() {
        let scales = Int8::scales(&[0.5, -4.0, 1.0]);
        assert_eq!(scales, Scales { factor: 127.0 / 4.0, scale: 4.0 / 127.0 });
        assert_eq!(Int8::scales(&[0.0, -0.0]), Scales { factor: 0.0, scale: 0.0 });
        assert!(Int8::scales(&[1.0, f32::NAN]).scale.is_nan());
        assert_eq!(Int8::scales(&[1.0, f32::NEG_INFINITY]).scale, f32::INFINITY);
        assert!(Int8::scales(&[1e-44]).factor.is_finite());
    }
}
