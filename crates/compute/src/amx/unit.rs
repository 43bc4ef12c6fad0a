//! What the tile unit does, as a trait: the processor's own in `hardware.rs`, and in tests one
//! in plain Rust (`emulator.rs`) that does what Intel's manual says of each instruction.

use std::ops::{Deref, DerefMut};

use crate::Isa;
use crate::simd::Kernel;

/// Rows of a tile, and words in each of them.
pub(crate) const SIDE: usize = 16;
/// Tile registers.
pub(crate) const TILES: usize = 8;
/// Bytes in a row of a tile.
const ROW_BYTES: u16 = 64;

/// One tile in memory: sixteen cache lines of sixteen 32-bit words each. A word is one `f32` or
/// `i32` sum, two bf16 or four 8-bit integers.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Tile(pub(crate) [Line; SIDE]);

/// One row of a tile.
pub(crate) type Line = [u32; SIDE];

impl Tile {
    pub(crate) const ZERO: Self = Self([[0; SIDE]; SIDE]);
}

/// The shapes of the tile registers, as the instruction reads them: palette 1, the bytes per
/// row of each register from byte 16 on, and their rows from byte 48 on.
#[repr(C, align(64))]
pub(crate) struct TileConfig(pub(crate) [u8; 64]);

impl TileConfig {
    /// Registers of that many rows of 64 bytes; those of no row cannot be used.
    pub(crate) fn new(rows: [u8; TILES]) -> Self {
        let mut bytes = [0; 64];
        bytes[0] = 1;
        for (tile, rows) in rows.into_iter().enumerate().filter(|&(_, rows)| rows > 0) {
            bytes[16 + 2 * tile..18 + 2 * tile].copy_from_slice(&ROW_BYTES.to_le_bytes());
            bytes[48 + tile] = rows;
        }
        Self(bytes)
    }
}

/// A tile unit. The numbers of the registers are part of the instructions, hence constants.
///
/// Methods are `#[inline(always)]`, as those of `Simd` are.
pub(crate) trait TileUnit: Clone + Send + Sync {
    /// Runs a kernel on the vectors that are used beside this unit.
    fn run<K: Kernel>(&self, isa: Isa, kernel: K) -> K::Output;
    /// Sets the shapes of the registers and clears them.
    fn configure(&mut self, config: &TileConfig);
    /// Gives the registers up.
    fn release(&mut self);

    /// Clears a register.
    ///
    /// # Safety
    /// The register must be configured.
    unsafe fn zero<const TILE: u8>(&mut self);
    /// Reads a register, as many rows as it has.
    ///
    /// # Safety
    /// The register must be configured and that many rows readable.
    unsafe fn load<const TILE: u8>(&mut self, from: *const Tile);
    /// Writes a register, as many rows as it has.
    ///
    /// # Safety
    /// The register must be configured and that many rows writable.
    unsafe fn store<const TILE: u8>(&mut self, to: *mut Tile);
    /// `sum[m][n] += a[m] · b[n]` over pairs of bf16: word `k` of row `m` of `a` holds the same
    /// two features as word `n` of row `k` of `b`.
    ///
    /// # Safety
    /// The registers must be configured, `sum` and `a` with as many rows, and be different ones.
    unsafe fn dot_bf16<const SUM: u8, const A: u8, const B: u8>(&mut self);
    /// The same over groups of four signed 8-bit integers, with `i32` sums.
    ///
    /// # Safety
    /// As [`TileUnit::dot_bf16`].
    unsafe fn dot_i8<const SUM: u8, const A: u8, const B: u8>(&mut self);

    /// Asks for a cache line to be brought to the second cache level.
    fn prefetch(&mut self, line: &Line);
}

/// A unit whose registers are configured until this is dropped.
pub(crate) struct Configured<U: TileUnit>(U);

impl<U: TileUnit> Configured<U> {
    #[inline(always)]
    pub(crate) fn new(mut unit: U, config: &TileConfig) -> Self {
        unit.configure(config);
        Self(unit)
    }
}

impl<U: TileUnit> Deref for Configured<U> {
    type Target = U;
    #[inline(always)]
    fn deref(&self) -> &U {
        &self.0
    }
}

impl<U: TileUnit> DerefMut for Configured<U> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut U {
        &mut self.0
    }
}

impl<U: TileUnit> Drop for Configured<U> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.release();
    }
}
