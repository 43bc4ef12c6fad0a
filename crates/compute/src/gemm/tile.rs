//! The innermost loop: a few rows times one or more panels, with all sums in registers.

use super::line::PanelElement;
use crate::simd::Simd;

/// The most numbers in the sums of one tile: 12 rows of two vectors of 16.
pub(crate) const TILE_MAX: usize = 384;

/// The sums of a tile, row-major, on a cache-line border.
#[repr(C, align(64))]
pub(crate) struct Sums(pub(crate) [f32; TILE_MAX]);

/// Where a tile reads.
#[derive(Clone, Copy)]
pub(crate) struct TileInput<T> {
    /// First row of the left-hand matrix.
    pub(crate) rows: *const f32,
    /// Numbers from one row to the next.
    pub(crate) stride: usize,
    /// First panel of the right-hand matrix.
    pub(crate) panels: *const T,
    /// Elements from one panel to the next.
    pub(crate) panel_stride: usize,
    /// Features to sum over.
    pub(crate) features: usize,
}

/// Panels that one tile spans: with few rows it takes more panels, so that enough independent
/// sums are under way to hide the latency of the multiply-add.
pub(crate) const fn panels_per_tile(rows: usize) -> usize {
    match rows {
        1 => 4,
        2 | 3 => 2,
        _ => 1,
    }
}

/// Sums `rows` rows times `panels` panels. `sums` gets `rows` lines of
/// `panels * 2 * S::LANES` numbers.
///
/// # Safety
/// `input` must point to `rows` rows of `features` readable numbers and to `panels` panels of
/// `features` lines of `T::line::<S>()` elements. `rows` is in `1..=S::TILE_ROWS`, and `panels` is 1 or
/// `panels_per_tile(rows)`.
#[inline(always)]
pub(crate) unsafe fn sum_tile<S: Simd, T: PanelElement>(
    simd: S,
    (rows, panels): (usize, usize),
    input: TileInput<T>,
    sums: &mut Sums,
) {
    // SAFETY: the caller's promise is passed on with the numbers of rows and vectors.
    unsafe {
        match (rows, panels) {
            (1, 4) => tile::<S, T, 1, 8>(simd, input, sums),
            (1, _) => tile::<S, T, 1, 2>(simd, input, sums),
            (2, 2) => tile::<S, T, 2, 4>(simd, input, sums),
            (2, _) => tile::<S, T, 2, 2>(simd, input, sums),
            (3, 2) => tile::<S, T, 3, 4>(simd, input, sums),
            (3, _) => tile::<S, T, 3, 2>(simd, input, sums),
            (4, _) => tile::<S, T, 4, 2>(simd, input, sums),
            (5, _) => tile::<S, T, 5, 2>(simd, input, sums),
            (6, _) => tile::<S, T, 6, 2>(simd, input, sums),
            _ if S::TILE_ROWS <= 6 => unreachable!("tiles have at most {} rows", S::TILE_ROWS),
            (7, _) => tile::<S, T, 7, 2>(simd, input, sums),
            (8, _) => tile::<S, T, 8, 2>(simd, input, sums),
            (9, _) => tile::<S, T, 9, 2>(simd, input, sums),
            (10, _) => tile::<S, T, 10, 2>(simd, input, sums),
            (11, _) => tile::<S, T, 11, 2>(simd, input, sums),
            (12, _) => tile::<S, T, 12, 2>(simd, input, sums),
            _ => unreachable!("tiles have at most {} rows", S::TILE_ROWS),
        }
    }
}

/// `ROWS` rows times `VECTORS` vectors (two per panel).
///
/// # Safety
/// As [`sum_tile`], with `VECTORS / 2` panels.
#[inline(always)]
unsafe fn tile<S: Simd, T: PanelElement, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    input: TileInput<T>,
    sums: &mut Sums,
) {
    const { assert!(ROWS * VECTORS * crate::simd::LANES_MAX <= TILE_MAX) };
    let mut totals = [[simd.splat(0.0); VECTORS]; ROWS];
    for feature in 0..input.features {
        // SAFETY: `feature` is below `features`, and the caller promises that many numbers in
        // each of ROWS rows and VECTORS / 2 panels.
        unsafe {
            let line = input.panels.add(feature * T::line::<S>());
            let mut weights = [simd.splat(0.0); VECTORS];
            for (panel, pair) in weights.chunks_exact_mut(2).enumerate() {
                pair.copy_from_slice(&T::load(simd, line.add(panel * input.panel_stride)));
            }
            for (row, total) in totals.iter_mut().enumerate() {
                let value = simd.splat(*input.rows.add(row * input.stride + feature));
                for (sum, &weight) in total.iter_mut().zip(&weights) {
                    *sum = simd.mul_add(value, weight, *sum);
                }
            }
        }
    }
    for (row, total) in totals.iter().enumerate() {
        for (vector, &sum) in total.iter().enumerate() {
            simd.store(sum, &mut sums.0[(row * VECTORS + vector) * S::LANES..]);
        }
    }
}
