//! One thread's share of a product: blocks of rows, panels, passes, and the loop over tiles.

use std::cell::Cell;
use std::ops::Range;

use super::convert::Activations;
use super::format::Format;
use super::pack::{PAIR, TilePanels, tiles_of};
use super::quad::{Quad, SUMS};
use super::store::{Store, Unfinished};
use super::unit::{SIDE, Tile, TileUnit};
use crate::Isa;
use crate::cpu::split;
use crate::gemm::{Finish, Matrix, MatrixMut};
use crate::simd::{Kernel, Simd};

/// Converted rows are taken in blocks of about this size: half of the second cache level of the
/// processors that have a tile unit. The other half is for the panels.
const ROW_BLOCK_BYTES: usize = 1 << 20;
/// The share of a panel that one pass over a block of rows reads again and again, together with
/// as much of a pair of rows and their sums: below the 48 KiB of the first cache level.
const PASS_BYTES: usize = 20 << 10;

/// How a product is cut. Results do not depend on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Blocking {
    /// Most rows that are converted at a time.
    pub(crate) rows: usize,
    /// Most steps of a panel per pass.
    pub(crate) steps: usize,
}

impl Blocking {
    /// The default for sums over that many steps.
    pub(crate) fn of(steps: usize) -> Self {
        let step_bytes = 2 * size_of::<Tile>();
        let pairs = ROW_BLOCK_BYTES / (steps * step_bytes).max(1);
        Self { rows: pairs.max(1) * PAIR, steps: PASS_BYTES / step_bytes }
    }
}

/// A product to compute on the calling thread: `out = activation(input · panels + bias [+ out])`.
pub(crate) struct Product<'a, F> {
    pub(crate) input: Matrix<'a>,
    pub(crate) weights: TilePanels<'a, F>,
    pub(crate) finish: Finish<'a>,
    pub(crate) blocking: Blocking,
}

impl<'a, F: Format> Product<'a, F> {
    /// A product cut in the default way.
    pub(crate) fn new(input: Matrix<'a>, weights: TilePanels<'a, F>, finish: Finish<'a>) -> Self {
        Self { input, weights, finish, blocking: Blocking::of(weights.steps()) }
    }
}

/// Computes a product with a tile unit; what is not tiles runs on vectors of `isa`.
pub(crate) fn multiply<U: TileUnit, F: Activations>(
    isa: Isa,
    unit: U,
    product: Product<'_, F>,
    out: MatrixMut<'_>,
) {
    let Product { input, weights, finish, .. } = &product;
    assert_eq!(input.columns(), weights.features(), "input features do not fit the weights");
    assert_eq!(input.rows(), out.rows(), "input and output differ in rows");
    assert_eq!(weights.columns(), out.columns(), "output columns do not fit the weights");
    if let Some(bias) = finish.bias {
        assert_eq!(bias.len(), out.columns(), "one bias per output column");
    }
    unit.clone().run(isa, Multiply { unit, product, out });
}

/// Buffers of a thread: converted rows and their scales, and the sums of two panels.
#[derive(Default)]
struct Room {
    rows: Vec<Tile>,
    scales: Vec<f32>,
    sums: Vec<Tile>,
}

impl Room {
    /// Makes room for that many rows in that many tiles. Nothing is given back, so that calls of
    /// different sizes do not clear memory again and again.
    fn reserve(&mut self, rows: usize, tiles: usize) {
        let sums = 2 * rows.div_ceil(PAIR) * SUMS;
        self.rows.resize(tiles.max(self.rows.len()), Tile::ZERO);
        self.scales.resize(rows.max(self.scales.len()), 0.0);
        self.sums.resize(sums.max(self.sums.len()), Tile::ZERO);
    }
}

thread_local! {
    static ROOM: Cell<Room> = Cell::default();
}

struct Multiply<'a, U, F> {
    unit: U,
    product: Product<'a, F>,
    out: MatrixMut<'a>,
}

impl<U: TileUnit, F: Activations> Kernel for Multiply<'_, U, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Product { input, weights, finish, blocking } = self.product;
        let mut room = ROOM.take();
        let mut out = self.out;
        let blocks = input.rows().div_ceil(blocking.rows);
        for rows in split(input.rows(), blocks, PAIR) {
            let count = rows.len();
            let tiles = tiles_of::<F>(count, input.columns());
            room.reserve(count, tiles);
            F::fill(input.rows_in(rows), &mut room.rows[..tiles], &mut room.scales);
            let (part, below) = out.split_rows(count);
            out = below;
            let store = Store { weights, row_scales: &room.scales, finish, out: part };
            let quad = Quad::new(self.unit.clone(), count);
            let (sums, _) = room.sums.as_chunks_mut();
            let sums = &mut sums[..2 * count.div_ceil(PAIR)];
            Block { simd, quad, rows: &room.rows, sums, store }.run(blocking.steps);
        }
        ROOM.set(room);
    }
}

/// One block of rows.
struct Block<'a, S, U: TileUnit, F> {
    simd: S,
    quad: Quad<U>,
    /// `[pairs][steps][2]`
    rows: &'a [Tile],
    /// `[2][pairs]`: panels take turns.
    sums: &'a mut [[Tile; SUMS]],
    store: Store<'a, F>,
}

/// What is done on the side while tiles are multiplied.
struct Aside<'a> {
    unfinished: Unfinished,
    /// Rows of the last panel to finish per step.
    rows_per_step: usize,
    /// The next panel.
    next: &'a [Tile],
    /// Its cache line to ask for next, and how many per step.
    line: usize,
    prefetches_per_step: usize,
}

impl<S: Simd, U: TileUnit, F: Format> Block<'_, S, U, F> {
    #[inline(always)]
    fn run(mut self, steps_per_pass: usize) {
        let rows = self.store.out.rows();
        let (panels, steps) = (self.store.weights.count(), self.store.weights.steps());
        let pairs = rows.div_ceil(PAIR);
        let steps_per_pass = steps.div_ceil(steps.div_ceil(steps_per_pass).max(1));
        let mut aside = Aside {
            unfinished: Unfinished::default(),
            rows_per_step: PAIR.div_ceil(steps),
            next: &[],
            line: 0,
            prefetches_per_step: (2 * SIDE).div_ceil(pairs),
        };
        for panel in 0..panels {
            (aside.next, aside.line) = (self.store.weights.panel(panel + 1), 0);
            for first in (0..steps).step_by(steps_per_pass) {
                let pass = first..(first + steps_per_pass).min(steps);
                for pair in 0..pairs {
                    if rows - pair * PAIR > SIDE {
                        self.pair::<true>(panel, pair, pass.clone(), &mut aside);
                    } else {
                        self.pair::<false>(panel, pair, pass.clone(), &mut aside);
                    }
                }
            }
            self.finish(&mut aside.unfinished, usize::MAX);
            aside.unfinished = Unfinished::panel(panel, rows);
        }
        self.finish(&mut aside.unfinished, usize::MAX);
    }

    /// One pass of a pair of rows over a panel. `BOTH` when the pair has more than 16 rows.
    #[inline(always)]
    fn pair<const BOTH: bool>(
        &mut self,
        panel: usize,
        pair: usize,
        pass: Range<usize>,
        aside: &mut Aside<'_>,
    ) {
        let weights = self.store.weights;
        let part = 2 * pass.start..2 * pass.end;
        let columns = &weights.panel(panel)[part.clone()];
        let rows = self.rows;
        let rows = &rows[2 * pair * weights.steps()..][part];
        let sums = panel % 2 * self.sums.len() / 2 + pair;
        if pass.start == 0 {
            self.quad.clear::<BOTH>();
        } else {
            self.quad.read::<BOTH>(&self.sums[sums]);
        }
        for (rows, columns) in rows.as_chunks().0.iter().zip(columns.as_chunks().0) {
            self.quad.step::<F, BOTH>(rows, columns);
            self.finish(&mut aside.unfinished, aside.rows_per_step);
            self.prefetch(aside);
        }
        self.quad.write::<BOTH>(&mut self.sums[sums]);
    }

    /// Finishes some more rows of the last panel.
    #[inline(always)]
    fn finish(&mut self, unfinished: &mut Unfinished, rows: usize) {
        let half = self.sums.len() / 2;
        let sums = &self.sums[unfinished.offset(half)..];
        self.store.advance(self.simd, unfinished, sums, rows);
    }

    #[inline(always)]
    fn prefetch(&mut self, aside: &mut Aside<'_>) {
        let end = (aside.line + aside.prefetches_per_step).min(aside.next.len() * SIDE);
        for line in aside.line..end {
            self.quad.prefetch(aside.next, line);
        }
        aside.line = end;
    }
}
