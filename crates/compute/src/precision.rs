//! The numbers that a matrix multiply computes with.

use std::fmt;
use std::str::FromStr;

use crate::Isa;

/// The form of the weights, and of the products with them. Everything between the matrix
/// multiplies (sums after the store, norms, softmax, residuals) is `f32` at every precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Precision {
    /// 32-bit floating point throughout.
    F32,
    /// Weights rounded to 16-bit floating point with the exponent of `f32`; sums in `f32`.
    Bf16,
    /// Weights and activations as integers of up to 16 bits, as many as the exact 32-bit sums
    /// have room for; one scale per output column and one per input row.
    Int16,
    /// Weights as integers of 8 bits, activations of up to 16; otherwise as [`Self::Int16`].
    Int8,
}

impl Precision {
    /// Every precision, most exact first.
    pub const ALL: [Self; 4] = [Self::F32, Self::Int16, Self::Bf16, Self::Int8];

    /// The name in settings, descriptions and fingerprints.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Int16 => "int16",
            Self::Int8 => "int8",
        }
    }

    /// The precision of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|precision| precision.name() == name)
    }

    /// Whether attention may round to bf16 at this precision, where that is faster.
    pub(crate) fn narrows(self) -> bool {
        matches!(self, Self::Bf16 | Self::Int8)
    }

    /// The fastest precision of an instruction set whose vectors keep a cosine of at least
    /// [`COSINE_MIN`] to those of `f32`: the default of a model.
    ///
    /// With a tile unit that is [`Self::Bf16`]; where there are fast 16-bit products (AVX2,
    /// AVX-512) it is [`Self::Int16`], the most exact after `f32` besides: `gemm/integer.rs`
    /// says why.
    #[must_use]
    pub fn fastest_within_tolerance(isa: Isa) -> Self {
        if isa.tiles().is_some() {
            Self::Bf16
        } else if isa.has_fast_integers() {
            Self::Int16
        } else {
            Self::F32
        }
    }
}

/// How close the vectors of a default precision stay to those of [`Precision::F32`].
pub const COSINE_MIN: f64 = 0.9995;

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Precision {
    type Err = PrecisionError;

    fn from_str(name: &str) -> Result<Self, PrecisionError> {
        Self::named(name).ok_or_else(|| PrecisionError { requested: name.to_owned() })
    }
}

/// No precision has that name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PrecisionError {
    requested: String,
}

impl fmt::Display for PrecisionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Precision::ALL.map(Precision::name).join(", ");
        write!(f, "`{}` is no precision; use one of: {names}", self.requested)
    }
}

impl std::error::Error for PrecisionError {}

#[cfg(test)]
mod tests {
    use super::Precision;

    #[test]
    fn names_are_read_back_and_others_listed() {
        for precision in Precision::ALL {
            assert_eq!(precision.name().parse(), Ok(precision));
        }
        let error = "fp16".parse::<Precision>().unwrap_err().to_string();
        assert_eq!(error, "`fp16` is no precision; use one of: f32, int16, bf16, int8");
    }
}
