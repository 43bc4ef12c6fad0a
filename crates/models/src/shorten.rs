//! Shorter vectors from long ones.

/// The first `dimension` numbers of an embedding, scaled to unit length again: the models are
/// trained so that these carry most of the meaning (Matryoshka representation).
///
/// A `dimension` of at least the embedding's own returns all of it. A start of nothing but
/// zeros stays zeros.
#[must_use]
pub fn shorten(embedding: &[f32], dimension: usize) -> Vec<f32> {
    let start = &embedding[..dimension.min(embedding.len())];
    let length = start.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    if length == 0.0 {
        return start.to_vec();
    }
    #[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is the point")]
    start.iter().map(|&x| (f64::from(x) / length) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::shorten;

    #[test]
    fn cut_and_scaled() {
        assert_eq!(shorten(&[3.0, 4.0, 12.0], 2), [0.6, 0.8]);
        assert_eq!(shorten(&[0.6, 0.8], 5), [0.6, 0.8]);
        assert_eq!(shorten(&[0.0, 1.0], 1), [0.0]);
    }
}
