//! Periodic removal of what has had its time.

use rusqlite::Transaction;
use time::{Duration, OffsetDateTime};

use crate::console::delete_ended_sessions;
use crate::error::StoreError;
use crate::ids::UploadId;
use crate::rows::Micros;
use crate::scope::OwnerScope;
use crate::store::Store;
use crate::uploads::{UploadStatus, end_upload};

/// How long finished tasks, with their results, and ended uploads can still be looked up.
const KEEP_ENDED: Duration = Duration::days(7);

const EXPIRED_UPLOADS: &str = "SELECT id, account_id, key_id FROM uploads \
                               WHERE status = 'active' AND expires_at <= ?1";
const DELETE_UPLOADS: &str = "DELETE FROM uploads WHERE status <> 'active' AND updated_at <= ?1";
const DELETE_TASKS: &str = "DELETE FROM tasks WHERE status <> 'processing' AND updated_at <= ?1";

/// What a sweep removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Uploads not completed in time; their chunks are gone.
    pub uploads_expired: u64,
    /// Tasks that ended seven days ago or earlier.
    pub tasks_removed: u64,
    /// Files without an owner.
    pub files_removed: u64,
}

impl Store {
    /// Ends uploads that have expired by `now`, forgets tasks and uploads that ended seven days
    /// before, removes files that nobody holds, and folds the log into the database. To be called
    /// at the start and then hourly.
    pub fn sweep(&self, now: OffsetDateTime) -> Result<SweepReport, StoreError> {
        self.serving()?;
        let (expired, tasks_removed) = self.database().write_to_free(|transaction| {
            let expired = expire_uploads(transaction, now)?;
            delete_ended_sessions(transaction, now)?;
            let long_ago = Micros(now - KEEP_ENDED);
            transaction.execute(DELETE_UPLOADS, [long_ago])?;
            let tasks_removed = transaction.execute(DELETE_TASKS, [long_ago])?;
            Ok((expired, tasks_removed as u64))
        })?;
        for (scope, upload) in &expired {
            self.remove_parts(scope, upload);
        }
        let files_removed = self.remove_orphaned_staging()?;
        self.checkpoint()?;
        Ok(SweepReport { uploads_expired: expired.len() as u64, tasks_removed, files_removed })
    }
}

fn expire_uploads(
    transaction: &Transaction<'_>,
    now: OffsetDateTime,
) -> Result<Vec<(OwnerScope, UploadId)>, StoreError> {
    let mut statement = transaction.prepare_cached(EXPIRED_UPLOADS)?;
    let rows = statement.query_map([Micros(now)], |row| {
        Ok((OwnerScope::new(row.get(1)?, row.get(2)?), row.get(0)?))
    })?;
    let expired: Vec<(OwnerScope, UploadId)> = rows.collect::<Result<_, _>>()?;
    for (_, upload) in &expired {
        end_upload(transaction, upload, UploadStatus::Expired, now)?;
    }
    Ok(expired)
}
