//! What counts as the same as a stored result of the reference, in `f32`.

#![expect(clippy::print_stdout, reason = "the distances are worth reading")]

use super::distance::distance;

/// Of vectors and of the states on the way.
pub(crate) const COSINE_MIN: f64 = 0.999_999;
/// Largest difference over the largest number, of the same.
pub(crate) const RELATIVE_MAX: f64 = 1e-4;

/// Says how a result differs that is too far from the stored one.
pub(crate) fn too_far(name: &str, ours: &[f32], theirs: Option<Vec<f32>>) -> Option<String> {
    let theirs = theirs.unwrap_or_else(|| panic!("{name} is not stored"));
    let found = distance(ours, &theirs);
    println!("{name:32} cosine {:.9} relative {:.1e}", found.cosine, found.relative);
    let close = found.cosine >= COSINE_MIN && found.relative <= RELATIVE_MAX;
    (!close).then(|| format!("{name}: {found:?}"))
}

/// Fails with everything that was found wrong.
pub(crate) fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
