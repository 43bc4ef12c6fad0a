//! Pictures that a model has read, kept for when they come again.
//!
//! What a vision tower makes of a picture depends on its prepared pixels alone, not on what stands
//! around it. The key is a SHA-256 of those pixels and their size, so it covers the file's content and
//! the preprocessing together, and the tenant: nobody can tell from an answer's time whether someone
//! else has sent the same picture. Bounded in bytes; the longest unused goes first.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use onespace_models::{EmbeddingModel, EncodedImage, Part, Sequence};
use sha2::{Digest, Sha256};

/// What an entry costs besides its numbers, in bytes: key, places in both maps, allocations.
const ENTRY_BYTES: usize = 512;

/// On whose behalf a picture is read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tenant(Arc<str>);

impl Tenant {
    /// The tenant of that id.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self(id.into())
    }
}

/// A picture of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PictureKey {
    tenant: Tenant,
    pixels_sha256: [u8; 32],
}

/// A picture of a sequence that is still to be read: which part it is, and its key.
#[derive(Clone, Debug)]
pub(crate) struct Unread {
    pub(crate) part: usize,
    pub(crate) key: PictureKey,
}

/// How often pictures were found and read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PictureCounts {
    pub(crate) found: u64,
    pub(crate) read: u64,
    pub(crate) bytes: u64,
}

/// The pictures of one model.
pub(crate) struct Pictures {
    bytes_max: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    entries: HashMap<PictureKey, Entry>,
    /// Keys by when they were last used.
    uses: BTreeMap<u64, PictureKey>,
    /// Uses so far.
    clock: u64,
    counts: PictureCounts,
}

struct Entry {
    image: EncodedImage,
    used: u64,
}

impl Pictures {
    /// None yet; at most `bytes_max` bytes, with 0 none ever.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, state: Mutex::default() }
    }

    /// Puts known pictures of `tenant` in the place of their pixels, and names the others.
    pub(crate) fn replace_known(&self, tenant: &Tenant, sequence: &mut Sequence) -> Vec<Unread> {
        let mut unread = Vec::new();
        if self.bytes_max == 0 {
            return unread;
        }
        for (part, place) in sequence.parts.iter_mut().enumerate() {
            let Part::Image(image) = place else { continue };
            let mut hash = Sha256::new();
            hash.update(image.width.to_le_bytes());
            hash.update(image.height.to_le_bytes());
            hash.update(&image.rgb);
            let key = PictureKey { tenant: tenant.clone(), pixels_sha256: hash.finalize().into() };
            match self.lock().find(&key) {
                Some(image) => *place = Part::Encoded(image),
                None => unread.push(Unread { part, key }),
            }
        }
        unread
    }

    /// Lets `model` read what is unread in a batch, each picture once, and keeps it. Where the model
    /// keeps nothing of pictures, or refuses one, the pixels stay and the batch is run with them.
    pub(crate) fn read(
        &self,
        model: &dyn EmbeddingModel,
        batch: &mut [(&mut Sequence, Vec<Unread>)],
    ) {
        let mut wanted: Vec<PictureKey> = Vec::new();
        let mut images = Vec::new();
        for (sequence, unread) in &*batch {
            for Unread { part, key } in unread {
                // It may have been read since the request came.
                let known = wanted.contains(key) || self.lock().entries.contains_key(key);
                if let (false, Part::Image(image)) = (known, &sequence.parts[*part]) {
                    wanted.push(key.clone());
                    images.push(image.clone());
                }
            }
        }
        let images: Vec<_> = images.iter().collect();
        let read = if images.is_empty() { Ok(Some(vec![])) } else { model.encode_images(&images) };
        let Ok(Some(read)) = read else { return };
        let fresh: HashMap<&PictureKey, &EncodedImage> = wanted.iter().zip(&read).collect();
        for (sequence, unread) in batch {
            for Unread { part, key } in unread.drain(..) {
                let kept = || self.lock().find(&key);
                if let Some(image) = fresh.get(&key).map(|image| (*image).clone()).or_else(kept) {
                    sequence.parts[part] = Part::Encoded(image);
                }
            }
        }
        let mut state = self.lock();
        state.counts.read += read.len() as u64;
        for (key, image) in wanted.into_iter().zip(read) {
            state.keep(key, image, self.bytes_max);
        }
    }

    pub(crate) fn counts(&self) -> PictureCounts {
        self.lock().counts
    }

    /// The state; no call in here panics between two changes.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn find(&mut self, key: &PictureKey) -> Option<EncodedImage> {
        let entry = self.entries.get_mut(key)?;
        self.clock += 1;
        self.uses.remove(&entry.used);
        self.uses.insert(self.clock, key.clone());
        entry.used = self.clock;
        self.counts.found += 1;
        Some(entry.image.clone())
    }

    /// Keeps a picture that fits, in the place of those that were not used for longest.
    fn keep(&mut self, key: PictureKey, image: EncodedImage, bytes_max: usize) {
        let bytes = entry_bytes(&image);
        if bytes > bytes_max as u64 || self.entries.contains_key(&key) {
            return;
        }
        while self.counts.bytes + bytes > bytes_max as u64 {
            let Some((_, oldest)) = self.uses.pop_first() else { break };
            if let Some(gone) = self.entries.remove(&oldest) {
                self.counts.bytes -= entry_bytes(&gone.image);
            }
        }
        self.clock += 1;
        self.counts.bytes += bytes;
        self.uses.insert(self.clock, key.clone());
        self.entries.insert(key, Entry { image, used: self.clock });
    }
}

fn entry_bytes(image: &EncodedImage) -> u64 {
    (image.bytes() + ENTRY_BYTES) as u64
}

#[cfg(test)]
mod tests;
