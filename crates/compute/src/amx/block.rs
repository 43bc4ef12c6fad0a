//! One thread's share of a product: blocks of rows, panels, passes, and the loop over tiles.

use std::cell::Cell;
use std::ops::Range;

use super::convert::Activations;
use super::format::Format;
use super::pack::{PAIR, TilePanels, tiles_of};
use super::store::{Store, TILES_PER_PAIR, Unfinished};
use super::unit::{Configured, SIDE, Tile, TileConfig, TileUnit};
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
    isa.run(Multiply { unit, product, out });
}

/// Buffers of a thread: converted rows and their scales, and the sums of two panels.
#[derive(Default)]
struct Room {
    rows: Vec<Tile>,
    scales: Vec<f32>,
    sums: Vec<Tile>,
}

impl Room {
    fn resize(&mut self, rows: usize, tiles: usize) {
        self.rows.resize(tiles, Tile::ZERO);
        self.scales.resize(rows, 0.0);
        self.sums.resize(2 * rows.div_ceil(PAIR) * TILES_PER_PAIR, Tile::ZERO);
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
            let block = input.rows_in(rows.clone());
            let tiles = tiles_of::<F>(rows.len(), input.columns());
            room.resize(rows.len(), tiles);
            F::fill(block, &mut room.rows, &mut room.scales);
            let (part, below) = out.split_rows(rows.len());
            out = below;
            let store = Store { weights, row_scales: &room.scales, finish, out: part };
            let config = configuration(rows.len());
            Block {
                simd,
                unit: Configured::new(self.unit.clone(), &config),
                rows: &room.rows,
                sums: &mut room.sums,
                store,
            }
            .run(blocking.steps);
        }
        ROOM.set(room);
    }
}

/// The registers: sums by rows and columns, rows, columns.
const SUM_00: u8 = 0;
const SUM_01: u8 = 1;
const SUM_10: u8 = 2;
const SUM_11: u8 = 3;
const ROWS_0: u8 = 4;
const ROWS_1: u8 = 5;
const COLUMNS_0: u8 = 6;
const COLUMNS_1: u8 = 7;

/// The shapes for a block of rows. A single pair is given as many rows as there are; with
/// several, the last one computes sums of rows that are not there, because setting the shapes
/// anew for each panel would take longer.
fn configuration(rows: usize) -> TileConfig {
    let upper = rows.min(SIDE) as u8;
    let lower = rows.min(PAIR) as u8 - upper;
    TileConfig::new([upper, upper, lower, lower, upper, lower, SIDE as u8, SIDE as u8])
}

/// One block of rows.
struct Block<'a, S, U: TileUnit, F> {
    simd: S,
    unit: Configured<U>,
    /// `[pairs][steps][2]`
    rows: &'a [Tile],
    /// `[2][pairs][TILES_PER_PAIR]`: panels take turns.
    sums: &'a mut [Tile],
    store: Store<'a, F>,
}

/// What is done on the side while tiles are multiplied.
struct Aside<'a> {
    unfinished: Unfinished,
    /// Lines of the last panel's sums to finish per step.
    lines_per_step: usize,
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
        let mut aside = Aside {
            unfinished: Unfinished::default(),
            lines_per_step: (2 * PAIR).div_ceil(steps),
            next: &[],
            line: 0,
            prefetches_per_step: (2 * SIDE).div_ceil(pairs),
        };
        for panel in 0..panels {
            (aside.next, aside.line) = (self.store.weights.panel(panel + 1), 0);
            for pass in split(steps, steps.div_ceil(steps_per_pass), 1) {
                for pair in 0..pairs {
                    if rows - pair * PAIR > SIDE {
                        self.pair::<true>(panel, pair, pass.clone(), &mut aside);
                    } else {
                        self.pair::<false>(panel, pair, pass.clone(), &mut aside);
                    }
                }
            }
            self.finish(&mut aside.unfinished, usize::MAX / 2);
            aside.unfinished = Unfinished::panel(panel, rows);
        }
        self.finish(&mut aside.unfinished, usize::MAX / 2);
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
        let part = |of: &'_ [Tile]| 2 * pass.start..(2 * pass.end).min(of.len());
        let columns = weights.panel(panel);
        let columns = &columns[part(columns)];
        let steps = 2 * weights.steps();
        let rows = self.rows;
        let rows = &rows[pair * steps..(pair + 1) * steps];
        let rows = &rows[part(rows)];
        let first = (panel % 2 * self.sums.len() / 2) + pair * TILES_PER_PAIR;
        self.open::<BOTH>(first, pass.start == 0);
        for (rows, columns) in rows.as_chunks().0.iter().zip(columns.as_chunks().0) {
            self.step::<BOTH>(rows, columns);
            self.finish(&mut aside.unfinished, aside.lines_per_step);
            self.prefetch(aside);
        }
        self.close::<BOTH>(first);
    }

    /// Clears the sums or takes up those of the last pass.
    #[inline(always)]
    fn open<const BOTH: bool>(&mut self, first: usize, clear: bool) {
        let sums = self.sums[first..first + TILES_PER_PAIR].as_ptr();
        // SAFETY: the registers of the upper rows are configured, and those of the lower ones
        // when there are BOTH; `sums` points to four tiles.
        unsafe {
            if clear {
                self.unit.zero::<SUM_00>();
                self.unit.zero::<SUM_01>();
                if BOTH {
                    self.unit.zero::<SUM_10>();
                    self.unit.zero::<SUM_11>();
                }
            } else {
                self.unit.load::<SUM_00>(sums);
                self.unit.load::<SUM_01>(sums.add(1));
                if BOTH {
                    self.unit.load::<SUM_10>(sums.add(2));
                    self.unit.load::<SUM_11>(sums.add(3));
                }
            }
        }
    }

    /// Writes the sums.
    #[inline(always)]
    fn close<const BOTH: bool>(&mut self, first: usize) {
        let sums = self.sums[first..first + TILES_PER_PAIR].as_mut_ptr();
        // SAFETY: as in `open`.
        unsafe {
            self.unit.store::<SUM_00>(sums);
            self.unit.store::<SUM_01>(sums.add(1));
            if BOTH {
                self.unit.store::<SUM_10>(sums.add(2));
                self.unit.store::<SUM_11>(sums.add(3));
            }
        }
    }

    /// Multiplies one step of two tiles of rows with two of columns.
    #[inline(always)]
    fn step<const BOTH: bool>(&mut self, rows: &[Tile; 2], columns: &[Tile; 2]) {
        let unit = &mut *self.unit;
        // SAFETY: as in `open`, and all operands are whole tiles.
        unsafe {
            unit.load::<COLUMNS_0>(&raw const columns[0]);
            unit.load::<ROWS_0>(&raw const rows[0]);
            F::dot::<U, SUM_00, ROWS_0, COLUMNS_0>(unit);
            unit.load::<COLUMNS_1>(&raw const columns[1]);
            F::dot::<U, SUM_01, ROWS_0, COLUMNS_1>(unit);
            if BOTH {
                unit.load::<ROWS_1>(&raw const rows[1]);
                F::dot::<U, SUM_10, ROWS_1, COLUMNS_0>(unit);
                F::dot::<U, SUM_11, ROWS_1, COLUMNS_1>(unit);
            }
        }
    }

    /// Finishes some more lines of the last panel.
    #[inline(always)]
    fn finish(&mut self, unfinished: &mut Unfinished, lines: usize) {
        let half = self.sums.len() / 2;
        let sums = &self.sums[unfinished.offset(half)..];
        self.store.advance(self.simd, unfinished, sums, lines);
    }

    #[inline(always)]
    fn prefetch(&mut self, aside: &mut Aside<'_>) {
        let end = (aside.line + aside.prefetches_per_step).min(aside.next.len() * SIDE);
        for line in aside.line..end {
            self.unit.prefetch(&aside.next[line / SIDE].0[line % SIDE]);
        }
        aside.line = end;
    }
}
