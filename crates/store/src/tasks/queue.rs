//! Tasks as a worker sees them: claimed for a time, run, finished.
//!
//! A task runs at least once: if the worker dies, its lease runs out and another claim follows.
//! It has exactly one stored outcome, since only the latest claim can finish it.

use std::time::Duration;

use rusqlite::{OptionalExtension, Row, Transaction, named_params};
use serde_json::Value;

use super::records::{columns, task};
use super::{ClaimedTask, Task, TaskStatus};
use crate::error::{StoreError, StoreErrorKind};
use crate::rows::{Json, Micros};
use crate::scope::OwnerScope;
use crate::store::Store;
use crate::usage::{UsageBatch, add_all};

/// Claims of one task before it is given up.
const ATTEMPTS_MAX: u32 = 5;
const GIVEN_UP: &str = "The server was interrupted each time it worked on this task. \
                        Create the task again.";
const INPUT_LOST: &str = "The stored input of this task is damaged. Create the task again.";

macro_rules! free {
    () => {
        " FROM tasks WHERE status = 'processing' \
         AND (lease_expires_at IS NULL OR lease_expires_at <= ?1)"
    };
}

const ANY_FREE: &str = concat!("SELECT EXISTS (SELECT 1", free!(), ")");
const OLDEST_FREE: &str = concat!(
    "SELECT ",
    columns!(),
    ", account_id, key_id, attempts, input_size, input_sha256",
    free!(),
    " ORDER BY created_at, sequence LIMIT 1"
);
const CLAIM: &str = "UPDATE tasks SET attempts = ?2, lease_expires_at = ?3 WHERE id = ?1";
const FINISH: &str = "UPDATE tasks SET status = :status, result = :result, error = :error, \
     updated_at = :now, lease_expires_at = NULL \
     WHERE id = :id AND status = 'processing' AND attempts = :attempt";

/// A task taken from the queue, before its input is read.
struct Taken {
    claimed: ClaimedTask,
    input: Option<(u64, String)>,
}

impl Store {
    /// Takes the oldest task that nobody works on, for as long as `lease`. One that was taken
    /// five times without an end is failed instead, and so is one whose input is damaged.
    pub fn claim_task(&self, lease: Duration) -> Result<Option<ClaimedTask>, StoreError> {
        self.serving()?;
        loop {
            let now = Micros(self.now());
            // Spares an idle worker the write lock.
            if !self.database().read(|c| Ok(c.query_row(ANY_FREE, [now], |row| row.get(0))?))? {
                return Ok(None);
            }
            let Some(taken) = self.database().write(|t| self.take_oldest(t, lease))? else {
                return Ok(None);
            };
            if taken.claimed.attempt > ATTEMPTS_MAX {
                self.finish_task(&taken.claimed, Err(GIVEN_UP.to_owned()))?;
                continue;
            }
            match self.with_input(taken)? {
                Ok(claimed) => return Ok(Some(claimed)),
                Err(damaged) => self.finish_task(&damaged, Err(INPUT_LOST.to_owned()))?,
            }
        }
    }

    /// As [`Self::finish_task_and_count`], of a task that used nothing.
    pub fn finish_task(
        &self,
        claimed: &ClaimedTask,
        outcome: Result<Value, String>,
    ) -> Result<(), StoreError> {
        self.finish_task_and_count(claimed, outcome, &UsageBatch::default())
    }

    /// Stores the outcome of a task and, in the same transaction, what it used: its result, or a sentence that says why there is none.
    ///
    /// Fails with [`StoreErrorKind::Conflict`] if the lease ran out and the task was claimed
    /// again, or was finished before; its stored outcome is then another's.
    pub fn finish_task_and_count(
        &self,
        claimed: &ClaimedTask,
        outcome: Result<Value, String>,
        used: &UsageBatch,
    ) -> Result<(), StoreError> {
        let (status, result, error) = match outcome {
            Ok(result) => (TaskStatus::Ready, Some(Json(result)), None),
            Err(sentence) => (TaskStatus::Failed, None, Some(sentence)),
        };
        let id = &claimed.task.id;
        self.database().write(|transaction| {
            let changed = transaction.prepare_cached(FINISH)?.execute(named_params! {
                ":id": id,
                ":attempt": claimed.attempt,
                ":status": status,
                ":result": result,
                ":error": error,
                ":now": Micros(self.now()),
            })?;
            if changed == 1 {
                return add_all(transaction, used);
            }
            Err(StoreError::conflict("The task was finished or taken over by another worker."))
        })?;
        self.disk().remove(&self.disk().input_path(claimed.scope.account(), id));
        Ok(())
    }

    fn take_oldest(
        &self,
        transaction: &Transaction<'_>,
        lease: Duration,
    ) -> Result<Option<Taken>, StoreError> {
        let now = self.now();
        let oldest =
            transaction.prepare_cached(OLDEST_FREE)?.query_row([Micros(now)], taken).optional()?;
        let Some(mut taken) = oldest else { return Ok(None) };
        taken.claimed.attempt += 1;
        transaction.prepare_cached(CLAIM)?.execute((
            &taken.claimed.task.id,
            taken.claimed.attempt,
            Micros(now + lease),
        ))?;
        Ok(Some(taken))
    }

    /// Reads the task's input; gives the claim back as the error if that is damaged.
    fn with_input(&self, taken: Taken) -> Result<Result<ClaimedTask, ClaimedTask>, StoreError> {
        let Taken { mut claimed, input } = taken;
        let Some((size, sha256)) = input else { return Ok(Ok(claimed)) };
        let path = self.disk().input_path(claimed.scope.account(), &claimed.task.id);
        match self.disk().read_verified(&path, size, &sha256) {
            Ok(Some(bytes)) => {
                claimed.input = Some(bytes);
                Ok(Ok(claimed))
            }
            Ok(None) => {
                tracing::error!(task = %claimed.task.id, "the input of a task is missing");
                Ok(Err(claimed))
            }
            Err(error) if error.kind() == StoreErrorKind::Corrupt => {
                tracing::error!(task = %claimed.task.id, "the input of a task is damaged");
                Ok(Err(claimed))
            }
            Err(error) => Err(error),
        }
    }
}

fn taken(row: &Row<'_>) -> rusqlite::Result<Taken> {
    let task: Task = task(row)?;
    let scope = OwnerScope::new(row.get(8)?, row.get(9)?);
    let size: Option<u64> = row.get(11)?;
    let sha256: Option<String> = row.get(12)?;
    let claimed = ClaimedTask { scope, task, input: None, attempt: row.get(10)? };
    Ok(Taken { claimed, input: size.zip(sha256) })
}
