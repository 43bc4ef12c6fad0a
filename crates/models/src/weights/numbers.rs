//! Stored numbers, little-endian, and how they are widened.

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

/// Numbers widened at a time.
const WIDEN_AT_ONCE: usize = 256;

/// How numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NumberKind {
    F32,
    F16,
    Bf16,
}

impl NumberKind {
    /// The kind of that name in a header.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "F32" => Some(Self::F32),
            "F16" => Some(Self::F16),
            "BF16" => Some(Self::Bf16),
            _ => None,
        }
    }

    /// Bytes per number.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    /// Widens as many numbers as `out` holds.
    pub(crate) fn widen(self, bytes: &[u8], out: &mut [f32]) {
        match self {
            Self::F32 => {
                for (value, bytes) in out.iter_mut().zip(bytes.as_chunks::<4>().0) {
                    *value = f32::from_le_bytes(*bytes);
                }
            }
            Self::F16 => widen_f16(bytes, out),
            Self::Bf16 => {
                for (value, bytes) in out.iter_mut().zip(bytes.as_chunks::<2>().0) {
                    *value = bf16::from_le_bytes(*bytes).to_f32();
                }
            }
        }
    }
}

/// The place of the first number that is not finite.
pub(super) fn first_not_finite(values: &[f32]) -> Option<usize> {
    // Without a way out of the loop, several numbers are looked at at once.
    let all = values.iter().fold(true, |all, value| all & value.is_finite());
    if all { None } else { values.iter().position(|value| !value.is_finite()) }
}

/// In blocks, because processors convert several halves at once.
fn widen_f16(bytes: &[u8], out: &mut [f32]) {
    let mut halves = [f16::ZERO; WIDEN_AT_ONCE];
    let chunks = bytes.chunks(WIDEN_AT_ONCE * 2);
    for (bytes, out) in chunks.zip(out.chunks_mut(WIDEN_AT_ONCE)) {
        let halves = &mut halves[..out.len()];
        for (half, pair) in halves.iter_mut().zip(bytes.as_chunks::<2>().0) {
            *half = f16::from_le_bytes(*pair);
        }
        halves.convert_to_f32_slice(out);
    }
}

#[cfg(test)]
mod tests {
    use half::{bf16, f16};

    use super::NumberKind;

    #[test]
    fn every_kind_keeps_its_numbers() {
        // Eight bits below the sign: each kind holds them exactly.
        let values: Vec<f32> = (0..500_i16).map(|x| f32::from(x % 256 - 128) / 8.0).collect();
        let halves = values.iter().flat_map(|&x| f16::from_f32(x).to_le_bytes()).collect();
        let brains = values.iter().flat_map(|&x| bf16::from_f32(x).to_le_bytes()).collect();
        let stored: [(NumberKind, Vec<u8>); 3] = [
            (NumberKind::F32, values.iter().flat_map(|x| x.to_le_bytes()).collect()),
            (NumberKind::F16, halves),
            (NumberKind::Bf16, brains),
        ];
        for (kind, bytes) in stored {
            let mut widened = vec![0.0; values.len()];
            kind.widen(&bytes, &mut widened);
            assert_eq!(widened, values, "{kind:?}");
        }
    }
}
