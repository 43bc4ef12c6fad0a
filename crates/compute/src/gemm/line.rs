//! What a line of a panel is made of, and how a tile reads it.

use crate::buffer::Plain;
use crate::simd::Simd;

/// Elements of panel lines; a line is two vectors of weights.
pub(crate) trait PanelElement: Plain {
    /// Elements per line, for a panel as wide as two vectors.
    fn line<S: Simd>() -> usize;

    /// The two vectors of one line.
    ///
    /// # Safety
    /// [`Self::line`] elements must be readable at `from`.
    unsafe fn load<S: Simd>(simd: S, from: *const Self) -> [S::Vector; 2];
}

impl PanelElement for f32 {
    #[inline(always)]
    fn line<S: Simd>() -> usize {
        2 * S::LANES
    }

    #[inline(always)]
    unsafe fn load<S: Simd>(simd: S, from: *const Self) -> [S::Vector; 2] {
        // SAFETY: the caller promises a line, which is two vectors.
        unsafe { [simd.load_from(from), simd.load_from(from.add(S::LANES))] }
    }
}

/// Two weights in 16-bit floating point: that of a column of the first vector in the lower
/// half, that of the same lane of the second vector in the upper half. So a line is one vector
/// load, a shift and a mask.
impl PanelElement for u32 {
    #[inline(always)]
    fn line<S: Simd>() -> usize {
        S::LANES
    }

    #[inline(always)]
    unsafe fn load<S: Simd>(simd: S, from: *const Self) -> [S::Vector; 2] {
        // SAFETY: the caller promises a line, which is one vector of pairs.
        unsafe { simd.load_bf16_pairs(from) }
    }
}
