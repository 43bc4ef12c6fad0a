//! The vector operations that kernels are written against, and the choice of instruction set.

mod isa;
mod portable;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
mod neon;

pub use isa::{ISA_VARIABLE, Isa, IsaError};

/// The widest vector of any instruction set here, in `f32` lanes.
pub(crate) const LANES_MAX: usize = 16;

/// The bits of the upper of two 16-bit numbers in 32 bits.
pub(crate) const UPPER_HALF: i32 = !0xFFFF;

/// Vectors of `f32` in one instruction set.
///
/// A value of an implementing type is the proof that this processor has the instructions.
/// All methods are `#[inline(always)]`: see the crate documentation for why that matters.
pub(crate) trait Simd: Copy {
    /// [`Self::LANES`] numbers in one register.
    type Vector: Copy;
    /// As many 32-bit integers, or pairs of 16-bit ones, in one register.
    type Integers: Copy;
    /// Numbers per vector, at most [`LANES_MAX`].
    const LANES: usize;
    /// Rows of the widest matrix-multiply tile whose sums still fit the registers, with two
    /// vectors per row.
    const TILE_ROWS: usize;

    /// Reads a vector.
    ///
    /// # Safety
    /// [`Self::LANES`] numbers must be readable at `from`; no alignment is needed.
    unsafe fn load_from(self, from: *const f32) -> Self::Vector;
    /// Writes a vector.
    ///
    /// # Safety
    /// [`Self::LANES`] numbers must be writable at `to`; no alignment is needed.
    unsafe fn store_to(self, vector: Self::Vector, to: *mut f32);

    /// Reads [`Self::LANES`] pairs of bfloat16: the lower halves and the upper halves, widened.
    ///
    /// # Safety
    /// [`Self::LANES`] pairs must be readable at `from`; no alignment is needed.
    unsafe fn load_bf16_pairs(self, from: *const u32) -> [Self::Vector; 2];

    /// All lanes equal to `value`.
    fn splat(self, value: f32) -> Self::Vector;
    /// `a + b`
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a - b`
    fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a * b`
    fn mul(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a / b`
    fn div(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// The larger of each pair.
    fn max(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// The smaller of each pair.
    fn min(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a * b + c`, rounded once where the processor can.
    fn mul_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// Each lane rounded to the nearest integer; lanes must be below 2^22 in size.
    fn round(self, a: Self::Vector) -> Self::Vector;
    /// `a * 2^exponent` for integral exponents in -126..=127.
    fn scale_by_power(self, a: Self::Vector, exponent: Self::Vector) -> Self::Vector;
    /// The sum of the lanes.
    fn sum(self, a: Self::Vector) -> f32;
    /// The largest lane.
    fn largest(self, a: Self::Vector) -> f32;

    /// All zeros.
    fn zero_integers(self) -> Self::Integers;
    /// The pair of 16-bit integers with these bits, in all lanes.
    fn splat_pair(self, bits: i32) -> Self::Integers;
    /// Reads [`Self::LANES`] pairs.
    ///
    /// # Safety
    /// Twice [`Self::LANES`] numbers must be readable at `from`; no alignment is needed.
    unsafe fn load_pairs(self, from: *const i16) -> Self::Integers;
    /// Writes [`Self::LANES`] pairs, or 32-bit integers.
    ///
    /// # Safety
    /// Twice [`Self::LANES`] numbers must be writable at `to`; no alignment is needed.
    unsafe fn store_pairs(self, pairs: Self::Integers, to: *mut i16);
    /// Reads [`Self::LANES`] pairs of bytes and widens them.
    ///
    /// # Safety
    /// Twice [`Self::LANES`] numbers must be readable at `from`; no alignment is needed.
    unsafe fn load_byte_pairs(self, from: *const i8) -> Self::Integers;
    /// `a[0] * b[0] + a[1] * b[1] + sums` for the pairs of each lane, modulo 2^32.
    fn multiply_add_pairs(
        self,
        a: Self::Integers,
        b: Self::Integers,
        sums: Self::Integers,
    ) -> Self::Integers;
    /// Each integer as the nearest `f32`.
    fn integers_to_f32(self, a: Self::Integers) -> Self::Vector;
    /// Rounds each lane to the nearest integer (ties to even), which must fit 16 bits, and
    /// writes it.
    ///
    /// # Safety
    /// [`Self::LANES`] numbers must be writable at `to`; no alignment is needed.
    unsafe fn store_rounded_to(self, vector: Self::Vector, to: *mut i16);

    /// Reads the first [`Self::LANES`] numbers of `from`.
    #[inline(always)]
    fn load(self, from: &[f32]) -> Self::Vector {
        assert!(from.len() >= Self::LANES, "a vector load needs {} numbers", Self::LANES);
        // SAFETY: the line above checked that LANES numbers are there.
        unsafe { self.load_from(from.as_ptr()) }
    }

    /// Writes the first [`Self::LANES`] numbers of `to`.
    #[inline(always)]
    fn store(self, vector: Self::Vector, to: &mut [f32]) {
        assert!(to.len() >= Self::LANES, "a vector store needs {} numbers", Self::LANES);
        // SAFETY: the line above checked that LANES numbers are there.
        unsafe { self.store_to(vector, to.as_mut_ptr()) }
    }

    /// Rounds each lane to the nearest integer (ties to even), which must fit 16 bits, and
    /// writes the first [`Self::LANES`] numbers of `to`.
    #[inline(always)]
    fn store_rounded(self, vector: Self::Vector, to: &mut [i16]) {
        assert!(to.len() >= Self::LANES, "a vector store needs {} numbers", Self::LANES);
        // SAFETY: the line above checked that LANES numbers are there.
        unsafe { self.store_rounded_to(vector, to.as_mut_ptr()) }
    }

    /// Reads up to [`Self::LANES`] numbers; the lanes beyond them hold `fill`.
    #[inline(always)]
    fn load_partial(self, from: &[f32], fill: f32) -> Self::Vector {
        let mut lanes = [fill; LANES_MAX];
        lanes[..from.len()].copy_from_slice(from);
        self.load(&lanes)
    }

    /// Writes the first lanes, as many as `to` is long (at most [`Self::LANES`]).
    #[inline(always)]
    fn store_partial(self, vector: Self::Vector, to: &mut [f32]) {
        let mut lanes = [0.0; LANES_MAX];
        self.store(vector, &mut lanes);
        to.copy_from_slice(&lanes[..to.len()]);
    }
}

/// Work that [`Isa::run`] compiles once per instruction set.
pub(crate) trait Kernel {
    /// What the work returns.
    type Output;
    /// Does the work. Implementations are `#[inline(always)]`.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// A function of one vector, as a type, so that it is inlined for certain.
pub(crate) trait Unary: Copy {
    /// The function.
    fn apply<S: Simd>(self, simd: S, x: S::Vector) -> S::Vector;
}

/// Replaces every number by the function of it.
#[inline(always)]
pub(crate) fn map_in_place<S: Simd, F: Unary>(simd: S, function: F, values: &mut [f32]) {
    let mut chunks = values.chunks_exact_mut(S::LANES);
    for chunk in &mut chunks {
        simd.store(function.apply(simd, simd.load(chunk)), chunk);
    }
    let rest = chunks.into_remainder();
    if !rest.is_empty() {
        simd.store_partial(function.apply(simd, simd.load_partial(rest, 0.0)), rest);
    }
}
