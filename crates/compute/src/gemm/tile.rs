//! The innermost loop: a few rows times one or more panels, with all sums in registers.

use super::line::PanelElement;
use crate::simd::Simd;

/// The most numbers in the sums of one tile: 12 rows of two vectors of 16.
pub(crate) const TILE_MAX: usize = 384;

/// Where a tile reads.
#[derive(Clone, Copy)]
pub(crate) struct TileInput<T: PanelElement> {
    /// First row of the left-hand matrix.
    pub(crate) rows: *const T::Input,
    /// Inputs from one row to the next.
    pub(crate) stride: usize,
    /// First panel of the right-hand matrix.
    pub(crate) panels: *const T,
    /// Elements from one panel to the next.
    pub(crate) panel_stride: usize,
    /// Lines to sum over.
    pub(crate) lines: usize,
    /// Whether the sums go on from those put aside.
    pub(crate) resume: bool,
    /// Whether no lines are left, so that the sums are given as `f32` rather than put aside.
    pub(crate) last: bool,
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

/// Sums `rows` rows times `panels` panels. `sums` has `rows` lines of
/// `panels * 2 * S::LANES` numbers.
///
/// # Safety
/// `input` must point to `rows` rows of `lines * T::INPUTS_PER_LINE` readable inputs and to
/// `panels` panels of `lines` lines of `T::line::<S>()` elements. `rows` is in `1..=S::TILE_ROWS`, and `panels` is 1 or
/// `panels_per_tile(rows)`.
#[inline(always)]
pub(crate) unsafe fn sum_tile<S: Simd, T: PanelElement>(
    simd: S,
    (rows, panels): (usize, usize),
    input: TileInput<T>,
    sums: &mut [f32],
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
    sums: &mut [f32],
) {
    const { assert!(ROWS * VECTORS * crate::simd::LANES_MAX <= TILE_MAX) };
    assert!(sums.len() >= ROWS * VECTORS * S::LANES, "no room for the sums of a tile");
    let mut totals = [[T::zero(simd); VECTORS]; ROWS];
    if input.resume {
        for (index, total) in totals.as_flattened_mut().iter_mut().enumerate() {
            // SAFETY: that many vectors of sums are there, as checked above.
            *total = unsafe { T::load_sums(simd, sums.as_ptr().add(index * S::LANES)) };
        }
    }
    for line in 0..input.lines {
        // SAFETY: `line` is below `lines`, and the caller promises that many lines, and inputs
        // for them, in each of VECTORS / 2 panels and ROWS rows.
        unsafe {
            let weights = load_lines::<S, T, VECTORS>(simd, input, line);
            let column = input.rows.add(line * T::INPUTS_PER_LINE);
            for (row, total) in totals.iter_mut().enumerate() {
                let inputs = T::splat(simd, column.add(row * input.stride));
                for (sum, &weights) in total.iter_mut().zip(&weights) {
                    *sum = T::mul_add(simd, inputs, weights, *sum);
                }
            }
        }
    }
    for (index, &total) in totals.as_flattened().iter().enumerate() {
        let place = &mut sums[index * S::LANES..][..S::LANES];
        if input.last {
            simd.store(T::finish(simd, total), place);
        } else {
            // SAFETY: the place is a vector long.
            unsafe { T::store_sums(simd, total, place.as_mut_ptr()) };
        }
    }
}

/// The vectors of one line of each panel.
///
/// # Safety
/// As [`tile`], and `line` is below `input.lines`.
#[inline(always)]
unsafe fn load_lines<S: Simd, T: PanelElement, const VECTORS: usize>(
    simd: S,
    input: TileInput<T>,
    line: usize,
) -> [T::Factors<S>; VECTORS] {
    // SAFETY: the caller promises that line in each of VECTORS / 2 panels.
    unsafe {
        let first = input.panels.add(line * T::line::<S>());
        let mut weights = [T::load(simd, first)[0]; VECTORS];
        for (panel, pair) in weights.chunks_exact_mut(2).enumerate() {
            pair.copy_from_slice(&T::load(simd, first.add(panel * input.panel_stride)));
        }
        weights
    }
}
