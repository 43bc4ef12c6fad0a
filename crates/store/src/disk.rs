//! Files of the data directory: where they lie and how they are made durable.
//!
//! ```text
//! onespace.db          the database (with -wal and -shm beside it)
//! server.lock          locked by the serving process
//! part-signing.key     secret of the part tokens
//! tmp/ID               bytes still arriving
//! blobs/ACCOUNT/AA/ID  assets; AA = the last two digits of ID
//! inputs/ACCOUNT/AA/ID inputs of tasks
//! parts/ACCOUNT/UPLOAD/CHUNK-RANDOM
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::error::{StoreError, StoreErrorKind};
use crate::faults;
use crate::health::Health;
use crate::ids::{AccountId, AssetId, TaskId, UploadId};

/// Room that new files must leave on the disk, for the database to take deletions.
const FREE_BYTES_MIN: u64 = 256 * 1024 * 1024;
const DIR_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// The data directory.
pub(crate) struct Disk {
    root: PathBuf,
    health: Arc<Health>,
}

impl Disk {
    /// Opens the data directory, creating it (mode 0700) if need be.
    pub(crate) fn open(root: &Path, health: Arc<Health>) -> Result<Self, StoreError> {
        let disk = Self { root: root.to_owned(), health };
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(DIR_MODE);
        faults::point("mkdir").and_then(|()| builder.create(root)).map_err(|e| disk.error(e))?;
        Ok(disk)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn tmp_dir(&self) -> PathBuf {
        self.root.join("tmp")
    }

    pub(crate) fn asset_dir(&self, account: &AccountId) -> PathBuf {
        self.root.join("blobs").join(account.as_str())
    }

    pub(crate) fn asset_path(&self, account: &AccountId, id: &AssetId) -> PathBuf {
        self.asset_dir(account).join(fan_out(id.as_str())).join(id.as_str())
    }

    pub(crate) fn input_dir(&self, account: &AccountId) -> PathBuf {
        self.root.join("inputs").join(account.as_str())
    }

    pub(crate) fn input_path(&self, account: &AccountId, id: &TaskId) -> PathBuf {
        self.input_dir(account).join(fan_out(id.as_str())).join(id.as_str())
    }

    pub(crate) fn parts_dir(&self, account: &AccountId) -> PathBuf {
        self.root.join("parts").join(account.as_str())
    }

    pub(crate) fn part_path(&self, account: &AccountId, id: &UploadId, file: &str) -> PathBuf {
        self.parts_dir(account).join(id.as_str()).join(file)
    }

    /// Removes every file of an account, as far as that is possible.
    pub(crate) fn remove_account(&self, account: &AccountId) {
        let folders = [self.asset_dir(account), self.input_dir(account), self.parts_dir(account)];
        folders.iter().for_each(|folder| self.remove_tree(folder));
    }

    /// Names the data directory in an error of the file system.
    pub(crate) fn error(&self, error: io::Error) -> StoreError {
        StoreError::from(error).in_dir(&self.root)
    }

    /// Refuses a file of up to `bytes` that would take the last room on the disk.
    pub(crate) fn check_room(&self, bytes: u64) -> Result<(), StoreError> {
        let disk = faults::point("measure room")
            .and_then(|()| Ok(rustix::fs::statvfs(&self.root)?))
            .map_err(|e| self.error(e))?;
        if disk.f_bavail.saturating_mul(disk.f_frsize) >= bytes.saturating_add(FREE_BYTES_MIN) {
            return Ok(());
        }
        Err(StoreError::new(
            StoreErrorKind::DiskFull,
            format!(
                "The disk of the data directory {} is almost full ({} MiB are kept free); delete \
                 some assets or make room on the disk.",
                self.root.display(),
                FREE_BYTES_MIN >> 20
            ),
        ))
    }

    /// Creates a file (mode 0600) that must not exist yet.
    pub(crate) fn create_file(&self, path: &Path) -> Result<File, StoreError> {
        faults::point("create file")
            .and_then(|()| {
                OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path)
            })
            .map_err(|e| self.error(e))
    }

    /// Creates an empty file (mode 0600) unless there is one. An existing file is not even opened:
    /// closing it would end the locks that SQLite holds on it in this process.
    pub(crate) fn create_if_missing(&self, path: &Path) -> Result<(), StoreError> {
        if path.exists() {
            return Ok(());
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(FILE_MODE);
        match faults::point("create file").and_then(|()| options.open(path)) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(self.error(error)),
        }
    }

    /// Opens a file for writing, creating it (mode 0600) if need be.
    pub(crate) fn open_or_create(&self, path: &Path) -> Result<File, StoreError> {
        faults::point("open file")
            .and_then(|()| {
                let mut options = OpenOptions::new();
                options.write(true).create(true).truncate(false).mode(FILE_MODE).open(path)
            })
            .map_err(|e| self.error(e))
    }

    /// fsync. A failure poisons the store; the caller must not try again.
    pub(crate) fn sync(&self, file: &File) -> Result<(), StoreError> {
        faults::point("fsync").and_then(|()| file.sync_all()).map_err(|error| {
            let error = StoreError::sync_failed(error).in_dir(&self.root);
            self.health.note(&error);
            error
        })
    }

    /// fsync of a directory, which makes the names in it durable.
    pub(crate) fn sync_dir(&self, path: &Path) -> Result<(), StoreError> {
        let dir =
            faults::point("open dir").and_then(|()| File::open(path)).map_err(|e| self.error(e))?;
        self.sync(&dir)
    }

    /// Creates a directory below the root with its missing parents, all durable.
    pub(crate) fn ensure_dir(&self, path: &Path) -> Result<(), StoreError> {
        if path.is_dir() {
            return Ok(());
        }
        let parent = path.parent().expect("directories lie below the root");
        if parent != self.root {
            self.ensure_dir(parent)?;
        }
        let created =
            faults::point("mkdir").and_then(|()| DirBuilder::new().mode(DIR_MODE).create(path));
        match created {
            // Another thread made it; its name must be durable for this caller too.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => other.map_err(|e| self.error(e))?,
        }
        self.sync_dir(parent)
    }

    /// Moves a synced file to its lasting place and makes the new name durable.
    pub(crate) fn place(&self, from: &Path, to: &Path) -> Result<(), StoreError> {
        let parent = to.parent().expect("files lie below the root");
        self.ensure_dir(parent)?;
        faults::point("rename").and_then(|()| fs::rename(from, to)).map_err(|e| self.error(e))?;
        self.sync_dir(parent)
    }

    /// Removes a file. A failure is only logged: the file is an orphan that the next start
    /// removes.
    pub(crate) fn remove(&self, path: &Path) {
        let removed = faults::point("unlink").and_then(|()| fs::remove_file(path));
        if let Err(error) = removed
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %path.display(), %error, "a file could not be removed");
        }
    }

    /// Removes a directory and all in it; failures are only logged.
    pub(crate) fn remove_tree(&self, path: &Path) {
        let removed = faults::point("remove tree").and_then(|()| fs::remove_dir_all(path));
        if let Err(error) = removed
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %path.display(), %error, "a directory could not be removed");
        }
    }

    /// The entries of a directory, by name; none if it does not exist.
    pub(crate) fn names(&self, path: &Path) -> Result<Vec<String>, StoreError> {
        let entries = match faults::point("read dir").and_then(|()| fs::read_dir(path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(|e| self.error(e))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            // A name that is not UTF-8 is not of this program's making.
            if let Ok(name) = entry.map_err(|e| self.error(e))?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// Reads a file that must have this length and SHA-256; `None` if it does not exist.
    pub(crate) fn read_verified(
        &self,
        path: &Path,
        size: u64,
        sha256: &str,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let mut file = match faults::point("open blob").and_then(|()| File::open(path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(|e| self.error(e))?,
        };
        let damaged = || StoreError::from(StoreErrorKind::Corrupt).in_dir(&self.root);
        let actual_size = file.metadata().map_err(|e| self.error(e))?.len();
        if actual_size != size {
            return Err(damaged());
        }
        let mut bytes = Vec::with_capacity(usize::try_from(size).map_err(|_| damaged())?);
        faults::point("read blob")
            .and_then(|()| Read::take(&mut file, size).read_to_end(&mut bytes))
            .map_err(|e| self.error(e))?;
        if bytes.len() as u64 != size || hex::encode(Sha256::digest(&bytes)) != sha256 {
            return Err(damaged());
        }
        Ok(Some(bytes))
    }

    /// Writes a small file so that it is there whole or not at all.
    pub(crate) fn write_whole(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        let staging = self.tmp_dir().join(crate::ids::fresh_id());
        let mut file = self.create_file(&staging)?;
        faults::point("write").and_then(|()| file.write_all(bytes)).map_err(|e| self.error(e))?;
        self.sync(&file)?;
        self.place(&staging, path)
    }
}

fn fan_out(id: &str) -> &str {
    &id[id.len() - 2..]
}
