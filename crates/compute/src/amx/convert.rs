//! Activations from `f32` rows to tile order.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m512, __m512bh, _mm512_cvtne2ps_pbh, _mm512_maskz_loadu_ps, _mm512_storeu_ps,
};
use std::marker::PhantomData;

use super::format::{Bf16, Format, Int8, Scales};
use super::pack::PAIR;
use super::unit::{Line, SIDE, Tile};
use crate::gemm::Matrix;

/// Steps that are converted of one row before the next row: enough for whole cache lines to be
/// read in order, few enough that the tiles written stay in the first cache level.
const STEPS_PER_TURN: usize = 4;

/// A form that rows of activations can be brought into.
pub(crate) trait Activations: Format {
    /// Fills the tiles of all rows, two for each pair of sixteen rows and step, and the scale of
    /// each row. Lines of rows that are not there keep what they held: no sum that is read
    /// depends on them.
    fn fill(input: Matrix<'_>, tiles: &mut [Tile], scales: &mut [f32]);
}

impl Activations for Bf16 {
    #[inline(always)]
    fn fill(input: Matrix<'_>, tiles: &mut [Tile], _: &mut [f32]) {
        #[cfg(target_arch = "x86_64")]
        if let Some(proof) = Avx512Bf16::detect() {
            return proof.fill(input, tiles);
        }
        fill(Portable::<Self>::NEW, input, tiles, |_, _| 1.0);
    }
}

impl Activations for Int8 {
    #[inline(always)]
    fn fill(input: Matrix<'_>, tiles: &mut [Tile], scales: &mut [f32]) {
        fill(Portable::<Self>::NEW, input, tiles, |row, features| {
            let Scales { factor, scale } = Self::scales(features);
            scales[row] = scale;
            factor
        });
    }
}

/// One way to round the numbers of a line.
trait Narrow: Copy {
    type Format: Format;
    /// As [`Format::narrow`].
    fn narrow(self, features: &[f32], factor: f32, line: &mut Line);
}

/// The way of the form itself.
#[derive(Clone, Copy)]
struct Portable<F>(PhantomData<F>);

impl<F> Portable<F> {
    const NEW: Self = Self(PhantomData);
}

impl<F: Format> Narrow for Portable<F> {
    type Format = F;
    #[inline(always)]
    fn narrow(self, features: &[f32], factor: f32, line: &mut Line) {
        F::narrow(features, factor, line);
    }
}

/// Converts pair by pair. `factor` is asked for each row once.
#[inline(always)]
fn fill<N: Narrow>(
    narrow: N,
    input: Matrix<'_>,
    tiles: &mut [Tile],
    mut factor: impl FnMut(usize, &[f32]) -> f32,
) {
    let steps = input.columns().div_ceil(N::Format::STEP);
    let mut factors = [0.0; PAIR];
    for (pair, tiles) in tiles.chunks_exact_mut(2 * steps).enumerate() {
        let rows = (pair * PAIR).min(input.rows())..((pair + 1) * PAIR).min(input.rows());
        for (factor_of_row, row) in factors.iter_mut().zip(rows.clone()) {
            *factor_of_row = factor(row, input.row(row));
        }
        for (turn, tiles) in tiles.chunks_mut(2 * STEPS_PER_TURN).enumerate() {
            let first = turn * STEPS_PER_TURN * N::Format::STEP;
            for (row, factor) in rows.clone().zip(factors) {
                let row_in_pair = row % PAIR;
                let chunks = input.row(row)[first..].chunks(N::Format::STEP);
                for (step, features) in tiles.chunks_exact_mut(2).zip(chunks) {
                    let line = &mut step[row_in_pair / SIDE].0[row_in_pair % SIDE];
                    narrow.narrow(features, factor, line);
                }
            }
        }
    }
}

/// Proof that this processor has the instruction that rounds 32 numbers to bf16.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
struct Avx512Bf16(());

#[cfg(target_arch = "x86_64")]
impl Avx512Bf16 {
    fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx512bf16") && is_x86_feature_detected!("avx512f");
        found.then_some(Self(()))
    }

    fn fill(self, input: Matrix<'_>, tiles: &mut [Tile]) {
        #[target_feature(enable = "avx512f,avx512bf16")]
        fn compiled(proof: Avx512Bf16, input: Matrix<'_>, tiles: &mut [Tile]) {
            fill(proof, input, tiles, |_, _| 1.0);
        }
        // SAFETY: `self` exists only where `detect` found both features.
        unsafe { compiled(self, input, tiles) }
    }
}

#[cfg(target_arch = "x86_64")]
impl Narrow for Avx512Bf16 {
    type Format = Bf16;
    #[inline(always)]
    fn narrow(self, features: &[f32], _: f32, line: &mut Line) {
        let first = features.len().min(SIDE);
        let second = (features.len() - first).min(SIDE);
        let mask = |count: usize| u16::MAX.checked_shr(16 - count as u32).unwrap_or(0);
        // SAFETY: `self` proves the features; the masks keep both loads inside `features`, and
        // a line is as long as a vector.
        unsafe {
            let low = _mm512_maskz_loadu_ps(mask(first), features.as_ptr());
            let high = _mm512_maskz_loadu_ps(mask(second), features.as_ptr().wrapping_add(SIDE));
            let words = std::mem::transmute::<__m512bh, __m512>(_mm512_cvtne2ps_pbh(high, low));
            _mm512_storeu_ps(line.as_mut_ptr().cast(), words);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Activations, Bf16, Int8};
    #[cfg(target_arch = "x86_64")]
    use super::{Avx512Bf16, Portable, fill};
    use crate::amx::format::Format;
    use crate::amx::unit::Tile;
    use crate::gemm::Matrix;

    fn ramp(length: usize) -> Vec<f32> {
        (0..length).map(|at| (at % 251) as f32 - 125.0).collect()
    }

    #[test]
    fn every_number_of_every_row_has_its_place() {
        for (rows, columns) in [(1, 1), (17, 33), (33, 64), (70, 300)] {
            let values = ramp(rows * columns);
            let input = Matrix::new(&values, columns, (rows, columns));
            let steps = columns.div_ceil(Bf16::STEP);
            let mut tiles = vec![Tile::ZERO; rows.div_ceil(32) * steps * 2];
            Bf16::fill(input, &mut tiles, &mut []);
            for row in 0..rows {
                for column in 0..steps * Bf16::STEP {
                    let step = column / Bf16::STEP;
                    let tile = &tiles[(row / 32 * steps + step) * 2 + row / 16 % 2];
                    let word = tile.0[row % 16][column % Bf16::STEP / 2];
                    let half = if column % 2 == 0 { word << 16 } else { word & 0xFFFF_0000 };
                    let expected = if column < columns { input.row(row)[column] } else { 0.0 };
                    assert_eq!(f32::from_bits(half), expected, "row {row}, column {column}");
                }
            }
        }
    }

    #[test]
    fn integers_are_scaled_by_row() {
        let values = [1.0, 2.0, -4.0, 0.0, 0.5, 0.25];
        let (mut tiles, mut scales) = ([Tile::ZERO; 2], [0.0; 32]);
        Int8::fill(Matrix::new(&values, 3, (2, 3)), &mut tiles, &mut scales);
        assert_eq!(scales[..2], [4.0 / 127.0, 0.5 / 127.0]);
        let bytes = |row: usize| tiles[0].0[row][0].to_le_bytes().map(u8::cast_signed);
        assert_eq!((bytes(0), bytes(1)), ([32, 64, -127, 0], [0, 127, 64, 0]));
    }

    #[cfg(target_arch = "x86_64")]
    /// Where the processor has the instruction, it and the portable rounding agree on the bits.
    #[test]
    fn the_instruction_and_the_portable_rounding_agree() {
        let Some(proof) = Avx512Bf16::detect() else { return };
        let odd = [f32::INFINITY, -0.0, f32::MIN_POSITIVE, f32::MAX, 1.003_906_3, 1.011_718_8];
        let values: Vec<f32> =
            odd.into_iter().chain((1..260).map(|at| (at as f32).sin() / at as f32)).collect();
        let input = Matrix::new(&values, 53, (5, 53));
        let (mut fast, mut slow) = ([Tile::ZERO; 4], [Tile::ZERO; 4]);
        proof.fill(input, &mut fast);
        fill(Portable::<Bf16>::NEW, input, &mut slow, |_, _| 1.0);
        assert!(fast.iter().zip(&slow).all(|(fast, slow)| fast.0 == slow.0));
    }
}
