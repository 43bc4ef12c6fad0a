//! Vectors in answers, and how far apart they are.

use serde_json::Value;

/// How far the length of a unit vector in f32 may be from 1.
pub(crate) const UNIT_TOLERANCE: f64 = 1e-5;

/// A list of numbers as a vector.
pub(crate) fn vector(value: &Value) -> Vec<f64> {
    let numbers = value.as_array().unwrap_or_else(|| panic!("no vector: {value}"));
    numbers.iter().map(|number| number.as_f64().expect("a number")).collect()
}

/// The Euclidean length.
pub(crate) fn length(vector: &[f64]) -> f64 {
    vector.iter().map(|value| value * value).sum::<f64>().sqrt()
}

/// The vector at unit length.
pub(crate) fn normalised(vector: &[f64]) -> Vec<f64> {
    let length = length(vector);
    vector.iter().map(|value| value / length).collect()
}

/// The largest difference of two values at the same place.
pub(crate) fn largest_difference(one: &[f64], other: &[f64]) -> f64 {
    assert_eq!(one.len(), other.len(), "vectors of one length");
    one.iter().zip(other).map(|(one, other)| (one - other).abs()).fold(0.0, f64::max)
}
