//! Buffers on cache-line borders, and a store of them to reuse.

use std::ops::{Deref, DerefMut};

use crate::Cpu;

/// `f32` per cache line of 64 bytes.
const LINE: usize = 16;

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; LINE]);

/// A slice of `f32` that starts on a 64-byte border, so that vector loads cross no line.
#[derive(Default)]
pub struct Buffer {
    lines: Vec<Line>,
    length: usize,
}

impl Buffer {
    /// `length` zeros.
    #[must_use]
    pub fn zeroed(length: usize) -> Self {
        let mut buffer = Self::default();
        buffer.resize(length);
        buffer
    }

    /// Sets the length in numbers; what the buffer then holds is unspecified.
    pub fn resize(&mut self, length: usize) {
        let lines = length.div_ceil(LINE);
        if self.lines.len() < lines {
            self.lines.resize(lines, Line([0.0; LINE]));
        }
        self.length = length;
    }

    fn capacity(&self) -> usize {
        self.lines.len() * LINE
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: `lines` holds at least `length` numbers (see `resize`), all initialised, and
        // `Line` is `repr(C)` without padding.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.length) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as in `deref`, and `self` is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.length) }
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

/// What a forward pass carries along: the processor and the reusable buffers.
pub struct Workspace {
    /// Instruction set and thread budget of every kernel called with this workspace.
    pub cpu: Cpu,
    /// The buffers.
    pub scratch: Scratch,
}

impl Workspace {
    /// A workspace without buffers yet.
    #[must_use]
    pub fn new(cpu: Cpu) -> Self {
        Self { cpu, scratch: Scratch::default() }
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
