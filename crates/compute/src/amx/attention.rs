//! Attention of one head on the tile unit, in bf16 with sums, maxima and exponentials in `f32`.
//!
//! 32 queries are taken at a time: their scores with all keys that they see are a block that
//! stays in the cache, the exponentials of each row replace it as the left-hand side of the
//! product with the values, and the sum of the row divides what comes out. The matrix of all
//! scores never exists.

use std::cell::Cell;

use super::convert::Activations;
use super::format::{Bf16, Format};
use super::pack::{PAIR, pack_columns_of_rows, tiles_of};
use super::quad::{Quad, SUMS};
use super::unit::{SIDE, Tile, TileUnit};
use crate::Isa;
use crate::gemm::{Matrix, MatrixMut, bf16_bits};
use crate::math::exp;
use crate::simd::{Kernel, Simd};

/// Queries, keys and values of one head of one sequence, `[positions, head]` each.
#[derive(Clone, Copy)]
pub(crate) struct Head<'a> {
    pub(crate) queries: Matrix<'a>,
    pub(crate) keys: Matrix<'a>,
    pub(crate) values: Matrix<'a>,
    /// Keys that the first query sees, at least 1; each further one sees one more, if there is.
    pub(crate) first_visible: usize,
}

/// Writes `softmax(queries · keysᵀ / sqrt(head)) · values` to `out`, `[queries, head]`.
pub(crate) fn attend<U: TileUnit>(isa: Isa, unit: U, head: Head<'_>, out: MatrixMut<'_>) {
    let (count, width) = (head.keys.rows(), head.keys.columns());
    assert_eq!(head.queries.columns(), width, "queries and keys differ in width");
    assert_eq!((head.values.rows(), head.values.columns()), (count, width), "values per key");
    assert_eq!((out.rows(), out.columns()), (head.queries.rows(), width), "output per query");
    assert!((1..=count).contains(&head.first_visible), "the first query sees no key");
    unit.clone().run(isa, Attend { unit, head, out });
}

/// Buffers of a thread, all in tile order.
#[derive(Default)]
struct Room {
    queries: Vec<Tile>,
    keys: Vec<Tile>,
    values: Vec<Tile>,
    /// `[panels of keys][SUMS]`
    scores: Vec<Tile>,
    /// `[panels of keys][2]`: what the scores became.
    weights: Vec<Tile>,
    /// Not used by the form, but asked for by the packing.
    scales: Vec<f32>,
}

impl Room {
    fn reserve(&mut self, keys: usize, width: usize) {
        let reserve = |tiles: &mut Vec<Tile>, count: usize| {
            tiles.resize(count.max(tiles.len()), Tile::ZERO);
        };
        reserve(&mut self.queries, tiles_of::<Bf16>(1, width));
        reserve(&mut self.keys, tiles_of::<Bf16>(keys, width));
        reserve(&mut self.values, tiles_of::<Bf16>(width, keys));
        reserve(&mut self.scores, keys.div_ceil(PAIR) * SUMS);
        reserve(&mut self.weights, keys.div_ceil(PAIR) * 2);
        let scales = keys.next_multiple_of(PAIR).max(self.scales.len());
        self.scales.resize(scales, 0.0);
    }
}

thread_local! {
    static ROOM: Cell<Room> = Cell::default();
}

struct Attend<'a, U> {
    unit: U,
    head: Head<'a>,
    out: MatrixMut<'a>,
}

impl<U: TileUnit> Kernel for Attend<'_, U> {
    type Output = ();
    #[inline(always)]
    #[expect(clippy::cast_precision_loss, reason = "heads are far smaller than 2^24")]
    fn run<S: Simd>(self, simd: S) {
        let Head { queries, keys, values, first_visible } = self.head;
        let width = keys.columns();
        let mut room = ROOM.take();
        room.reserve(keys.rows(), width);
        pack_columns_of_rows::<Bf16>(keys, &mut room.keys, &mut room.scales);
        pack_columns(values, &mut room.values);
        let quad = Quad::new(self.unit, queries.rows());
        let scale = 1.0 / (width as f32).sqrt();
        let shape = Shape { keys: keys.rows(), width, scale };
        let mut pair = Pair { simd, quad, room: &mut room, shape };
        let mut out = self.out;
        for first in (0..queries.rows()).step_by(PAIR) {
            let rows = first..(first + PAIR).min(queries.rows());
            let (part, below) = out.split_rows(rows.len());
            out = below;
            let visible = first_visible + first;
            if rows.len() > SIDE {
                pair.run::<true>(queries.rows_in(rows), visible, part);
            } else {
                pair.run::<false>(queries.rows_in(rows), visible, part);
            }
        }
        drop(pair);
        ROOM.set(room);
    }
}

#[derive(Clone, Copy)]
struct Shape {
    keys: usize,
    width: usize,
    scale: f32,
}

/// Up to 32 queries at a time.
struct Pair<'a, S, U: TileUnit> {
    simd: S,
    quad: Quad<U>,
    room: &'a mut Room,
    shape: Shape,
}

impl<S: Simd, U: TileUnit> Pair<'_, S, U> {
    /// `first_visible`: keys that the first of these queries sees.
    #[inline(always)]
    fn run<const BOTH: bool>(
        &mut self,
        queries: Matrix<'_>,
        first_visible: usize,
        mut out: MatrixMut<'_>,
    ) {
        let visible = |row: usize| (first_visible + row).min(self.shape.keys);
        let panels = visible(queries.rows() - 1).div_ceil(PAIR);
        let tiles = tiles_of::<Bf16>(1, self.shape.width);
        Bf16::fill(queries, &mut self.room.queries[..tiles], &mut []);
        for panel in 0..panels {
            self.quad.clear::<BOTH>();
            let keys = &self.room.keys[panel * tiles..(panel + 1) * tiles];
            self.quad.steps::<Bf16, BOTH>(&self.room.queries[..tiles], keys);
            let (scores, _) = self.room.scores.as_chunks_mut();
            self.quad.write::<BOTH>(&mut scores[panel]);
        }
        let mut shares = [0.0; PAIR];
        for (row, share) in shares.iter_mut().enumerate().take(queries.rows()) {
            let visible = (first_visible + row).min(self.shape.keys);
            *share = 1.0 / self.exponentials(row, visible, panels);
        }
        self.weigh::<BOTH>(panels, &shares, &mut out);
    }

    /// Replaces the scores of a row by `e^(scale (score - largest))` in the form of a
    /// left-hand side, zeros from key `visible` on, and returns their sum.
    #[inline(always)]
    fn exponentials(&mut self, row: usize, visible: usize, panels: usize) -> f32 {
        let (simd, scale) = (self.simd, self.simd.splat(self.shape.scale));
        let largest = simd.splat(self.largest(row, visible));
        let mut sum = simd.splat(0.0);
        for panel in 0..panels {
            let mut scores = self.scores(panel, row);
            let seen = visible.saturating_sub(panel * PAIR).min(PAIR);
            for scores in scores.chunks_exact_mut(S::LANES) {
                let score = simd.mul(simd.sub(simd.load(scores), largest), scale);
                simd.store(exp(simd, score), scores);
            }
            scores[seen..].fill(0.0);
            for scores in scores.chunks_exact(S::LANES) {
                sum = simd.add(sum, simd.load(scores));
            }
            let tile = &mut self.room.weights[2 * panel + row / SIDE];
            Bf16::narrow(&scores, 1.0, &mut tile.0[row % SIDE]);
        }
        simd.sum(sum)
    }

    /// The largest of the scores that a row sees.
    #[inline(always)]
    fn largest(&self, row: usize, visible: usize) -> f32 {
        let simd = self.simd;
        let mut largest = simd.splat(f32::NEG_INFINITY);
        for panel in 0..visible.div_ceil(PAIR) {
            let mut scores = self.scores(panel, row);
            let seen = (visible - panel * PAIR).min(PAIR);
            scores[seen..].fill(f32::NEG_INFINITY);
            for scores in scores.chunks_exact(S::LANES) {
                largest = simd.max(largest, simd.load(scores));
            }
        }
        simd.largest(largest)
    }

    /// The scores of a row with the keys of one panel.
    #[inline(always)]
    fn scores(&self, panel: usize, row: usize) -> [f32; PAIR] {
        let tiles = &self.room.scores[SUMS * panel + 2 * (row / SIDE)..][..2];
        let mut scores = [0.0; PAIR];
        for (scores, tile) in scores.chunks_exact_mut(SIDE).zip(tiles) {
            scores.copy_from_slice(&tile.0[row % SIDE].map(f32::from_bits));
        }
        scores
    }

    /// Writes the values, weighed and times the share of their row.
    #[inline(always)]
    fn weigh<const BOTH: bool>(
        &mut self,
        panels: usize,
        shares: &[f32; PAIR],
        out: &mut MatrixMut<'_>,
    ) {
        let all = 2 * self.shape.keys.div_ceil(PAIR);
        let mut sums = [Tile::ZERO; SUMS];
        for panel in 0..self.shape.width.div_ceil(PAIR) {
            let values = &self.room.values[panel * all..panel * all + 2 * panels];
            self.quad.clear::<BOTH>();
            self.quad.steps::<Bf16, BOTH>(&self.room.weights[..2 * panels], values);
            self.quad.write::<BOTH>(&mut sums);
            let columns = panel * PAIR..((panel + 1) * PAIR).min(self.shape.width);
            for (row, &share) in shares.iter().enumerate().take(out.rows()) {
                let out = out.row_part(row, columns.clone());
                let tiles = &sums[2 * (row / SIDE)..][..2];
                for (out, tile) in out.chunks_mut(SIDE).zip(tiles) {
                    for (out, &sum) in out.iter_mut().zip(&tile.0[row % SIDE]) {
                        *out = f32::from_bits(sum) * share;
                    }
                }
            }
        }
    }
}

/// Packs `source`, whose columns stay columns: the values of an attention head
/// `[positions, head]`, where the positions are what is summed over. All tiles are written.
#[inline(always)]
fn pack_columns(source: Matrix<'_>, tiles: &mut [Tile]) {
    let steps = source.rows().div_ceil(Bf16::STEP);
    let row = |position: usize, columns: std::ops::Range<usize>| {
        let mut line = [0.0; SIDE];
        if position < source.rows() && columns.start < source.columns() {
            let part = &source.row(position)[columns.start..columns.end.min(source.columns())];
            line[..part.len()].copy_from_slice(part);
        }
        line
    };
    for half in 0..source.columns().div_ceil(PAIR) * 2 {
        let columns = half * SIDE..(half + 1) * SIDE;
        for step in 0..steps {
            let tile = &mut tiles[(half / 2 * steps + step) * 2 + half % 2];
            for (pair, line) in tile.0.iter_mut().enumerate() {
                let position = step * Bf16::STEP + 2 * pair;
                let (even, odd) =
                    (row(position, columns.clone()), row(position + 1, columns.clone()));
                for ((word, even), odd) in line.iter_mut().zip(even).zip(odd) {
                    *word = u32::from(bf16_bits(even)) | u32::from(bf16_bits(odd)) << 16;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Head, attend};
    use crate::amx::emulator::Emulator;
    use crate::amx::tests::{assert_same_bits, values};
    use crate::gemm::{Matrix, MatrixMut};
    use crate::{Isa, reference};

    /// Error of averages of numbers below 1: weights and values are rounded to bf16, and so are
    /// queries and keys, whose scores then err by up to `sqrt(head) / 256` and the weights by as
    /// much.
    const ATTENTION_ERROR: f64 = 0.02;

    /// `queries` rows that see `first_visible` and more of `keys` rows; each of `width` numbers.
    fn attended(queries: &[f32], keys: &[f32], width: usize, first_visible: usize) -> Vec<f32> {
        let (count, length) = (queries.len() / width, keys.len() / width);
        let by_values = values(3, length * width);
        let view = |numbers, rows| Matrix::new(numbers, width, (rows, width));
        let head = Head {
            queries: view(queries, count),
            keys: view(keys, length),
            values: view(&by_values, length),
            first_visible,
        };
        let mut out = vec![f32::NAN; count * width];
        let into = MatrixMut::new(&mut out, width, (count, width));
        attend(*Isa::available().last().unwrap(), Emulator::default(), head, into);
        out
    }

    fn expected(queries: &[f32], keys: &[f32], width: usize, first_visible: usize) -> Vec<f64> {
        let by_values = values(3, keys.len());
        let rows = queries.chunks_exact(width).enumerate();
        rows.flat_map(|(row, query)| {
            let seen = (first_visible + row).min(keys.len() / width);
            let keys = keys.chunks_exact(width).take(seen);
            let scores: Vec<f64> = keys.map(|key| reference::dot(query, key)).collect();
            let weights = reference::softmax(&scores, 1.0 / (width as f64).sqrt());
            let mut out = vec![0.0; width];
            for (weight, value) in weights.iter().zip(by_values.chunks_exact(width)) {
                for (out, &value) in out.iter_mut().zip(value) {
                    *out += weight * f64::from(value);
                }
            }
            out
        })
        .collect()
    }

    #[test]
    fn attention_is_the_reference_at_odd_lengths() {
        for width in [1, 16, 20, 64, 72] {
            for length in [1, 2, 15, 17, 31, 32, 33, 49, 65, 100] {
                let (queries, keys) = (values(1, length * width), values(2, length * width));
                for first_visible in [length, 1] {
                    let found = attended(&queries, &keys, width, first_visible);
                    let expected = expected(&queries, &keys, width, first_visible);
                    for (at, (&found, &expected)) in found.iter().zip(&expected).enumerate() {
                        let error = (f64::from(found) - expected).abs();
                        assert!(
                            error <= ATTENTION_ERROR,
                            "{length} of {width}, {first_visible} visible: number {at} is \
                             {found}, expected {expected}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_query_has_the_same_bits_alone_and_among_others() {
        let (width, length) = (40, 70);
        let (queries, keys) = (values(1, length * width), values(2, length * width));
        for first_visible in [length, 1] {
            let all = attended(&queries, &keys, width, first_visible);
            for (row, query) in queries.chunks_exact(width).enumerate() {
                let visible = (first_visible + row).min(length);
                let alone = attended(query, &keys, width, visible);
                assert_same_bits(&alone, &all[row * width..][..width], &format!("query {row}"));
            }
        }
    }

    /// The last query sees the same keys whether or not there are more behind them.
    #[test]
    fn keys_that_are_not_seen_do_not_count() {
        let (width, length) = (32, 45);
        let (queries, keys) = (values(1, width), values(2, 90 * width));
        let few = attended(&queries, &keys[..length * width], width, length);
        let many = attended(&queries, &keys, width, length);
        assert_same_bits(&many, &few, "45 of 90 keys");
    }
}
