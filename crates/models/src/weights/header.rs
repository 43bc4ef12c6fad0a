//! The header of a safetensors file: names, types, shapes and places of its tensors.
//!
//! The format: eight bytes with the length of the header, little-endian; the header, a JSON object;
//! the numbers. A tensor's `data_offsets` count from behind the header.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use serde_json::Value;

use super::numbers::NumberKind;
use crate::{LoadError, LoadErrorKind};

/// Bytes in front of the header.
pub(super) const PREFIX_BYTES: u64 = 8;
/// Longest header in bytes: names and places of a hundred thousand tensors.
pub(super) const HEADER_BYTES_MAX: u64 = 16 << 20;
/// The one key that names no tensor.
const METADATA: &str = "__metadata__";

/// Where and how a tensor is stored.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The type's name in the header. One that is no [`NumberKind`] is refused when the tensor is
    /// taken: some exports hold index buffers of integers, which nothing takes.
    pub(crate) dtype: String,
    pub(crate) shape: Vec<usize>,
    /// Bytes from the start of the file.
    pub(crate) range: Range<u64>,
}

#[derive(Deserialize)]
struct Stored {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (u64, u64),
}

/// Reads a header whose numbers start at `data` and end at `end`, in bytes from the file's start.
pub(super) fn entries(
    file: &str,
    json: &[u8],
    (data, end): (u64, u64),
) -> Result<BTreeMap<String, Entry>, LoadError> {
    let tensors: BTreeMap<String, Value> =
        serde_json::from_slice(json).map_err(|error| damaged(file).caused_by(error))?;
    let mut entries = BTreeMap::new();
    let mut ends_at = data;
    for (name, stored) in tensors.into_iter().filter(|(name, _)| name != METADATA) {
        let stored: Stored =
            serde_json::from_value(stored).map_err(|error| damaged(file).caused_by(error))?;
        let entry = entry(file, stored, data)?;
        ends_at = ends_at.max(entry.range.end);
        entries.insert(name, entry);
    }
    // Cut short, or with something behind that no tensor claims.
    if ends_at == end { Ok(entries) } else { Err(damaged(file)) }
}

fn entry(file: &str, stored: Stored, data: u64) -> Result<Entry, LoadError> {
    let (from, to) = stored.data_offsets;
    let range = data.checked_add(from).zip(data.checked_add(to));
    let (from, to) = range.filter(|(from, to)| from <= to).ok_or_else(|| damaged(file))?;
    let number_bytes = NumberKind::named(&stored.dtype).map(NumberKind::bytes);
    let bytes = |number_bytes: usize| {
        stored.shape.iter().try_fold(number_bytes as u64, |product, &side| {
            product.checked_mul(u64::try_from(side).ok()?)
        })
    };
    if number_bytes.is_some_and(|number_bytes| bytes(number_bytes) != Some(to - from)) {
        return Err(damaged(file));
    }
    Ok(Entry { dtype: stored.dtype, shape: stored.shape, range: from..to })
}

pub(super) fn damaged(file: &str) -> LoadError {
    let message = "is damaged or cut short; copy or export it again";
    LoadError::new(LoadErrorKind::Weights, file, message)
}
