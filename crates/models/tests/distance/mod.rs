//! How far our results are from the reference's.

/// How far two results are apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Distance {
    pub(crate) cosine: f64,
    /// Largest difference over the largest expected number.
    pub(crate) relative: f64,
}

/// Compares two results of one length.
pub(crate) fn distance(ours: &[f32], theirs: &[f32]) -> Distance {
    assert_eq!(ours.len(), theirs.len(), "different shapes");
    let pairs = || ours.iter().zip(theirs).map(|(&a, &b)| (f64::from(a), f64::from(b)));
    let sum = |term: fn((f64, f64)) -> f64| pairs().map(term).sum::<f64>();
    let lengths = sum(|(a, _)| a * a).sqrt() * sum(|(_, b)| b * b).sqrt();
    let largest = pairs().map(|(_, b)| b.abs()).fold(0.0, f64::max);
    let difference = pairs().map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    Distance { cosine: sum(|(a, b)| a * b) / lengths, relative: difference / largest }
}
