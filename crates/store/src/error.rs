//! What can go wrong in the store, in words for the person who runs it.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ffi;

/// The class of a [`StoreError`], for choosing a status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// Another server uses the data directory, or the operation needs [`Access::Serve`].
    ///
    /// [`Access::Serve`]: crate::Access::Serve
    Locked,
    /// The database belongs to another program or to a newer version of this one.
    Version,
    /// An argument breaks a documented rule; the message names it.
    Invalid,
    /// The object does not exist, or belongs to another account.
    NotFound,
    /// The object exists already, or its state forbids the operation.
    Conflict,
    /// The account was closed.
    Closed,
    /// More bytes than the stated cap.
    TooLarge,
    /// No space left. Reads and deletions still work; writes work again once there is space.
    DiskFull,
    /// Stored bytes are missing or differ from what was written.
    Corrupt,
    /// The database stayed locked by another process for the whole busy timeout.
    Busy,
    /// An fsync failed, now or earlier: the store takes no more writes until the restart.
    SyncFailed,
    /// Another failure of the file system.
    Io,
    /// Another failure of the database.
    Database,
}

/// An error of the store. `Display` is for users; the library errors below it are reachable only
/// through [`Error::source`], for logs.
pub struct StoreError {
    kind: StoreErrorKind,
    message: Option<String>,
    data_dir: Option<PathBuf>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl StoreError {
    pub(crate) fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: Some(message.into()), data_dir: None, source: None }
    }

    fn from_source(kind: StoreErrorKind, source: impl Error + Send + Sync + 'static) -> Self {
        Self { kind, message: None, data_dir: None, source: Some(Box::new(source)) }
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(StoreErrorKind::NotFound, format!("There is no such {what}."))
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StoreErrorKind::Invalid, message)
    }

    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new(StoreErrorKind::Conflict, message)
    }

    /// The error of an fsync that failed: its own kind, since it must poison the store.
    pub(crate) fn sync_failed(source: io::Error) -> Self {
        Self::from_source(StoreErrorKind::SyncFailed, source)
    }

    /// Adds the directory to name in the message.
    pub(crate) fn in_dir(mut self, data_dir: &Path) -> Self {
        self.data_dir.get_or_insert_with(|| data_dir.to_owned());
        self
    }

    /// The class of the error.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    fn advice(&self) -> &'static str {
        match self.kind {
            StoreErrorKind::Locked => "It is in use by another server; stop that one first.",
            StoreErrorKind::Version => "It was written by another version of this program.",
            StoreErrorKind::Invalid => "A value is not allowed.",
            StoreErrorKind::NotFound => "There is no such object.",
            StoreErrorKind::Conflict => "The object exists already or has changed meanwhile.",
            StoreErrorKind::Closed => "The account was closed.",
            StoreErrorKind::TooLarge => "The data is larger than allowed.",
            StoreErrorKind::DiskFull => "The disk is full; free some space and try again.",
            StoreErrorKind::Corrupt => "Stored data is damaged; restore it from a backup.",
            StoreErrorKind::Busy => "Another process keeps the database locked; try again.",
            StoreErrorKind::SyncFailed => {
                "The disk failed to store data durably, so nothing more is written. \
                 Check the disk, then restart the server."
            }
            StoreErrorKind::Io => "Reading or writing failed; check the disk and permissions.",
            StoreErrorKind::Database => "The database refused an operation.",
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(message) = &self.message {
            return f.write_str(message);
        }
        if let Some(dir) = &self.data_dir {
            write!(f, "Data directory {}: ", dir.display())?;
        }
        f.write_str(self.advice())
    }
}

impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.kind)?;
        self.source.as_ref().map_or(Ok(()), |source| write!(f, " ({source})"))
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn Error + 'static))
    }
}

/// Recovers the kind of an error that came out of [`std::io::Write`] on a [`BlobWriter`].
///
/// [`BlobWriter`]: crate::BlobWriter
impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        match error.downcast::<StoreError>() {
            Ok(own) => own,
            Err(error) => {
                let kind = match error.kind() {
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                        StoreErrorKind::DiskFull
                    }
                    _ => StoreErrorKind::Io,
                };
                Self::from_source(kind, error)
            }
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::from_source(kind_of(&error), error)
    }
}

/// An error that has nothing to say beyond its class.
impl From<StoreErrorKind> for StoreError {
    fn from(kind: StoreErrorKind) -> Self {
        Self { kind, message: None, data_dir: None, source: None }
    }
}

fn kind_of(error: &rusqlite::Error) -> StoreErrorKind {
    use rusqlite::ErrorCode;
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => match failure.extended_code {
            ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC => StoreErrorKind::SyncFailed,
            // The shared-memory file could not grow.
            ffi::SQLITE_IOERR_SHMSIZE => StoreErrorKind::DiskFull,
            _ => match failure.code {
                ErrorCode::DiskFull => StoreErrorKind::DiskFull,
                ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => StoreErrorKind::Busy,
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => StoreErrorKind::Corrupt,
                ErrorCode::ConstraintViolation => StoreErrorKind::Conflict,
                ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::PermissionDenied => StoreErrorKind::Io,
                _ => StoreErrorKind::Database,
            },
        },
        // A column that does not hold what this version writes.
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::IntegralValueOutOfRange(..) => StoreErrorKind::Corrupt,
        _ => StoreErrorKind::Database,
    }
}
