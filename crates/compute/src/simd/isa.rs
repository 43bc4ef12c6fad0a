//! Which instruction set runs: decided once per process.

use std::fmt;
use std::sync::OnceLock;

use super::Kernel;
use super::portable::Portable;

#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
use super::neon::Neon;
#[cfg(target_arch = "x86_64")]
use super::{avx2::Avx2, avx512::Avx512};
use crate::amx::Amx;

/// The environment variable that forces an instruction set: `portable`, `neon`, `avx2`,
/// `avx512` or `amx`.
pub const ISA_VARIABLE: &str = "ONESPACE_ISA";

/// An instruction set that this processor has.
///
/// The value is the proof: none can be made for instructions that are absent.
#[derive(Clone, Copy)]
pub struct Isa(Level);

#[derive(Clone, Copy)]
enum Level {
    Portable,
    #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
    Neon(Neon),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512<false>),
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni(Avx512<true>),
    /// AVX-512 for everything but products in bf16 and 8-bit integers.
    #[cfg(target_arch = "x86_64")]
    Amx(Avx512<true>, Amx),
}

/// [`ISA_VARIABLE`] asks for something that is unknown or that this processor lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IsaError {
    requested: String,
}

impl fmt::Display for IsaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let available: Vec<_> = Isa::available().iter().map(|isa| isa.name()).collect();
        write!(
            f,
            "{ISA_VARIABLE}={} is not available on this processor; unset it or use one of: {}",
            self.requested,
            available.join(", ")
        )
    }
}

impl std::error::Error for IsaError {}

impl Isa {
    /// Every name that [`Isa::named`] knows, slowest first, whether or not this processor has it.
    pub const NAMES: [&'static str; 5] = ["portable", "neon", "avx2", "avx512", "amx"];

    /// The instruction set of this process: the fastest that the processor has, or the one that
    /// [`ISA_VARIABLE`] names. Decided at the first call and constant from then on.
    ///
    /// # Errors
    /// When the variable names something unknown or absent.
    pub fn current() -> Result<Self, IsaError> {
        static CURRENT: OnceLock<Result<Isa, IsaError>> = OnceLock::new();
        CURRENT.get_or_init(Self::choose).clone()
    }

    fn choose() -> Result<Self, IsaError> {
        match std::env::var(ISA_VARIABLE) {
            Ok(name) if !name.is_empty() => Self::named(&name).ok_or(IsaError { requested: name }),
            _ => Ok(Self::available().last().copied().unwrap_or(Self(Level::Portable))),
        }
    }

    /// The instruction set of that name, where this processor has it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::available().into_iter().find(|isa| isa.name() == name)
    }

    /// Everything that this processor has, slowest first.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let mut found = vec![Self(Level::Portable)];
        #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
        found.extend(Neon::detect().map(|proof| Self(Level::Neon(proof))));
        #[cfg(target_arch = "x86_64")]
        {
            found.extend(Avx2::detect().map(|proof| Self(Level::Avx2(proof))));
            // One entry and one name: the second computes the same numbers, faster.
            let plain = || Avx512::detect().map(|proof| Self(Level::Avx512(proof)));
            let vnni = Avx512::detect().map(|proof| Self(Level::Avx512Vnni(proof)));
            found.extend(vnni.or_else(plain));
            let tiles = Avx512::detect().zip(Amx::detect());
            found.extend(tiles.map(|(proof, unit)| Self(Level::Amx(proof, unit))));
        }
        found
    }

    /// The name, as [`ISA_VARIABLE`] spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            Level::Portable => Self::NAMES[0],
            #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
            Level::Neon(_) => Self::NAMES[1],
            #[cfg(target_arch = "x86_64")]
            Level::Avx2(_) => Self::NAMES[2],
            #[cfg(target_arch = "x86_64")]
            Level::Avx512(_) | Level::Avx512Vnni(_) => Self::NAMES[3],
            #[cfg(target_arch = "x86_64")]
            Level::Amx(..) => Self::NAMES[4],
        }
    }

    /// Runs a kernel compiled for this instruction set.
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            Level::Portable => kernel.run(Portable),
            #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
            Level::Neon(proof) => proof.run(kernel),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2(proof) => proof.run(kernel),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512(proof) => proof.run(kernel),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512Vnni(proof) | Level::Amx(proof, _) => proof.run(kernel),
        }
    }

    /// Runs a kernel on the vectors that come with a tile unit, and compiles it for no others.
    #[cfg_attr(
        not(all(target_arch = "x86_64", target_os = "linux")),
        expect(dead_code, reason = "no tile unit there")
    )]
    pub(crate) fn run_beside_tiles<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Level::Amx(proof, _) => proof.run(kernel),
            _ => unreachable!("a tile unit is used where the instruction set has one"),
        }
    }

    /// The tile unit, where the instruction set has one.
    pub(crate) fn tiles(self) -> Option<Amx> {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Level::Amx(_, unit) => Some(unit),
            _ => None,
        }
    }

    /// Whether it multiplies 16-bit integers faster than `f32`.
    pub(crate) fn has_fast_integers(self) -> bool {
        match self.0 {
            Level::Portable => false,
            #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
            Level::Neon(_) => false,
            #[cfg(target_arch = "x86_64")]
            Level::Avx2(_) | Level::Avx512(_) | Level::Avx512Vnni(_) | Level::Amx(..) => true,
        }
    }

    /// Columns per panel of a packed matrix: two vectors.
    pub(crate) fn panel_columns(self) -> usize {
        struct PanelColumns;
        impl Kernel for PanelColumns {
            type Output = usize;
            #[inline(always)]
            fn run<S: super::Simd>(self, _: S) -> usize {
                2 * S::LANES
            }
        }
        self.run(PanelColumns)
    }
}

impl PartialEq for Isa {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Isa {}

impl fmt::Debug for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Isa({})", self.name())
    }
}
