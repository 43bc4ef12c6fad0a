//! The database's schema, as numbered steps.

use rusqlite::{Connection, TransactionBehavior};

use crate::error::{StoreError, StoreErrorKind};
use crate::faults;

/// Step N brings a database from version N − 1 to version N.
const MIGRATIONS: [&str; 3] = [
    include_str!("../migrations/0001_initial.sql"),
    include_str!("../migrations/0002_console.sql"),
    include_str!("../migrations/0003_closed_accounts.sql"),
];

/// Marks a database file as this program's ("onsp").
const APPLICATION_ID: i64 = 0x6f6e_7370;

/// The version that this program works with.
const CURRENT: usize = MIGRATIONS.len();

/// One statement sees one state: another process may be making the tables just now.
const STATE: &str = "SELECT (SELECT user_version FROM pragma_user_version), \
     (SELECT application_id FROM pragma_application_id), (SELECT count(*) FROM sqlite_schema)";

/// How a database relates to this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SchemaState {
    /// Has no tables yet.
    New,
    /// Of an earlier version.
    Outdated,
    /// Fits.
    Current,
}

/// Refuses a database of another program or of a later version of this one.
pub(crate) fn schema_state(connection: &Connection) -> Result<SchemaState, StoreError> {
    let (version, application, tables): (usize, i64, i64) =
        connection.query_row(STATE, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    if version == 0 && tables == 0 {
        return Ok(SchemaState::New);
    }
    if application != APPLICATION_ID || version == 0 {
        return Err(StoreError::new(
            StoreErrorKind::Version,
            "The file onespace.db in the data directory belongs to another program; \
             choose another data directory.",
        ));
    }
    if version > CURRENT {
        return Err(StoreError::new(
            StoreErrorKind::Version,
            format!(
                "The data directory was written by a newer onespace (schema {version}, this one \
                 knows {CURRENT}); use that version or another data directory."
            ),
        ));
    }
    Ok(if version < CURRENT { SchemaState::Outdated } else { SchemaState::Current })
}

/// Brings the database to the current version, each step in a transaction of its own, so that an
/// interrupted run resumes where it stopped.
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    loop {
        faults::point("begin migration")?;
        let step = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Read under the lock: another process may have migrated meanwhile.
        schema_state(&step)?;
        let version: usize = step.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let Some(statements) = MIGRATIONS.get(version) else { return Ok(()) };
        step.execute_batch(statements)?;
        step.pragma_update(None, "application_id", APPLICATION_ID)?;
        step.pragma_update(None, "user_version", (version + 1) as i64)?;
        faults::point("commit migration")?;
        step.commit()?;
    }
}
