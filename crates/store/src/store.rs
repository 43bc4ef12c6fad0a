//! Opening a data directory.

use std::collections::HashSet;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use time::OffsetDateTime;

use crate::claims::{AssetClaim, AssetClaims};
use crate::clock::Clock;
use crate::database::{self, Database};
use crate::disk::Disk;
use crate::error::{StoreError, StoreErrorKind};
use crate::health::Health;
use crate::ids::{AssetId, random_bytes};
use crate::migrations::{self, SchemaState};
use crate::recovery::StartReport;

const DATABASE_FILE: &str = "onespace.db";
const LOCK_FILE: &str = "server.lock";
const PART_SECRET_FILE: &str = "part-signing.key";
const SERVER_READERS: usize = 4;
/// How long a start waits for the previous server's lock to go away with its process.
const LOCK_PATIENCE: Duration = Duration::from_millis(500);
const LOCK_RETRY: Duration = Duration::from_millis(50);
/// How long opening the database waits for other processes that open or close it.
const OPEN_PATIENCE: Duration = Duration::from_secs(5);
const OPEN_RETRY: Duration = Duration::from_millis(10);

/// What a data directory is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everything. One process at a time.
    Serve,
    /// Accounts and keys, also while a server runs. Storing files is refused.
    Administer,
}

/// A data directory. Cheap to clone, for use by any number of threads; all calls block.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    // The order matters: the lock must be the last to go.
    database: Database,
    disk: Disk,
    health: Arc<Health>,
    clock: Clock,
    staged_names: Mutex<HashSet<String>>,
    claims: AssetClaims,
    is_first_start: bool,
    start_report: StartReport,
    serving: Option<Serving>,
}

/// What only the serving process has.
pub(crate) struct Serving {
    /// HMAC key of the part tokens.
    pub(crate) part_secret: [u8; 32],
    /// Locked as long as it is open.
    _lock: File,
}

impl Store {
    /// Opens `data_dir`, creating it (mode 0700) and the database if need be.
    ///
    /// With [`Access::Serve`] what an interrupted run left behind is put in order. Fails with
    /// [`StoreErrorKind::Locked`] if another server runs on it and with
    /// [`StoreErrorKind::Version`] if a newer version of this program wrote it.
    pub fn open(data_dir: &Path, access: Access) -> Result<Self, StoreError> {
        database::check_sqlite_version()?;
        let health = Arc::new(Health::default());
        let disk = Disk::open(data_dir, health.clone())?;
        let lock = match access {
            Access::Serve => Some(take_lock(&disk)?),
            Access::Administer => None,
        };
        let database = open_database_when_free(&disk, &health, lock.is_some())
            .inspect_err(|error| health.note(error))
            .map_err(|error| error.in_dir(data_dir))?;
        let is_first_start = !database.read(has_accounts)?;
        let serving = match lock {
            Some(lock) => {
                disk.ensure_dir(&disk.tmp_dir())?;
                Some(Serving { part_secret: part_secret(&disk)?, _lock: lock })
            }
            None => None,
        };
        let mut inner = Inner {
            database,
            disk,
            health,
            clock: Clock::default(),
            staged_names: Mutex::default(),
            claims: AssetClaims::default(),
            is_first_start,
            start_report: StartReport::default(),
            serving,
        };
        if inner.serving.is_some() {
            inner.start_report =
                crate::recovery::recover(&inner.disk, &inner.database, is_first_start)?;
        }
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Whether no account existed when the store was opened.
    pub fn is_first_start(&self) -> bool {
        self.inner.is_first_start
    }

    /// What the start found and put in order.
    pub fn start_report(&self) -> StartReport {
        self.inner.start_report
    }

    /// False once an fsync has failed: from then on writes are refused with
    /// [`StoreErrorKind::SyncFailed`] while reads go on, until the process restarts.
    pub fn is_healthy(&self) -> bool {
        self.inner.health.is_good()
    }

    /// Folds the write-ahead log into the database file, as before a backup or an exit. Does
    /// nothing without [`Access::Serve`].
    pub fn checkpoint(&self) -> Result<(), StoreError> {
        self.database().checkpoint()
    }

    pub(crate) fn database(&self) -> &Database {
        &self.inner.database
    }

    pub(crate) fn disk(&self) -> &Disk {
        &self.inner.disk
    }

    pub(crate) fn now(&self) -> OffsetDateTime {
        self.inner.clock.now()
    }

    #[cfg(test)]
    pub(crate) fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    pub(crate) fn check_health(&self) -> Result<(), StoreError> {
        self.inner.health.check().map_err(|error| error.in_dir(self.disk().root()))
    }

    /// Refuses where files would be stored without the server's lock.
    pub(crate) fn serving(&self) -> Result<&Serving, StoreError> {
        self.inner.serving.as_ref().ok_or_else(|| {
            StoreError::new(
                StoreErrorKind::Locked,
                "Only the server may do this; the data directory is open for administration.",
            )
        })
    }

    /// The names in `tmp/` that this process is using.
    pub(crate) fn staged_names(&self) -> MutexGuard<'_, HashSet<String>> {
        self.inner.staged_names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no other thread creates or deletes the asset `id`.
    pub(crate) fn claim_asset<'a>(&'a self, id: &'a AssetId) -> AssetClaim<'a> {
        self.inner.claims.acquire(id)
    }
}

fn has_accounts(connection: &rusqlite::Connection) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM accounts)";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

fn take_lock(disk: &Disk) -> Result<File, StoreError> {
    let file = disk.open_or_create(&disk.root().join(LOCK_FILE))?;
    let tries = LOCK_PATIENCE.as_millis() / LOCK_RETRY.as_millis();
    for _ in 0..tries {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_RETRY),
            Err(TryLockError::Error(error)) => return Err(disk.error(error)),
        }
    }
    Err(StoreError::new(
        StoreErrorKind::Locked,
        format!(
            "Another onespace server is using the data directory {}. Stop it first, or choose \
             another directory.",
            disk.root().display()
        ),
    ))
}

/// SQLite's busy timeout does not cover two moments, where it answers "locked" at once: two
/// processes turn on the log of a new database, or one opens a database while its last other user
/// closes it. Both are over within milliseconds.
fn open_database_when_free(
    disk: &Disk,
    health: &Arc<Health>,
    is_server: bool,
) -> Result<Database, StoreError> {
    let started = Instant::now();
    loop {
        match open_database(disk, health, is_server) {
            Err(error)
                if error.kind() == StoreErrorKind::Busy && started.elapsed() < OPEN_PATIENCE =>
            {
                std::thread::sleep(OPEN_RETRY);
            }
            outcome => return outcome,
        }
    }
}

fn open_database(
    disk: &Disk,
    health: &Arc<Health>,
    is_server: bool,
) -> Result<Database, StoreError> {
    let path = disk.root().join(DATABASE_FILE);
    // SQLite gives its other files the mode of this one.
    disk.create_if_missing(&path)?;
    let mut writer = database::open_writer(&path)?;
    match migrations::schema_state(&writer)? {
        SchemaState::Current => {}
        SchemaState::Outdated if !is_server => {
            // An older server that still runs would not know the new schema.
            let _lock = take_lock(disk)?;
            migrations::migrate(&mut writer)?;
        }
        SchemaState::New | SchemaState::Outdated => migrations::migrate(&mut writer)?,
    }
    // SQLite syncs the directory too when it creates the log, but overlooks a failure.
    disk.sync_dir(disk.root())?;
    let readers = if is_server { SERVER_READERS } else { 1 };
    Database::new(writer, &path, health.clone(), readers, is_server)
}

fn part_secret(disk: &Disk) -> Result<[u8; 32], StoreError> {
    let path = disk.root().join(PART_SECRET_FILE);
    match std::fs::read(&path) {
        Ok(bytes) => bytes.try_into().map_err(|_| {
            StoreError::new(
                StoreErrorKind::Corrupt,
                format!(
                    "{} is damaged. Delete it; only the links of unfinished uploads stop working.",
                    path.display()
                ),
            )
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let secret = random_bytes();
            disk.write_whole(&path, &secret)?;
            Ok(secret)
        }
        Err(error) => Err(disk.error(error)),
    }
}
