//! Bytes on their way into the store: written to a file of their own, measured, made durable, and
//! only then given to an asset, a part or a task.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::{StoreError, StoreErrorKind};
use crate::faults;
use crate::ids::fresh_id;
use crate::store::Store;

impl Store {
    /// Opens a place for at most `bytes_max` bytes. Any number of blobs may be staged at a time.
    ///
    /// Fails with [`StoreErrorKind::DiskFull`] if it would leave less than 256 MiB on the disk, and
    /// with [`StoreErrorKind::SyncFailed`] once the store takes no more writes.
    pub fn stage_blob(&self, bytes_max: u64) -> Result<BlobWriter, StoreError> {
        self.serving()?;
        self.check_health()?;
        self.disk().check_room(bytes_max)?;
        let staging = StagingFile::reserve(self);
        let file = self.disk().create_file(&staging.path)?;
        Ok(BlobWriter {
            staging,
            file,
            hash: Sha256::new(),
            written: 0,
            bytes_max,
            has_failed: false,
        })
    }
}

/// The name of a file in `tmp/`, which is removed when the name is dropped.
struct StagingFile {
    store: Store,
    name: String,
    path: PathBuf,
    is_moved: bool,
}

impl StagingFile {
    fn reserve(store: &Store) -> Self {
        let name = fresh_id();
        let path = store.disk().tmp_dir().join(&name);
        // Before the file exists, lest a sweep takes it for an orphan.
        store.staged_names().insert(name.clone());
        Self { store: store.clone(), name, path, is_moved: false }
    }
}

impl Drop for StagingFile {
    fn drop(&mut self) {
        if !self.is_moved {
            self.store.disk().remove(&self.path);
        }
        self.store.staged_names().remove(&self.name);
    }
}

/// Takes the bytes of a blob. Write in pieces of some KiB: there is no buffer in between.
///
/// A write beyond the cap or on a full disk fails with an [`io::Error`] that converts back into a
/// [`StoreError`] with its kind. Dropped before [`finish`](Self::finish), it leaves nothing.
pub struct BlobWriter {
    staging: StagingFile,
    file: File,
    hash: Sha256,
    written: u64,
    bytes_max: u64,
    has_failed: bool,
}

impl BlobWriter {
    /// Bytes written so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Makes the bytes durable. Refuses if a write failed before.
    pub fn finish(self) -> Result<StagedBlob, StoreError> {
        if self.has_failed {
            return Err(StoreErrorKind::Io.into());
        }
        self.staging.store.check_health()?;
        self.staging.store.disk().sync(&self.file)?;
        let sha256 = hex::encode(self.hash.finalize());
        Ok(StagedBlob { staging: self.staging, len: self.written, sha256 })
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() as u64 > self.bytes_max - self.written {
            self.has_failed = true;
            let message = format!("The data is larger than the {} bytes allowed.", self.bytes_max);
            let error = StoreError::new(StoreErrorKind::TooLarge, message);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, error));
        }
        match faults::point("write").and_then(|()| self.file.write(bytes)) {
            Ok(count) => {
                self.hash.update(&bytes[..count]);
                self.written += count as u64;
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                self.has_failed = true;
                let kind = error.kind();
                Err(io::Error::new(kind, self.staging.store.disk().error(error)))
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A blob that is whole and durable but belongs to nothing yet. Dropped unused, it is removed.
pub struct StagedBlob {
    staging: StagingFile,
    len: u64,
    sha256: String,
}

impl StagedBlob {
    /// Bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// SHA-256 of the bytes, 64 lower-case hex digits.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The bytes, checked against [`sha256`](Self::sha256).
    pub fn read(&self) -> Result<Vec<u8>, StoreError> {
        let disk = self.staging.store.disk();
        disk.read_verified(&self.staging.path, self.len, &self.sha256)?
            .ok_or_else(|| StoreError::from(StoreErrorKind::Corrupt).in_dir(disk.root()))
    }

    /// Moves the bytes to their lasting place. After a failure the file is either gone or an
    /// orphan there.
    pub(crate) fn place(mut self, path: &Path) -> Result<(), StoreError> {
        let store = self.staging.store.clone();
        store.disk().place(&self.staging.path, path).inspect_err(|_| {
            // A file that was moved but whose name may not be durable: undone as far as the
            // store can still write.
            if store.is_healthy() && !self.staging.path.exists() {
                store.disk().remove(path);
            }
        })?;
        self.staging.is_moved = true;
        Ok(())
    }
}

impl Store {
    /// Removes files in `tmp/` that no [`BlobWriter`] or [`StagedBlob`] of this process holds.
    pub(crate) fn remove_orphaned_staging(&self) -> Result<u64, StoreError> {
        let dir = self.disk().tmp_dir();
        let mut removed = 0;
        for name in self.disk().names(&dir)? {
            // Held while removing: a name enters the set before its file exists.
            let held = self.staged_names();
            if !held.contains(&name) && fs::symlink_metadata(dir.join(&name)).is_ok() {
                self.disk().remove(&dir.join(&name));
                removed += 1;
            }
        }
        Ok(removed)
    }
}
