//! Embedding tasks: requests answered later, which survive a restart.

mod queue;
mod records;

use serde_json::Value;
use time::OffsetDateTime;

use crate::blobs::StagedBlob;
use crate::ids::TaskId;
use crate::rows::text_enum;
use crate::scope::OwnerScope;

/// A task to be queued.
pub struct NewTask {
    /// The model that the caller named.
    pub model_name: String,
    /// The request, without embedded bytes.
    pub request: Value,
    /// The bytes that the request carried, if any.
    pub input: Option<StagedBlob>,
}

/// The state of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskStatus {
    /// Waiting or running.
    Processing,
    /// Done; `result` is set.
    Ready,
    /// Given up; `error` is set.
    Failed,
}

text_enum!(TaskStatus { Processing => "processing", Ready => "ready", Failed => "failed" });

/// An embedding task.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// The model that the caller named.
    pub model_name: String,
    /// Its state.
    pub status: TaskStatus,
    /// The request.
    pub request: Value,
    /// The result, when ready.
    pub result: Option<Value>,
    /// A sentence for the caller, when failed.
    pub error: Option<String>,
    /// When it was queued.
    pub created_at: OffsetDateTime,
    /// When its state last changed.
    pub updated_at: OffsetDateTime,
}

/// Which tasks to list; the conditions combine with AND.
#[derive(Clone, Copy, Debug, Default)]
pub struct TaskFilter {
    /// Only those in this state.
    pub status: Option<TaskStatus>,
    /// Only those created at or after.
    pub started_at: Option<OffsetDateTime>,
    /// Only those created at or before.
    pub ended_at: Option<OffsetDateTime>,
}

/// A task handed to a worker.
pub struct ClaimedTask {
    /// On whose behalf it runs.
    pub scope: OwnerScope,
    /// The task.
    pub task: Task,
    /// The bytes that came with it.
    pub input: Option<Vec<u8>>,
    /// From 1.
    pub attempt: u32,
}
