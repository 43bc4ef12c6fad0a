//! Why a sequence was not embedded.

use onespace_models::ModelError;

/// Why a sequence was not embedded.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The admitted cost is used up for the moment.
    #[error("the server is busy; try again in {retry_after_s} s")]
    Full {
        /// When to come back, in seconds, 1 to 30.
        retry_after_s: u64,
    },
    /// The request waited longer than the limit.
    #[error("the request waited too long in the queue; try again")]
    Expired,
    /// The engine is shutting down.
    #[error("the server is stopping")]
    Stopping,
    /// The model refused this sequence, or its answer failed the output guard.
    #[error("the model could not embed this input")]
    Model(#[source] ModelError),
    /// The model's code panicked on this sequence.
    #[error("the model could not embed this input")]
    Panicked,
    /// No worker thread could be started.
    #[error("no worker thread could be started")]
    WorkerStart(#[source] std::io::Error),
}
