//! Tasks in the database, as their owners see them.

use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::{NewTask, Task, TaskFilter, TaskStatus};
use crate::accounts::require_open;
use crate::error::StoreError;
use crate::ids::TaskId;
use crate::page::{Page, PageRequest, PagedList};
use crate::rows::{Json, Micros};
use crate::scope::OwnerScope;
use crate::store::Store;

macro_rules! columns {
    () => {
        "id, model_name, status, request, result, error, created_at, updated_at"
    };
}
pub(super) use columns;

macro_rules! filtered {
    () => {
        "FROM tasks WHERE account_id = :account \
         AND (:status IS NULL OR status = :status) \
         AND (:started IS NULL OR created_at >= :started) \
         AND (:ended IS NULL OR created_at <= :ended)"
    };
}

const INSERT: &str = "INSERT INTO tasks (id, account_id, key_id, model_name, status, request, \
     input_size, input_sha256, attempts, created_at, updated_at) \
     VALUES (:id, :account, :key, :model, :status, :request, :input_size, :input_sha256, 0, \
     :now, :now)";
const SELECT: &str =
    concat!("SELECT ", columns!(), " FROM tasks WHERE id = ?1 AND account_id = ?2");
const LIST: PagedList = PagedList {
    count: concat!("SELECT count(*) ", filtered!()),
    page: concat!(
        "SELECT ",
        columns!(),
        " ",
        filtered!(),
        " ORDER BY created_at DESC, sequence DESC LIMIT :limit OFFSET :offset"
    ),
};

impl Store {
    /// Queues a task. When this returns, it survives a power cut.
    pub fn create_task(&self, scope: &OwnerScope, new: NewTask) -> Result<Task, StoreError> {
        self.serving()?;
        self.check_health()?;
        self.disk().check_room(0)?;
        let id = TaskId::new();
        let path = self.disk().input_path(scope.account(), &id);
        let input = new.input.as_ref().map(|blob| (blob.len(), blob.sha256().to_owned()));
        if let Some(blob) = new.input {
            blob.place(&path)?;
        }
        let (input_size, input_sha256) = input.unzip();
        let created = self.database().write(|transaction| {
            require_open(transaction, scope.account())?;
            let now = self.now();
            transaction.prepare_cached(INSERT)?.execute(named_params! {
                ":id": id,
                ":account": scope.account(),
                ":key": scope.key_id(),
                ":model": new.model_name,
                ":status": TaskStatus::Processing,
                ":request": Json(&new.request),
                ":input_size": input_size,
                ":input_sha256": input_sha256,
                ":now": Micros(now),
            })?;
            let created = select(transaction, scope, &id)?;
            created.ok_or_else(|| StoreError::not_found("task"))
        });
        // After a failed fsync the row may yet come back at the next start, and needs its input.
        if created.is_err() && input_size.is_some() && self.is_healthy() {
            self.disk().remove(&path);
        }
        created
    }

    /// The task, if it exists and is the caller's.
    pub fn task(&self, scope: &OwnerScope, id: &TaskId) -> Result<Option<Task>, StoreError> {
        self.database().read(|connection| select(connection, scope, id))
    }

    /// The caller's tasks, newest first.
    pub fn list_tasks(
        &self,
        scope: &OwnerScope,
        filter: &TaskFilter,
        page: PageRequest,
    ) -> Result<Page<Task>, StoreError> {
        let (started, ended) = (filter.started_at.map(Micros), filter.ended_at.map(Micros));
        let filter = named_params! {
            ":account": scope.account(), ":status": filter.status,
            ":started": started, ":ended": ended,
        };
        self.database().read(|connection| LIST.read(connection, filter, page, task))
    }
}

fn select(
    connection: &Connection,
    scope: &OwnerScope,
    id: &TaskId,
) -> Result<Option<Task>, StoreError> {
    let mut statement = connection.prepare_cached(SELECT)?;
    Ok(statement.query_row((id, scope.account()), task).optional()?)
}

/// A task from the columns of [`columns`].
pub(super) fn task(row: &Row<'_>) -> rusqlite::Result<Task> {
    Ok(Task {
        id: row.get(0)?,
        model_name: row.get(1)?,
        status: row.get(2)?,
        request: row.get::<_, Json<_>>(3)?.0,
        result: row.get::<_, Option<Json<_>>>(4)?.map(|json| json.0),
        error: row.get(5)?,
        created_at: row.get::<_, Micros>(6)?.0,
        updated_at: row.get::<_, Micros>(7)?.0,
    })
}
