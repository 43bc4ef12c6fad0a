//! Weights in 16-bit floating point with the exponent of `f32` (bfloat16).

/// Rounds to the nearest bfloat16, ties to even, and returns its bits. What is not a number
/// stays so.
pub(crate) fn bf16_bits(value: f32) -> u16 {
    let bits = value.to_bits();
    if value.is_nan() {
        // A set bit that survives the cut keeps it from turning into an infinity.
        return (bits >> 16) as u16 | 0x40;
    }
    let tie_to_even = (bits >> 16) & 1;
    // Cannot overflow: the largest bits that are not NaN are those of infinity.
    ((bits + 0x7FFF + tie_to_even) >> 16) as u16
}

/// Packs the lines of `f32` panels of `width` columns into pairs: see the `PanelElement` of
/// `u32`.
pub(crate) fn pack_pairs(panels: &[f32], width: usize, packed: &mut [u32]) {
    let half = width / 2;
    for (line, pairs) in panels.chunks_exact(width).zip(packed.chunks_exact_mut(half)) {
        let (low, high) = line.split_at(half);
        for ((&low, &high), pair) in low.iter().zip(high).zip(pairs) {
            *pair = u32::from(bf16_bits(low)) | u32::from(bf16_bits(high)) << 16;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::bf16_bits;

    #[test]
    fn rounding_is_to_nearest_even() {
        let rows = [
            (0x3F80_0000_u32, 0x3F80_u16),
            (0x3F80_8000, 0x3F80),
            (0x3F80_8001, 0x3F81),
            (0x3F81_8000, 0x3F82),
            (0x7F7F_FFFF, 0x7F80),
            (0xFF80_0000, 0xFF80),
            (0x7F80_0001, 0x7FC0),
        ];
        for (bits, expected) in rows {
            assert_eq!(bf16_bits(f32::from_bits(bits)), expected, "{bits:#x}");
        }
    }
}
