//! What the lines of a panel are made of, and how a tile reads and sums them.

use crate::buffer::Plain;
use crate::simd::Simd;

/// Elements of panel lines. A line holds the weights of two vectors' columns for one feature,
/// or for as many features as one multiply-add takes at a time.
pub(crate) trait PanelElement: Plain {
    /// What the left-hand matrix is made of.
    type Input: Plain;
    /// A vector of weights, or of one row's value in each lane.
    type Factors<S: Simd>: Copy;
    /// A vector of sums.
    type Sums<S: Simd>: Copy;

    /// Elements per line.
    fn line<S: Simd>() -> usize;
    /// Inputs of a row that one line is for.
    const INPUTS_PER_LINE: usize;

    /// No sums yet.
    fn zero<S: Simd>(simd: S) -> Self::Sums<S>;
    /// The two vectors of one line.
    ///
    /// # Safety
    /// [`Self::line`] elements must be readable at `from`.
    unsafe fn load<S: Simd>(simd: S, from: *const Self) -> [Self::Factors<S>; 2];
    /// A row's inputs for one line, in each lane.
    ///
    /// # Safety
    /// [`Self::INPUTS_PER_LINE`] inputs must be readable at `from`.
    unsafe fn splat<S: Simd>(simd: S, from: *const Self::Input) -> Self::Factors<S>;
    /// `inputs * weights + sums`
    fn mul_add<S: Simd>(
        simd: S,
        inputs: Self::Factors<S>,
        weights: Self::Factors<S>,
        sums: Self::Sums<S>,
    ) -> Self::Sums<S>;
    /// Sums that were put aside.
    ///
    /// # Safety
    /// `S::LANES` numbers must be readable at `from`.
    unsafe fn load_sums<S: Simd>(simd: S, from: *const f32) -> Self::Sums<S>;
    /// Puts sums aside, bit by bit.
    ///
    /// # Safety
    /// `S::LANES` numbers must be writable at `to`.
    unsafe fn store_sums<S: Simd>(simd: S, sums: Self::Sums<S>, to: *mut f32);
    /// The sums as `f32`.
    fn finish<S: Simd>(simd: S, sums: Self::Sums<S>) -> S::Vector;
}

/// Everything but the line and its load, for weights that become `f32`.
macro_rules! sums_in_f32 {
    () => {
        type Input = f32;
        type Factors<S: Simd> = S::Vector;
        type Sums<S: Simd> = S::Vector;
        const INPUTS_PER_LINE: usize = 1;

        #[inline(always)]
        fn zero<S: Simd>(simd: S) -> S::Vector {
            simd.splat(0.0)
        }

        #[inline(always)]
        unsafe fn splat<S: Simd>(simd: S, from: *const f32) -> S::Vector {
            // SAFETY: the caller promises one readable number.
            simd.splat(unsafe { *from })
        }

        #[inline(always)]
        fn mul_add<S: Simd>(
            simd: S,
            inputs: S::Vector,
            weights: S::Vector,
            sums: S::Vector,
        ) -> S::Vector {
            simd.mul_add(inputs, weights, sums)
        }

        #[inline(always)]
        unsafe fn load_sums<S: Simd>(simd: S, from: *const f32) -> S::Vector {
            // SAFETY: the caller promises a vector.
            unsafe { simd.load_from(from) }
        }

        #[inline(always)]
        unsafe fn store_sums<S: Simd>(simd: S, sums: S::Vector, to: *mut f32) {
            // SAFETY: the caller promises room for a vector.
            unsafe { simd.store_to(sums, to) }
        }

        #[inline(always)]
        fn finish<S: Simd>(_: S, sums: S::Vector) -> S::Vector {
            sums
        }
    };
}

impl PanelElement for f32 {
    sums_in_f32!();

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
    sums_in_f32!();

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

/// Everything but the load, for integer weights: pairs of features side by side per column,
/// multiplied and added up by one instruction.
macro_rules! sums_in_integers {
    () => {
        type Input = i16;
        type Factors<S: Simd> = S::Integers;
        type Sums<S: Simd> = S::Integers;
        const INPUTS_PER_LINE: usize = 2;

        #[inline(always)]
        fn line<S: Simd>() -> usize {
            4 * S::LANES
        }

        #[inline(always)]
        fn zero<S: Simd>(simd: S) -> S::Integers {
            simd.zero_integers()
        }

        #[inline(always)]
        unsafe fn splat<S: Simd>(simd: S, from: *const i16) -> S::Integers {
            // SAFETY: the caller promises two readable numbers; the read is unaligned.
            simd.splat_pair(unsafe { from.cast::<i32>().read_unaligned() })
        }

        #[inline(always)]
        fn mul_add<S: Simd>(
            simd: S,
            inputs: S::Integers,
            weights: S::Integers,
            sums: S::Integers,
        ) -> S::Integers {
            simd.multiply_add_pairs(inputs, weights, sums)
        }

        #[inline(always)]
        unsafe fn load_sums<S: Simd>(simd: S, from: *const f32) -> S::Integers {
            // SAFETY: the caller promises a vector of 32-bit numbers.
            unsafe { simd.load_pairs(from.cast()) }
        }

        #[inline(always)]
        unsafe fn store_sums<S: Simd>(simd: S, sums: S::Integers, to: *mut f32) {
            // SAFETY: the caller promises room for a vector of 32-bit numbers.
            unsafe { simd.store_pairs(sums, to.cast()) }
        }

        #[inline(always)]
        fn finish<S: Simd>(simd: S, sums: S::Integers) -> S::Vector {
            simd.integers_to_f32(sums)
        }
    };
}

impl PanelElement for i16 {
    sums_in_integers!();

    #[inline(always)]
    unsafe fn load<S: Simd>(simd: S, from: *const Self) -> [S::Integers; 2] {
        // SAFETY: the caller promises a line, which is two vectors of pairs.
        unsafe { [simd.load_pairs(from), simd.load_pairs(from.add(2 * S::LANES))] }
    }
}

impl PanelElement for i8 {
    sums_in_integers!();

    #[inline(always)]
    unsafe fn load<S: Simd>(simd: S, from: *const Self) -> [S::Integers; 2] {
        // SAFETY: the caller promises a line, which is two vectors of pairs of bytes.
        unsafe { [simd.load_byte_pairs(from), simd.load_byte_pairs(from.add(2 * S::LANES))] }
    }
}
