//! Buffers on cache-line borders, and a store of them to reuse.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use crate::{Cpu, Precision};

/// Bytes per cache line.
const LINE_BYTES: usize = 64;

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; LINE_BYTES]);

/// Numbers for which every pattern of bits is a value.
///
/// # Safety
/// Implementing types have no padding and no invalid bit pattern, and divide a cache line.
pub(crate) unsafe trait Plain: Copy {}

// SAFETY: all bits of these primitive types are value bits, and their sizes are 1, 2 and 4.
unsafe impl Plain for i8 {}
// SAFETY: as above.
unsafe impl Plain for i16 {}
// SAFETY: as above.
unsafe impl Plain for u32 {}
// SAFETY: as above.
unsafe impl Plain for f32 {}

/// Numbers that start on a 64-byte border, so that vector loads cross no line.
pub(crate) struct Lines<T> {
    lines: Vec<Line>,
    length: usize,
    numbers: PhantomData<T>,
}

impl<T> Default for Lines<T> {
    fn default() -> Self {
        Self { lines: Vec::new(), length: 0, numbers: PhantomData }
    }
}

impl<T: Plain> Lines<T> {
    const PER_LINE: usize = LINE_BYTES / size_of::<T>();

    /// `length` zeros.
    pub(crate) fn zeroed(length: usize) -> Self {
        let mut lines = Self::default();
        lines.resize(length);
        lines
    }

    /// Sets the length in numbers; what is then held is unspecified.
    pub(crate) fn resize(&mut self, length: usize) {
        let lines = length.div_ceil(Self::PER_LINE);
        if self.lines.len() < lines {
            self.lines.resize(lines, Line([0; LINE_BYTES]));
        }
        self.length = length;
    }

    fn capacity(&self) -> usize {
        self.lines.len() * Self::PER_LINE
    }
}

impl<T: Plain> Deref for Lines<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: `lines` holds the bytes of at least `length` numbers (see `resize`), all
        // initialised, aligned to more than any `Plain` type asks for; any bits are a number.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.length) }
    }
}

impl<T: Plain> DerefMut for Lines<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`, and `self` is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.length) }
    }
}

/// A slice of `f32` that starts on a 64-byte border, so that vector loads cross no line.
#[derive(Default)]
pub struct Buffer(Lines<f32>);

impl Buffer {
    /// `length` zeros.
    #[must_use]
    pub fn zeroed(length: usize) -> Self {
        Self(Lines::zeroed(length))
    }

    /// Sets the length in numbers; what the buffer then holds is unspecified.
    pub fn resize(&mut self, length: usize) {
        self.0.resize(length);
    }

    fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.0
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.0
    }
}

/// Buffers between uses, so that a forward pass allocates at its first call only.
#[derive(Default)]
pub struct Scratch {
    free: Vec<Buffer>,
}

impl Scratch {
    /// A buffer of `length` numbers, with unspecified contents: the smallest free one that is
    /// large enough, else the largest one grown.
    #[must_use]
    pub fn take(&mut self, length: usize) -> Buffer {
        let fits = |buffer: &Buffer| buffer.capacity() >= length;
        let best = (0..self.free.len()).min_by_key(|&index| {
            let buffer = &self.free[index];
            let size = buffer.capacity();
            if fits(buffer) { (false, size) } else { (true, usize::MAX - size) }
        });
        let mut buffer = best.map(|index| self.free.swap_remove(index)).unwrap_or_default();
        buffer.resize(length);
        buffer
    }

    /// Gives a buffer back for the next [`Scratch::take`].
    pub fn put(&mut self, buffer: Buffer) {
        self.free.push(buffer);
    }

    /// Numbers held by the free buffers together.
    #[must_use]
    pub fn held(&self) -> usize {
        self.free.iter().map(Buffer::capacity).sum()
    }
}

/// What a forward pass carries along: the processor, the precision and the reusable buffers.
pub struct Workspace {
    /// Instruction set and thread budget of every kernel called with this workspace.
    pub cpu: Cpu,
    /// What attention may compute in: at less than `f32` and where the processor has a tile
    /// unit, queries, keys, values and weights are rounded to bf16. Matrix multiplies follow the
    /// precision of their weights instead.
    pub precision: Precision,
    /// The buffers.
    pub scratch: Scratch,
}

impl Workspace {
    /// A workspace without buffers yet, at [`Precision::F32`].
    #[must_use]
    pub fn new(cpu: Cpu) -> Self {
        Self { cpu, precision: Precision::F32, scratch: Scratch::default() }
    }

    /// The same at another precision.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::{Buffer, Scratch};

    #[test]
    fn buffers_start_on_a_line_and_are_reused() {
        let mut scratch = Scratch::default();
        let (small, large) = (scratch.take(10), scratch.take(1000));
        assert_eq!(large.as_ptr().align_offset(64), 0);
        assert_eq!((small.len(), large.len()), (10, 1000));
        let (small_at, large_at) = (small.as_ptr(), large.as_ptr());
        scratch.put(large);
        scratch.put(small);
        assert_eq!(scratch.take(12).as_ptr(), small_at);
        assert_eq!(scratch.take(900).as_ptr(), large_at);
        assert!(Buffer::zeroed(33).iter().all(|&x| x == 0.0));
    }
}
