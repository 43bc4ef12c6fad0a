//! From `f32` to integers with one scale: rows of activations, and columns of weights.

use crate::simd::{LANES_MAX, Simd};

/// The largest exact sum of products.
const SUM_MAX: f32 = 2_147_483_520.0;
/// The largest integer that a lane takes.
pub(super) const INTEGER_MAX: f32 = 32_767.0;
/// Most features of a row: bounds the rounding error of its length.
pub(super) const FEATURES_MAX: usize = 1 << 20;
/// Sums of squares outside of this range may have lost terms, or be lost.
const SQUARES_MIN: f32 = 1e-30;

/// How large integers may get: each alone, and all of a vector together in Euclidean length.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    pub(super) largest: f32,
    pub(super) length: f32,
}

impl Room {
    /// Room for weights of 16 bits that leaves rows as much.
    pub(super) fn balanced(features: usize) -> Self {
        Self::new(SUM_MAX.sqrt(), features)
    }

    /// Room for weights of 8 bits.
    pub(super) fn bytes() -> Self {
        Self { largest: 127.0, length: f32::INFINITY }
    }

    /// Room for rows next to weights whose longest column has that length.
    pub(super) fn beside(weights: f32, features: usize) -> Self {
        Self::new(SUM_MAX / weights.max(1.0), features)
    }

    /// Room up to a length after rounding: each integer is off by half a unit at most, and the
    /// length itself by the rounding of its sum.
    #[expect(clippy::cast_precision_loss, reason = "features are at most FEATURES_MAX")]
    fn new(length: f32, features: usize) -> Self {
        let features = features as f32;
        let certain = length * (1.0 - (features + 8.0) * f32::EPSILON);
        Self { largest: INTEGER_MAX, length: (certain - 0.5 * features.sqrt()).max(0.0) }
    }

    /// The number by which values become integers, and by which integers become values again.
    /// Zeros stay zeros, and what is no larger than about 1e-33 becomes one; where something is
    /// not finite the second is NaN.
    #[expect(clippy::cast_precision_loss, reason = "features are at most FEATURES_MAX")]
    fn scales(self, largest: f32, squares: f32, features: usize) -> (f32, f32) {
        if squares.is_nan() || largest.is_infinite() {
            return (0.0, f32::NAN);
        }
        let exact = (SQUARES_MIN..f32::INFINITY).contains(&squares);
        let length = if exact { squares.sqrt() } else { largest * (features as f32).sqrt() };
        let inverse = (length / self.length).max(largest / self.largest);
        if inverse < f32::MIN_POSITIVE { (0.0, 0.0) } else { (1.0 / inverse, inverse) }
    }
}

/// Writes a vector of values as integers, then zeros, and returns what one unit is worth.
///
/// Sums are taken over 16 lanes in one order on every instruction set, so that all of them
/// make the same integers. `out` is a multiple of 16 long and at least as long as `row`.
#[inline(always)]
pub(super) fn quantize<S: Simd>(simd: S, row: &[f32], room: Room, out: &mut [i16]) -> f32 {
    let (largest, squares) = extent(simd, row);
    let (factor, unit) = room.scales(largest, squares, row.len());
    if factor == 0.0 {
        out.fill(0);
        return unit;
    }
    let factors = simd.splat(factor);
    let whole = row.len() - row.len() % S::LANES;
    for at in (0..whole).step_by(S::LANES) {
        simd.store_rounded(simd.mul(simd.load(&row[at..]), factors), &mut out[at..]);
    }
    if whole < out.len() {
        let rest = simd.load_partial(&row[whole..], 0.0);
        simd.store_rounded(simd.mul(rest, factors), &mut out[whole..]);
    }
    let written = (whole + S::LANES).min(out.len());
    out[written..].fill(0);
    unit
}

/// The largest size, and the sum of the squares.
#[inline(always)]
fn extent<S: Simd>(simd: S, row: &[f32]) -> (f32, f32) {
    let zero = simd.splat(0.0);
    let mut largest = [zero; 16];
    let mut squares = [zero; 16];
    let vectors = LANES_MAX / S::LANES;
    let mut chunks = row.chunks_exact(LANES_MAX);
    for chunk in &mut chunks {
        for vector in 0..vectors {
            let x = simd.load(&chunk[vector * S::LANES..]);
            largest[vector] = simd.max(largest[vector], simd.max(x, simd.sub(zero, x)));
            squares[vector] = simd.add(squares[vector], simd.mul(x, x));
        }
    }
    let mut sizes = [0.0; LANES_MAX];
    let mut sums = [0.0; LANES_MAX];
    for vector in 0..vectors {
        simd.store(largest[vector], &mut sizes[vector * S::LANES..]);
        simd.store(squares[vector], &mut sums[vector * S::LANES..]);
    }
    for (lane, &x) in chunks.remainder().iter().enumerate() {
        sizes[lane] = sizes[lane].max(x.abs());
        sums[lane] += x * x;
    }
    (sizes.into_iter().fold(0.0, f32::max), halve(sums))
}

/// The sum of 16 numbers, always in the same order.
#[inline(always)]
fn halve(mut sums: [f32; LANES_MAX]) -> f32 {
    let mut half = LANES_MAX / 2;
    while half > 0 {
        for lane in 0..half {
            sums[lane] += sums[lane + half];
        }
        half /= 2;
    }
    sums[0]
}

#[cfg(test)]
mod tests {
    use super::{FEATURES_MAX, Room, quantize};
    use crate::Isa;
    use crate::simd::{Kernel, Simd};

    struct Quantize<'a>(&'a [f32], Room, &'a mut [i16]);

    impl Kernel for Quantize<'_> {
        type Output = f32;
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) -> f32 {
            quantize(simd, self.0, self.1, self.2)
        }
    }

    /// The integers of a row and their unit, the same on every instruction set.
    fn integers(row: &[f32], room: Room) -> (Vec<i16>, f32) {
        let results: Vec<_> = Isa::available()
            .into_iter()
            .map(|isa| {
                let mut out = vec![i16::MAX; row.len().next_multiple_of(16)];
                let unit = isa.run(Quantize(row, room, &mut out));
                assert!(out[row.len()..].iter().all(|&filled| filled == 0), "{isa:?}");
                out.truncate(row.len());
                (out, unit)
            })
            .collect();
        for (integers, unit) in &results {
            assert_eq!(integers, &results[0].0);
            assert_eq!(unit.to_bits(), results[0].1.to_bits());
        }
        results[0].clone()
    }

    fn wave(length: usize) -> Vec<f32> {
        (0..length).map(|at| (at as f32 * 0.7).sin() * 3.0 + 0.1).collect()
    }

    fn squares(integers: &[i16]) -> i64 {
        integers.iter().map(|&x| i64::from(x).pow(2)).sum()
    }

    #[test]
    fn integers_times_their_unit_are_the_row() {
        for length in [1, 2, 3, 15, 16, 17, 33, 257, 3072] {
            let row = wave(length);
            let (integers, unit) = integers(&row, Room::balanced(length));
            for (x, integer) in row.iter().zip(integers) {
                let error = (f64::from(*x) - f64::from(integer) * f64::from(unit)).abs();
                assert!(error <= 0.501 * f64::from(unit), "{length}: {x} is {integer} x {unit}");
            }
        }
    }

    /// Equal rows have the largest product that Cauchy and Schwarz allow.
    #[test]
    fn no_sum_leaves_32_bits() {
        for length in [1, 2, 3, 17, 257, 768, 4096, 1 << 16, FEATURES_MAX] {
            for row in [wave(length), vec![1.0; length], vec![-2.5; length]] {
                let sum = squares(&integers(&row, Room::balanced(length)).0);
                assert!(sum <= i64::from(i32::MAX), "{length}: {sum}");
                // And the room is used, but by a few features, of 16 bits each, and where very
                // many make the length uncertain.
                let tight = (17..=1 << 16).contains(&length);
                assert!(!tight || sum > i64::from(i32::MAX) / 4 * 3, "{length}: {sum}");
            }
        }
    }

    #[test]
    fn an_outlier_takes_no_room_from_the_others() {
        let mut row = wave(768);
        let before = integers(&row, Room::balanced(768)).1;
        row[100] = 60.0;
        let after = integers(&row, Room::balanced(768)).1;
        // To the largest value it would be 20 times; the length grows by 1.4.
        assert!(after < 1.5 * before, "{after} after {before}");
    }

    #[test]
    fn what_is_not_finite_gives_nan_and_zeros_stay() {
        let room = Room::balanced(20);
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for at in [0, 17, 19] {
                let mut row = wave(20);
                row[at] = bad;
                assert!(integers(&row, room).1.is_nan(), "{bad} at {at}");
            }
        }
        assert_eq!(integers(&[0.0; 20], room), (vec![0; 20], 0.0));
    }

    /// Squares that overflow or vanish do not spoil the length.
    #[test]
    fn huge_and_tiny_rows_keep_their_room() {
        for size in [1e30, 1e-25, 1e-32] {
            let row = [size; 100];
            let (integers, unit) = integers(&row, Room::balanced(100));
            assert!(squares(&integers) <= i64::from(i32::MAX), "{size}");
            let error = f64::from(integers[0]) * f64::from(unit) / f64::from(size) - 1.0;
            assert!(error.abs() < 1e-3, "{size}: off by {error}");
        }
    }
}
