//! One file of weights: its bytes, wherever they are.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use super::header::{self, Entry, HEADER_BYTES_MAX, PREFIX_BYTES};
use super::numbers::{NumberKind, first_not_finite};
use super::unreadable;
use crate::model_files::open_ordinary;
use crate::{LoadError, LoadErrorKind};

/// Longest file in bytes. All of it is read once, for its hash.
const FILE_BYTES_MAX: u64 = 64 << 30;
/// Numbers of a tensor that a thread reads at a time.
pub(super) const NUMBERS_AT_ONCE: usize = 1 << 19;
/// Bytes read at a time for hashing.
const HASHED_AT_ONCE_BYTES: u64 = 1 << 20;

/// A file of weights.
pub(crate) struct Shard {
    name: String,
    bytes: Bytes,
}

/// Where the bytes are.
enum Bytes {
    /// Part of the program.
    Embedded(&'static [u8]),
    /// In an open file. Read by place, never mapped: a file that someone cuts short while it is in
    /// use is then an error, not the end of the process.
    File {
        file: File,
        length: u64,
        /// When it was last written, as it was opened.
        modified: Option<SystemTime>,
    },
}

impl Shard {
    /// A file that is part of the program.
    pub(crate) fn embedded(name: &str, bytes: &'static [u8]) -> Self {
        Self { name: name.to_owned(), bytes: Bytes::Embedded(bytes) }
    }

    /// Opens a file of a folder.
    pub(crate) fn open(path: &Path) -> Result<Self, LoadError> {
        let shown = path.display().to_string();
        let name = path
            .file_name()
            .map_or_else(|| shown.clone(), |name| name.to_string_lossy().into_owned());
        let opened = open_ordinary(path).and_then(|file| Ok((file.metadata()?, file)));
        let (metadata, file) = opened.map_err(|error| unreadable(&shown, error))?;
        let (length, modified) = (metadata.len(), metadata.modified().ok());
        if length > FILE_BYTES_MAX {
            let message =
                format!("is larger than {FILE_BYTES_MAX} bytes; it is no file of a model");
            return Err(LoadError::new(LoadErrorKind::File, &shown, message));
        }
        Ok(Self { name, bytes: Bytes::File { file, length, modified } })
    }

    /// What errors call it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn length(&self) -> u64 {
        match &self.bytes {
            Bytes::Embedded(bytes) => bytes.len() as u64,
            Bytes::File { length, .. } => *length,
        }
    }

    /// The tensors, from the header.
    pub(super) fn entries(&self) -> Result<BTreeMap<String, Entry>, LoadError> {
        let end = self.length();
        if end < PREFIX_BYTES {
            return Err(header::damaged(&self.name));
        }
        let prefix = self.read(0..PREFIX_BYTES)?;
        let length = prefix.iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
        if length > HEADER_BYTES_MAX || length > end - PREFIX_BYTES {
            return Err(header::damaged(&self.name));
        }
        let data = PREFIX_BYTES + length;
        header::entries(&self.name, &self.read(PREFIX_BYTES..data)?, (data, end))
    }

    /// Some of the bytes; the range was checked against the length.
    pub(super) fn read(&self, range: Range<u64>) -> Result<Cow<'_, [u8]>, LoadError> {
        let place = || Some(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?);
        let place = place().ok_or_else(|| header::damaged(&self.name))?;
        match &self.bytes {
            Bytes::Embedded(bytes) => Ok(Cow::Borrowed(&bytes[place])),
            Bytes::File { .. } => {
                let mut bytes = vec![0; place.len()];
                let read = self.read_into(range.start, &mut bytes);
                read.map_err(|error| unreadable(&self.name, error))?;
                Ok(Cow::Owned(bytes))
            }
        }
    }

    /// Reads into `out` without allocating.
    pub(super) fn read_into(&self, start: u64, out: &mut [u8]) -> io::Result<()> {
        match &self.bytes {
            Bytes::Embedded(bytes) => {
                let start = usize::try_from(start).map_err(|_| io::ErrorKind::FileTooLarge)?;
                out.copy_from_slice(&bytes[start..start + out.len()]);
                Ok(())
            }
            Bytes::File { file, .. } => read_at(file, start, out),
        }
    }

    /// Refuses a file that was written to since it was opened.
    pub(super) fn check_unchanged(&self) -> io::Result<()> {
        let Bytes::File { file, length, modified } = &self.bytes else { return Ok(()) };
        let now = file.metadata()?;
        if now.len() == *length && now.modified().ok() == *modified {
            return Ok(());
        }
        Err(io::Error::other(format!("{} was written to while the model was in use", self.name)))
    }

    /// Reads the part `index` of a tensor, [`NUMBERS_AT_ONCE`] numbers but for the last one. Returns
    /// the place in the tensor of the first of them that is not finite.
    pub(super) fn widen(
        &self,
        (kind, tensor): (NumberKind, &Range<u64>),
        (index, part): (usize, &mut [f32]),
    ) -> Result<Option<usize>, LoadError> {
        let first = index * NUMBERS_AT_ONCE;
        let start = tensor.start + (first * kind.bytes()) as u64;
        let bytes = self.read(start..start + (part.len() * kind.bytes()) as u64)?;
        kind.widen(&bytes, part);
        Ok(first_not_finite(part).map(|at| first + at))
    }

    /// SHA-256 of all bytes, in hexadecimal; of fewer once nobody wants it any more.
    pub(super) fn sha256(&self, unwanted: &AtomicBool) -> Result<String, LoadError> {
        let mut hash = Sha256::new();
        let length = self.length();
        let mut start = 0;
        while start < length && !unwanted.load(Ordering::Relaxed) {
            let end = (start + HASHED_AT_ONCE_BYTES).min(length);
            hash.update(self.read(start..end)?);
            start = end;
        }
        Ok(hex::encode(hash.finalize()))
    }
}

#[cfg(unix)]
fn read_at(file: &File, start: u64, out: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, out, start)
}

#[cfg(windows)]
fn read_at(file: &File, start: u64, out: &mut [u8]) -> io::Result<()> {
    let (mut start, mut out) = (start, out);
    while !out.is_empty() {
        let read = std::os::windows::fs::FileExt::seek_read(file, out, start)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        start += read as u64;
        out = &mut out[read..];
    }
    Ok(())
}
