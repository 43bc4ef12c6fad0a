//! All eight registers in use: four of sums, two rows of tiles times two columns of tiles, and
//! the two and two tiles that feed them. Each tile that is loaded is used twice, which is the
//! most that eight registers allow.

use super::format::Format;
use super::pack::PAIR;
use super::unit::{Configured, SIDE, Tile, TileConfig, TileUnit};

/// Tiles of sums: of the first sixteen rows the first and the second sixteen columns, then of
/// the other rows.
pub(crate) const SUMS: usize = 4;

const SUM_00: u8 = 0;
const SUM_01: u8 = 1;
const SUM_10: u8 = 2;
const SUM_11: u8 = 3;
const ROWS_0: u8 = 4;
const ROWS_1: u8 = 5;
const COLUMNS_0: u8 = 6;
const COLUMNS_1: u8 = 7;

/// The registers, configured for sums of 32 columns and up to 32 rows.
///
/// Methods with `BOTH` work on all rows, which must have been configured, and without on the
/// first sixteen.
pub(crate) struct Quad<U: TileUnit> {
    unit: Configured<U>,
    both: bool,
}

impl<U: TileUnit> Quad<U> {
    /// Registers for that many rows. A single pair is given as many rows as there are; with
    /// several, the last one computes sums of rows that are not there, because setting the
    /// shapes anew for each panel would take longer.
    #[inline(always)]
    pub(crate) fn new(unit: U, rows: usize) -> Self {
        let upper = rows.min(SIDE) as u8;
        let lower = rows.min(PAIR) as u8 - upper;
        let side = SIDE as u8;
        let config = TileConfig::new([upper, upper, lower, lower, upper, lower, side, side]);
        Self { unit: Configured::new(unit, &config), both: lower > 0 }
    }

    /// Sets the sums to zero.
    #[inline(always)]
    pub(crate) fn clear<const BOTH: bool>(&mut self) {
        assert!(self.both || !BOTH, "the other rows are not configured");
        // SAFETY: `new` configured the registers, those of the other rows when there are BOTH.
        unsafe {
            self.unit.zero::<SUM_00>();
            self.unit.zero::<SUM_01>();
            if BOTH {
                self.unit.zero::<SUM_10>();
                self.unit.zero::<SUM_11>();
            }
        }
    }

    /// Takes up sums that were written before.
    #[inline(always)]
    pub(crate) fn read<const BOTH: bool>(&mut self, sums: &[Tile; SUMS]) {
        assert!(self.both || !BOTH, "the other rows are not configured");
        // SAFETY: `new` configured the registers, those of the other rows when there are BOTH;
        // the tiles are whole.
        unsafe {
            self.unit.load::<SUM_00>(&raw const sums[0]);
            self.unit.load::<SUM_01>(&raw const sums[1]);
            if BOTH {
                self.unit.load::<SUM_10>(&raw const sums[2]);
                self.unit.load::<SUM_11>(&raw const sums[3]);
            }
        }
    }

    /// Writes the sums.
    #[inline(always)]
    pub(crate) fn write<const BOTH: bool>(&mut self, sums: &mut [Tile; SUMS]) {
        // SAFETY: as in `read`, and `sums` is borrowed mutably.
        unsafe {
            self.unit.store::<SUM_00>(&raw mut sums[0]);
            self.unit.store::<SUM_01>(&raw mut sums[1]);
            if BOTH {
                self.unit.store::<SUM_10>(&raw mut sums[2]);
                self.unit.store::<SUM_11>(&raw mut sums[3]);
            }
        }
    }

    /// Adds the products of one step: two tiles of rows times two of columns.
    #[inline(always)]
    pub(crate) fn step<F: Format, const BOTH: bool>(
        &mut self,
        rows: &[Tile; 2],
        columns: &[Tile; 2],
    ) {
        let unit = &mut *self.unit;
        // SAFETY: as in `read`; that BOTH fits was checked when the sums were cleared or read.
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

    /// Adds the products of several steps.
    #[inline(always)]
    pub(crate) fn steps<F: Format, const BOTH: bool>(&mut self, rows: &[Tile], columns: &[Tile]) {
        for (rows, columns) in rows.as_chunks().0.iter().zip(columns.as_chunks().0) {
            self.step::<F, BOTH>(rows, columns);
        }
    }

    #[inline(always)]
    pub(crate) fn prefetch(&mut self, tiles: &[Tile], line: usize) {
        self.unit.prefetch(&tiles[line / SIDE].0[line % SIDE]);
    }
}
