//! Tensors by name, each checked and taken exactly once.
//!
//! A model's tensors lie in one file or in several shards. Only headers are read at first; a
//! tensor's numbers are read when it is taken, so that loading needs no more memory than the
//! model itself and its largest tensor twice. Threads share the reading of a tensor, and one more
//! makes the digest of the files meanwhile. Tables that are looked up row by row are checked,
//! but stay in their file.

mod digests;
mod header;
mod numbers;
mod shard;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use rayon::iter::{IndexedParallelIterator, ParallelIterator as _};
use rayon::slice::ParallelSliceMut as _;
use sha2::{Digest, Sha256};

use digests::Digests;
use header::Entry;
use numbers::NumberKind;
use shard::NUMBERS_AT_ONCE;
pub(crate) use shard::Shard;
pub(crate) use table::TokenTable;

use crate::model_files::WEIGHTS_FILE;
use crate::{LoadError, LoadErrorKind};

/// The file of a tensor, its numbers' type, and its bytes in the file.
type Found<'a> = (&'a Arc<Shard>, NumberKind, Range<u64>);

/// The tensors of a model.
pub(crate) struct Weights {
    shards: Vec<Arc<Shard>>,
    /// The place of each tensor: its shard, and where in it.
    tensors: BTreeMap<String, (usize, Entry)>,
    taken: BTreeSet<String>,
    digests: Digests,
    /// See [`Self::look_at_joined`]: memory that is new each time costs more than what is done with
    /// it.
    room: Vec<f32>,
}

impl Weights {
    /// Reads the headers of the files that hold a model together.
    pub(crate) fn open(shards: Vec<Shard>) -> Result<Self, LoadError> {
        let mut tensors = BTreeMap::new();
        for (index, shard) in shards.iter().enumerate() {
            for (name, entry) in shard.entries()? {
                if tensors.contains_key(&name) {
                    let message = "is in another file too; copy or export the model again";
                    return Err(LoadError::of_tensor(shard.name(), &name, message));
                }
                tensors.insert(name, (index, entry));
            }
        }
        let shards: Vec<_> = shards.into_iter().map(Arc::new).collect();
        let digests = Digests::start(&shards);
        Ok(Self { shards, tensors, taken: BTreeSet::new(), digests, room: Vec::new() })
    }

    /// SHA-256 of the file, in hexadecimal; of several, of their hashes in order.
    pub(crate) fn sha256(&mut self) -> Result<String, LoadError> {
        let hashes = self.digests.wait()?;
        Ok(match hashes.as_slice() {
            [only] => only.clone(),
            several => hex::encode(Sha256::digest(several.join("\n"))),
        })
    }

    /// Drops `prefix` from the names where all have it: some exports put one before everything.
    pub(crate) fn drop_common_prefix(&mut self, prefix: &str) {
        if self.tensors.keys().all(|name| name.starts_with(prefix)) {
            let tensors = std::mem::take(&mut self.tensors).into_iter();
            let bare = |name: String| name[prefix.len()..].to_owned();
            self.tensors = tensors.map(|(name, place)| (bare(name), place)).collect();
        }
    }

    /// Whether there is a tensor of that name.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// A tensor of that shape, widened.
    pub(crate) fn take(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, LoadError> {
        // Before there is memory for it: the configuration may ask for more than the file has.
        self.find(name, shape)?;
        let mut values = vec![0.0; shape.iter().product()];
        self.take_into(name, shape, &mut values)?;
        Ok(values)
    }

    /// Several matrices `[rows, width]` with these rows one after the other, widened, for as long as
    /// `look` looks at them: their room is that of the next ones.
    pub(crate) fn look_at_joined<T>(
        &mut self,
        parts: &[(String, usize)],
        width: usize,
        look: impl FnOnce(&[f32]) -> T,
    ) -> Result<T, LoadError> {
        for (name, rows) in parts {
            self.find(name, &[*rows, width])?;
        }
        let rows: usize = parts.iter().map(|(_, rows)| rows).sum();
        let mut room = std::mem::take(&mut self.room);
        if room.len() < rows * width {
            room.resize(rows * width, 0.0);
        }
        let mut rest = &mut room[..];
        for (name, rows) in parts {
            let (part, behind) = rest.split_at_mut(rows * width);
            self.take_into(name, &[*rows, width], part)?;
            rest = behind;
        }
        let looked = look(&room[..rows * width]);
        self.room = room;
        Ok(looked)
    }

    fn take_into(
        &mut self,
        name: &str,
        shape: &[usize],
        values: &mut [f32],
    ) -> Result<(), LoadError> {
        let (shard, kind, range) = self.find(name, shape)?;
        let parts = values.par_chunks_mut(NUMBERS_AT_ONCE).enumerate();
        let checked = parts.map(|(index, part)| shard.widen((kind, &range), (index, part)));
        if let Some(at) = first(checked)? {
            return Err(not_finite(shard.name(), name, at));
        }
        self.taken.insert(name.to_owned());
        Ok(())
    }

    /// A table `[rows, width]` that stays where and as it is stored.
    pub(crate) fn take_table(
        &mut self,
        name: &str,
        rows: usize,
        width: usize,
    ) -> Result<TokenTable, LoadError> {
        let (shard, kind, range) = self.find(name, &[rows, width])?;
        let table = TokenTable::new(shard, kind, range, (rows, width));
        if let Some(at) = table.first_not_finite()? {
            return Err(not_finite(shard.name(), name, at));
        }
        self.taken.insert(name.to_owned());
        Ok(table)
    }

    /// Where a tensor is, after a look at its type and shape.
    fn find(&self, name: &str, shape: &[usize]) -> Result<Found<'_>, LoadError> {
        let again = "export configuration and weights together";
        let Some((index, entry)) = self.tensors.get(name) else {
            let file = self.shards.first().map_or(WEIGHTS_FILE, |shard| shard.name());
            return Err(LoadError::of_tensor(file, name, format!("is missing; {again}")));
        };
        let shard = &self.shards[*index];
        let Some(kind) = NumberKind::named(&entry.dtype) else {
            let message = format!("is stored as {}; export it as F32, F16 or BF16", entry.dtype);
            return Err(LoadError::of_tensor(shard.name(), name, message));
        };
        if entry.shape != shape {
            let found = &entry.shape;
            let message = format!("has shape {found:?}, config.json asks for {shape:?}; {again}");
            return Err(LoadError::of_tensor(shard.name(), name, message));
        }
        Ok((shard, kind, entry.range.clone()))
    }

    /// Refuses tensors that nothing took, but for those that `ignored` knows: the file is another
    /// model's.
    pub(crate) fn finish(self, ignored: impl Fn(&str) -> bool) -> Result<(), LoadError> {
        let left = |name: &&String| !self.taken.contains(*name) && !ignored(name);
        self.tensors.keys().find(left).map_or(Ok(()), |name| {
            let file = self.shards[self.tensors[name].0].name();
            let message = "is not part of this model; export configuration and weights together";
            Err(LoadError::of_tensor(file, name, message))
        })
    }
}

/// The first of the places that were found, if any.
fn first(
    found: impl IndexedParallelIterator<Item = Result<Option<usize>, LoadError>>,
) -> Result<Option<usize>, LoadError> {
    let places = found.collect::<Result<Vec<_>, _>>()?;
    Ok(places.into_iter().flatten().next())
}

fn not_finite(file: &str, name: &str, at: usize) -> LoadError {
    let message = format!("number {at} is not finite; train or export it again");
    LoadError::of_tensor(file, name, message)
}

fn unreadable(file: &str, error: std::io::Error) -> LoadError {
    let message = "cannot be read; check that it exists and may be read";
    LoadError::new(LoadErrorKind::File, file, message).caused_by(error)
}
