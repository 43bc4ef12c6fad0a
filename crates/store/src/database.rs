//! Connections to the SQLite database: one that writes and checkpoints, a few that read.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::FromSql;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use crate::error::{StoreError, StoreErrorKind};
use crate::faults;
use crate::health::Health;
use crate::readers::Readers;

/// The first SQLite without the WAL-reset race that could corrupt a database.
const SQLITE_VERSION_MIN: i32 = 3_051_003;
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const STATEMENTS_CACHED: usize = 64;
/// A commit writes about 20 KiB of log, so the log stays around 5 MiB.
const COMMITS_PER_CHECKPOINT: u32 = 256;

/// The database of a data directory.
pub(crate) struct Database {
    data_dir: PathBuf,
    health: Arc<Health>,
    /// Whether this process does the checkpoints.
    checkpoints: bool,
    commits: AtomicU32,
    readers: Readers,
    writer: Mutex<Connection>,
}

/// Refuses to run with an SQLite library that can corrupt data.
pub(crate) fn check_sqlite_version() -> Result<(), StoreError> {
    if rusqlite::version_number() >= SQLITE_VERSION_MIN {
        return Ok(());
    }
    Err(StoreError::new(
        StoreErrorKind::Version,
        format!(
            "This program was built with SQLite {}, but needs 3.51.3 or newer.",
            rusqlite::version()
        ),
    ))
}

/// Opens the connection that writes. The file exists already (so that its mode is ours).
pub(crate) fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    faults::point("open database")?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    configure(&connection)?;
    // Checkpoints are made by `Database`, which must see their errors.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    let mode: Option<String> = run_to_end(&connection, "PRAGMA journal_mode = WAL")?;
    if mode.as_deref() != Some("wal") {
        return Err(StoreError::new(
            StoreErrorKind::Database,
            "The data directory lies on a file system that cannot hold the database (it needs \
             shared memory and locks); choose a directory on a local disk.",
        ));
    }
    Ok(connection)
}

fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    faults::point("open database")?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    configure(&connection)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(connection)
}

/// Runs a statement that changes something and also gives a row; gives its first column. SQLite
/// can report a failed commit after that row, where `query_row` would not see it.
fn run_to_end<T: FromSql>(connection: &Connection, sql: &str) -> Result<Option<T>, StoreError> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let value = rows.next()?.map(|row| row.get(0)).transpose()?;
    while rows.next()?.is_some() {}
    Ok(value)
}

/// Whether a commit syncs the log (`FULL`), or only a checkpoint does (`NORMAL`).
fn set_synchronous(connection: &Connection, level: &str) -> Result<(), StoreError> {
    Ok(connection.pragma_update(None, "synchronous", level)?)
}

fn configure(connection: &Connection) -> Result<(), StoreError> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    set_synchronous(connection, "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    // Sorting must not leave files in a shared directory.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    Ok(())
}

impl Database {
    /// Takes over a migrated connection. Only a process that `checkpoints` ever folds the log
    /// into the database file.
    pub(crate) fn new(
        writer: Connection,
        path: &Path,
        health: Arc<Health>,
        reader_count: usize,
        checkpoints: bool,
    ) -> Result<Self, StoreError> {
        writer.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, !checkpoints)?;
        let readers = (0..reader_count).map(|_| open_reader(path)).collect::<Result<_, _>>()?;
        Ok(Self {
            data_dir: path.parent().expect("a file lies in a directory").to_owned(),
            health,
            checkpoints,
            commits: AtomicU32::new(0),
            readers: Readers::new(readers),
            writer: Mutex::new(writer),
        })
    }

    /// Runs `work` on a reading connection, where all its statements see the same state.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let reader = self.readers.take();
        let read = || {
            faults::point("read rows")?;
            let snapshot = reader.connection().unchecked_transaction()?;
            let value = work(&snapshot)?;
            snapshot.finish()?;
            Ok(value)
        };
        read().map_err(|error| self.noted(error))
    }

    /// Runs `work` in a transaction that is durable when this returns `Ok` and undone otherwise
    /// (after [`StoreErrorKind::SyncFailed`] it may reappear at the next start).
    pub(crate) fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        self.write_on(writer, work)
    }

    /// As [`Self::write`], but gives `None` at once when another thread is writing.
    pub(crate) fn write_if_idle<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        match self.writer.try_lock() {
            Ok(writer) => self.write_on(writer, work).map(Some),
            Err(TryLockError::Poisoned(poisoned)) => {
                self.write_on(poisoned.into_inner(), work).map(Some)
            }
            Err(TryLockError::WouldBlock) => Ok(None),
        }
    }

    /// As [`Self::write`], but durable only against the end of this process; [`Self::sync_log`]
    /// (or the next durable write: there is one log) makes it durable against a power cut.
    pub(crate) fn write_unsynced<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        self.health.check().map_err(|error| error.in_dir(&self.data_dir))?;
        // The next durable write sets this back.
        set_synchronous(&writer, "NORMAL")?;
        transact(&mut writer, work).map_err(|error| self.noted(error))
    }

    /// Makes what [`Self::write_unsynced`] wrote durable: a checkpoint syncs the log first.
    pub(crate) fn sync_log(&self) -> Result<(), StoreError> {
        self.health.check().map_err(|error| error.in_dir(&self.data_dir))?;
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        self.fold(&writer, "PASSIVE").map_err(|error| self.noted(error))
    }

    /// A write that makes room, such as a deletion. On a full disk the log cannot grow, but once
    /// folded into the database its space can be used again.
    pub(crate) fn write_to_free<T>(
        &self,
        work: impl Fn(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match self.write(&work) {
            Err(error) if error.kind() == StoreErrorKind::DiskFull && self.checkpoints => {
                let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
                self.fold(&writer, "RESTART").map_err(|error| self.noted(error))?;
                self.write_on(writer, work)
            }
            other => other,
        }
    }

    fn write_on<T>(
        &self,
        mut writer: MutexGuard<'_, Connection>,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        // Under the lock: the write waited for may have poisoned the store.
        self.health.check().map_err(|error| error.in_dir(&self.data_dir))?;
        set_synchronous(&writer, "FULL")?;
        let value = transact(&mut writer, work).map_err(|error| self.noted(error))?;
        if self.checkpoints
            && self.commits.fetch_add(1, Ordering::Relaxed) % COMMITS_PER_CHECKPOINT
                == COMMITS_PER_CHECKPOINT - 1
            // The commit is durable whatever comes of this.
            && let Err(error) = self.fold(&writer, "PASSIVE")
        {
            let error = self.noted(error);
            tracing::warn!(?error, "a checkpoint of the database failed");
        }
        Ok(value)
    }

    /// Folds the whole log into the database file and empties it.
    pub(crate) fn checkpoint(&self) -> Result<(), StoreError> {
        if !self.checkpoints {
            return Ok(());
        }
        self.health.check().map_err(|error| error.in_dir(&self.data_dir))?;
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        self.fold(&writer, "TRUNCATE").map_err(|error| self.noted(error))
    }

    fn fold(&self, writer: &Connection, mode: &str) -> Result<(), StoreError> {
        faults::point("checkpoint")?;
        // That readers keep part of the log (the first column is then 1) is no failure.
        let _is_busy: Option<i64> = run_to_end(writer, &format!("PRAGMA wal_checkpoint({mode})"))?;
        Ok(())
    }

    fn noted(&self, error: StoreError) -> StoreError {
        self.health.note(&error);
        error.in_dir(&self.data_dir)
    }
}

fn transact<T>(
    writer: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    faults::point("begin")?;
    let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let value = work(&transaction)?;
    faults::point("commit")?;
    transaction.commit()?;
    Ok(value)
}
