//! Tables of vectors that are looked up row by row.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use super::Shard;
use super::numbers::NumberKind;
use crate::LoadError;

/// Bytes checked at a time.
const CHECKED_AT_ONCE_BYTES: u64 = 1 << 20;

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
        let mut values = Vec::new();
        let (mut passed, mut start) = (0, self.start);
        while start < self.end {
            let end = (start + CHECKED_AT_ONCE_BYTES).min(self.end);
            let bytes = self.shard.read(start..end)?;
            values.resize(bytes.len() / self.kind.bytes(), 0.0);
            self.kind.widen(&bytes, &mut values);
            if let Some(at) = values.iter().position(|value: &f32| !value.is_finite()) {
                return Ok(Some(passed + at));
            }
            passed += values.len();
            start = end;
        }
        Ok(None)
    }

    /// Writes the rows of `ids`, all below [`Self::rows`], one after the other; `out` is
    /// `[ids, width]`.
    ///
    /// # Errors
    /// When the file can no longer be read.
    pub(crate) fn gather(&self, ids: &[u32], out: &mut [f32]) -> io::Result<()> {
        let mut row = vec![0; self.width * self.kind.bytes()];
        for (&id, out) in ids.iter().zip(out.chunks_exact_mut(self.width)) {
            self.shard.read_into(self.start + u64::from(id) * row.len() as u64, &mut row)?;
            self.kind.widen(&row, out);
        }
        Ok(())
    }
}
