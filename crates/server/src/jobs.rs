//! Work that outlives a request: embed tasks and the hourly sweep. Tasks are rows, claimed with a
//! lease, so that a crash costs time and never a task.

pub(crate) mod embed_tasks;
pub(crate) mod sweep;
pub(crate) mod task_request;
