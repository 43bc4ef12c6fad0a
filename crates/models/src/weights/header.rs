//! The header of a safetensors file: names, types, shapes and places of its tensors.
//!
//! The format: eight bytes with the length of the header, little-endian; the header, a JSON object;
//! the numbers. A tensor's `data_offsets` count from behind the header.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

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

/// Tensors by name, each named once.
struct Header(BTreeMap<String, Stored>);

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Tensors;
        impl<'de> Visitor<'de> for Tensors {
            type Value = Header;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("tensors by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
                let mut tensors = BTreeMap::new();
                while let Some(name) = map.next_key::<String>()? {
                    if name == METADATA {
                        map.next_value::<IgnoredAny>()?;
                    } else if tensors.insert(name, map.next_value()?).is_some() {
                        return Err(A::Error::custom("a tensor is named twice"));
                    }
                }
                Ok(Header(tensors))
            }
        }
        deserializer.deserialize_map(Tensors)
    }
}

/// Reads a header whose numbers start at `data` and end at `end`, in bytes from the file's start.
pub(super) fn entries(
    file: &str,
    json: &[u8],
    (data, end): (u64, u64),
) -> Result<BTreeMap<String, Entry>, LoadError> {
    let Header(tensors) =
        serde_json::from_slice(json).map_err(|error| damaged(file).caused_by(error))?;
    let entries = tensors.into_iter().map(|(name, stored)| Ok((name, entry(file, stored, data)?)));
    let entries: BTreeMap<String, Entry> = entries.collect::<Result<_, LoadError>>()?;
    let mut ranges: Vec<_> = entries.values().map(|entry| &entry.range).collect();
    ranges.sort_by_key(|range| (range.start, range.end));
    // Each tensor begins where the one before it ends, the first behind the header, and the last
    // ends the file: nothing is cut short, nothing is used twice, nothing lies between.
    let ends_at =
        ranges.iter().try_fold(data, |at, range| (range.start == at).then_some(range.end));
    if ends_at == Some(end) { Ok(entries) } else { Err(damaged(file)) }
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
