//! The processor's tile unit: detection, permission, and one `asm!` per instruction.
//!
//! The intrinsics and target features of AMX are not stable in Rust; inline assembly is. The
//! texts of the instructions are macros, so that `encoding.rs` can assemble the very same texts
//! and compare their bytes with the manual on processors that could not run them.

use std::arch::asm;
use std::arch::x86_64::{__cpuid_count, _MM_HINT_T1, _mm_prefetch};
use std::sync::OnceLock;

use super::unit::{Line, Tile, TileConfig, TileUnit};
use crate::Isa;
use crate::simd::Kernel;

/// The instruction texts. `{sum}`, `{a}`, `{b}` and `{tile}` are register numbers.
macro_rules! instruction {
    (configure) => {
        "ldtilecfg [{config}]"
    };
    (release) => {
        "tilerelease"
    };
    (zero) => {
        "tilezero tmm{tile}"
    };
    (load) => {
        "tileloadd tmm{tile}, [{address} + {stride}]"
    };
    (store) => {
        "tilestored [{address} + {stride}], tmm{tile}"
    };
    (dot_bf16) => {
        "tdpbf16ps tmm{sum}, tmm{a}, tmm{b}"
    };
    (dot_i8) => {
        "tdpbssd tmm{sum}, tmm{a}, tmm{b}"
    };
}
#[cfg(test)]
pub(super) use instruction;

/// Proof that this processor has AMX with bf16 and 8-bit integers, and that the operating
/// system lets this process use it.
#[derive(Clone, Copy)]
pub(crate) struct Amx(());

impl Amx {
    /// The proof, where all that holds. The operating system is asked once per process.
    pub(crate) fn detect() -> Option<Self> {
        static FOUND: OnceLock<bool> = OnceLock::new();
        let found = *FOUND.get_or_init(|| Features::read().suffice() && request_permission());
        found.then_some(Self(()))
    }
}

/// What the processor says of itself.
#[derive(Clone, Copy, Debug)]
struct Features {
    /// CPUID leaf 1, ECX.
    basic: u32,
    /// CPUID leaf 7, EDX.
    extended: u32,
    /// CPUID leaf 0x1D, subleaf 1, EAX, EBX and ECX: the sizes of palette 1.
    palette: [u32; 3],
    /// The state components that the operating system saves (XCR0).
    saved: u64,
}

/// The operating system has enabled XGETBV.
const OSXSAVE: u32 = 1 << 27;
/// AMX-BF16, AMX-TILE and AMX-INT8.
const TILE_FEATURES: u32 = 1 << 22 | 1 << 24 | 1 << 25;
/// Tile configuration and tile data.
const TILE_STATES: u64 = 1 << 17 | 1 << 18;
/// Bytes of all tiles and of one (8 and 1 KiB), bytes of a row and tiles (64 and 8), rows.
const PALETTE: [u32; 3] = [1024 << 16 | 8192, 8 << 16 | 64, 16];
/// The leaf of palettes, and the highest leaf there must be for it.
const PALETTE_LEAF: u32 = 0x1D;

impl Features {
    fn read() -> Self {
        let leaf = |leaf, subleaf| __cpuid_count(leaf, subleaf);
        let highest = leaf(0, 0).eax;
        let basic = leaf(1, 0).ecx;
        let saved = if basic & OSXSAVE == 0 { 0 } else { saved_states() };
        let mut features = Self { basic, extended: 0, palette: [0; 3], saved };
        if highest >= PALETTE_LEAF {
            let palette = leaf(PALETTE_LEAF, 1);
            features.extended = leaf(7, 0).edx;
            features.palette = [palette.eax, palette.ebx, palette.ecx];
        }
        features
    }

    /// Whether the instructions are there, the system saves their registers, and these have
    /// the shape that this crate is written for.
    fn suffice(self) -> bool {
        self.basic & OSXSAVE != 0
            && self.extended & TILE_FEATURES == TILE_FEATURES
            && self.saved & TILE_STATES == TILE_STATES
            && self.palette == PALETTE
    }
}

/// XCR0. Only where OSXSAVE is set.
fn saved_states() -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: the caller has seen OSXSAVE, so the instruction exists and register 0 is readable.
    unsafe {
        asm!("xgetbv", in("ecx") 0, out("eax") low, out("edx") high,
            options(nomem, nostack, preserves_flags));
    }
    u64::from(high) << 32 | u64::from(low)
}

/// Asks Linux for the tile registers, which it gives to a process only on request: their state
/// enlarges what every thread saves. Covers all threads, present and future.
fn request_permission() -> bool {
    /// `arch_prctl`, its request `ARCH_REQ_XCOMP_PERM`, and the component of tile data.
    const CALL: i64 = 158;
    const REQUEST: i64 = 0x1023;
    const TILE_DATA: i64 = 18;
    let result: i64;
    // SAFETY: a system call that takes two numbers and touches no memory of this process; the
    // kernel overwrites RCX and R11.
    unsafe {
        asm!("syscall", inlateout("rax") CALL => result, in("rdi") REQUEST, in("rsi") TILE_DATA,
            out("rcx") _, out("r11") _, options(nostack));
    }
    result == 0
}

/// Bytes from row to row of a tile in memory.
const STRIDE: usize = 64;

impl TileUnit for Amx {
    fn run<K: Kernel>(&self, isa: Isa, kernel: K) -> K::Output {
        isa.run_beside_tiles(kernel)
    }

    #[inline(always)]
    fn configure(&mut self, config: &TileConfig) {
        // SAFETY: `self` proves the instruction; it reads the 64 bytes of the configuration.
        unsafe {
            asm!(instruction!(configure), config = in(reg) config,
                options(nostack, preserves_flags, readonly));
        }
    }

    #[inline(always)]
    fn release(&mut self) {
        // SAFETY: `self` proves the instruction, which touches tile registers only.
        unsafe { asm!(instruction!(release), options(nostack, preserves_flags, nomem)) }
    }

    #[inline(always)]
    unsafe fn zero<const TILE: u8>(&mut self) {
        // SAFETY: `self` proves the instruction; the caller has configured the register.
        unsafe {
            asm!(instruction!(zero), tile = const TILE, options(nostack, preserves_flags, nomem));
        }
    }

    #[inline(always)]
    unsafe fn load<const TILE: u8>(&mut self, from: *const Tile) {
        // SAFETY: `self` proves the instruction; the caller has configured the register and
        // promises that its rows are readable.
        unsafe {
            asm!(instruction!(load), tile = const TILE, address = in(reg) from,
                stride = in(reg) STRIDE, options(nostack, preserves_flags, readonly));
        }
    }

    #[inline(always)]
    unsafe fn store<const TILE: u8>(&mut self, to: *mut Tile) {
        // SAFETY: `self` proves the instruction; the caller has configured the register and
        // promises that its rows are writable.
        unsafe {
            asm!(instruction!(store), tile = const TILE, address = in(reg) to,
                stride = in(reg) STRIDE, options(nostack, preserves_flags));
        }
    }

    #[inline(always)]
    unsafe fn dot_bf16<const SUM: u8, const A: u8, const B: u8>(&mut self) {
        // SAFETY: `self` proves the instruction; the caller has configured the registers.
        unsafe {
            asm!(instruction!(dot_bf16), sum = const SUM, a = const A, b = const B,
                options(nostack, preserves_flags, nomem));
        }
    }

    #[inline(always)]
    unsafe fn dot_i8<const SUM: u8, const A: u8, const B: u8>(&mut self) {
        // SAFETY: `self` proves the instruction; the caller has configured the registers.
        unsafe {
            asm!(instruction!(dot_i8), sum = const SUM, a = const A, b = const B,
                options(nostack, preserves_flags, nomem));
        }
    }

    #[inline(always)]
    fn prefetch(&mut self, line: &Line) {
        // SAFETY: a hint, which every x86-64 processor has and which faults at no address.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast()) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Amx, Features, OSXSAVE, PALETTE, TILE_FEATURES, TILE_STATES};

    const ALL: Features =
        Features { basic: OSXSAVE, extended: TILE_FEATURES, palette: PALETTE, saved: TILE_STATES };

    #[test]
    fn every_part_is_needed() {
        assert!(ALL.suffice());
        assert!(Features { basic: u32::MAX, saved: u64::MAX, ..ALL }.suffice());
        let lacking = [
            Features { basic: 0, ..ALL },
            Features { extended: TILE_FEATURES & !(1 << 22), ..ALL },
            Features { extended: TILE_FEATURES & !(1 << 24), ..ALL },
            Features { extended: TILE_FEATURES & !(1 << 25), ..ALL },
            Features { palette: [0; 3], ..ALL },
            Features { palette: [PALETTE[0], PALETTE[1], 8], ..ALL },
            Features { saved: 1 << 17, ..ALL },
            Features { saved: 1 << 18, ..ALL },
        ];
        for features in lacking {
            assert!(!features.suffice(), "{features:?}");
        }
    }

    /// The kernel lists a feature only where it has enabled it.
    #[test]
    fn found_exactly_where_the_kernel_lists_it() {
        let listed = std::fs::read_to_string("/proc/cpuinfo").unwrap();
        let flags = listed.lines().find(|line| line.starts_with("flags")).unwrap();
        let has = |name: &str| flags.split_whitespace().any(|flag| flag == name);
        let all = ["amx_tile", "amx_bf16", "amx_int8"].into_iter().all(has);
        assert_eq!(Features::read().suffice(), all);
        assert!(all || Amx::detect().is_none());
    }
}
