//! Tables of vectors that are looked up row by row.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use super::numbers::NumberKind;
use super::shard::NUMBERS_AT_ONCE;
use super::{Shard, first};
use crate::LoadError;

/// The vectors of a vocabulary, in their file, read and widened row by row as they are used. The
/// system keeps in memory what is used often, and may drop it.
pub(crate) struct TokenTable {
    shard: Arc<Shard>,
    start: u64,
    end: u64,
    kind: NumberKind,
    rows: usize,
    width: usize,
}

impl TokenTable {
    pub(super) fn new(
        shard: &Arc<Shard>,
        kind: NumberKind,
        range: Range<u64>,
        (rows, width): (usize, usize),
    ) -> Self {
        Self { shard: Arc::clone(shard), start: range.start, end: range.end, kind, rows, width }
    }

    /// Ids in the table.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The place of the first number that is not finite.
    pub(super) fn first_not_finite(&self) -> Result<Option<usize>, LoadError> {
        let (numbers, stored) = (self.rows * self.width, (self.kind, &(self.start..self.end)));
        let check = |values: &mut Vec<f32>, part: usize| {
            values.resize((numbers - part * NUMBERS_AT_ONCE).min(NUMBERS_AT_ONCE), 0.0);
            self.shard.widen(stored, (part, values))
        };
        let parts = (0..numbers.div_ceil(NUMBERS_AT_ONCE)).into_par_iter();
        first(parts.map_init(Vec::new, check))
    }

    /// Writes the rows of `ids`, all below [`Self::rows`], one after the other; `out` is
    /// `[ids, width]`.
    ///
    /// # Errors
    /// When the file can no longer be read, or was written to since the model was loaded: its rows
    /// would be another model's.
    pub(crate) fn gather(&self, ids: &[u32], out: &mut [f32]) -> io::Result<()> {
        let mut row = vec![0; self.width * self.kind.bytes()];
        for (&id, out) in ids.iter().zip(out.chunks_exact_mut(self.width)) {
            self.shard.read_into(self.start + u64::from(id) * row.len() as u64, &mut row)?;
            self.kind.widen(&row, out);
        }
        self.shard.check_unchanged()
    }
}
