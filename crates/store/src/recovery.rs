//! Putting a data directory in order before it is served: rows and files are compared, and what
//! an interrupted run left behind is removed. Running it again changes nothing.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use crate::database::Database;
use crate::disk::Disk;
use crate::error::{StoreError, StoreErrorKind};
use crate::ids::is_id;

/// What a start found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StartReport {
    /// Assets whose file is missing; each was logged. They read as corrupt.
    pub blobs_missing: u64,
    /// Files that belonged to nothing and were removed.
    pub files_removed: u64,
}

const ASSETS: &str = "SELECT account_id, id FROM assets";
const INPUTS: &str =
    "SELECT account_id, id FROM tasks WHERE status = 'processing' AND input_size IS NOT NULL";
const ACTIVE_PARTS: &str = "SELECT account_id, id || '/' || file_name FROM upload_parts \
     JOIN uploads ON uploads.id = upload_id WHERE status = 'active'";
/// Whoever held a lease died with the previous server.
const END_LEASES: &str = "UPDATE tasks SET lease_expires_at = NULL \
     WHERE status = 'processing' AND lease_expires_at IS NOT NULL";

/// Compares rows and files. The server's lock must be held.
pub(crate) fn recover(
    disk: &Disk,
    database: &Database,
    is_new: bool,
) -> Result<StartReport, StoreError> {
    refuse_blobs_without_database(disk, is_new)?;
    let mut report = StartReport::default();
    for name in disk.names(&disk.tmp_dir())? {
        disk.remove(&disk.tmp_dir().join(name));
        report.files_removed += 1;
    }
    for (account, mut expected) in expected_files(database, ASSETS)? {
        let removed = remove_unexpected(disk, &account_dir(disk, "blobs", &account), &mut expected);
        report.files_removed += removed?;
        report.blobs_missing += expected.len() as u64;
        for asset in expected {
            tracing::error!(asset, "the file of an asset is missing");
        }
    }
    for (folder, query) in [("inputs", INPUTS), ("parts", ACTIVE_PARTS)] {
        for (account, mut expected) in expected_files(database, query)? {
            let dir = account_dir(disk, folder, &account);
            report.files_removed += remove_unexpected(disk, &dir, &mut expected)?;
            for file in expected {
                tracing::error!(folder, file, "a file of unfinished work is missing");
            }
        }
    }
    let any_lease = "SELECT EXISTS (SELECT 1 FROM tasks \
                     WHERE status = 'processing' AND lease_expires_at IS NOT NULL)";
    if database.read(|c| Ok(c.query_row(any_lease, [], |row| row.get(0))?))? {
        database.write(|t| Ok(t.execute(END_LEASES, [])?))?;
    }
    Ok(report)
}

/// A lost database must not cost the files too.
fn refuse_blobs_without_database(disk: &Disk, is_new: bool) -> Result<(), StoreError> {
    if !is_new || disk.names(&disk.root().join("blobs"))?.is_empty() {
        return Ok(());
    }
    Err(StoreError::new(
        StoreErrorKind::Corrupt,
        format!(
            "The data directory {} has stored files, but its database is empty. Restore \
             onespace.db from a backup, or choose another directory.",
            disk.root().display()
        ),
    ))
}

fn account_dir(disk: &Disk, folder: &str, account: &str) -> std::path::PathBuf {
    disk.root().join(folder).join(account)
}

/// The files that rows speak of, for every account. Directories of unknown accounts are none of
/// this program's doing and are left alone.
fn expected_files(
    database: &Database,
    query: &str,
) -> Result<HashMap<String, HashSet<String>>, StoreError> {
    database.read(|connection| {
        let mut by_account: HashMap<String, HashSet<String>> = HashMap::new();
        let mut accounts = connection.prepare("SELECT id FROM accounts")?;
        for account in accounts.query_map([], |row| row.get(0))? {
            by_account.insert(account?, HashSet::new());
        }
        let mut statement = connection.prepare(query)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            by_account.entry(row.get(0)?).or_default().insert(row.get(1)?);
        }
        Ok(by_account)
    })
}

/// Removes files two levels below `dir` that are not expected, and takes those found out of
/// `expected`. A file is known by its name, or (for chunks) by its directory and name.
fn remove_unexpected(
    disk: &Disk,
    dir: &Path,
    expected: &mut HashSet<String>,
) -> Result<u64, StoreError> {
    let mut removed = 0;
    for folder in disk.names(dir)? {
        let folder_path = dir.join(&folder);
        let holds_chunks = is_id(&folder);
        for name in disk.names(&folder_path)? {
            let key = if holds_chunks { format!("{folder}/{name}") } else { name.clone() };
            if !expected.remove(&key) && (holds_chunks || is_id(&name)) {
                disk.remove(&folder_path.join(&name));
                removed += 1;
            }
        }
        if holds_chunks {
            // Fails, as it should, unless it is empty now.
            let _ = std::fs::remove_dir(&folder_path);
        }
    }
    Ok(removed)
}
