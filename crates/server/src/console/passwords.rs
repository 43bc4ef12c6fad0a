//! Room for hashing passwords: each hash takes 19 MiB and a core for a while, on purpose, so only a
//! few may run or wait at once.

use std::sync::Arc;

use onespace_store::StoreError;
use tokio::sync::Semaphore;

use crate::error::{ApiError, ApiResult, blocking};

/// Hashes that run at once.
const HASHES_MAX: usize = 2;
/// Hashes that run or wait; above it clients get 429.
const HASHES_WAITING_MAX: usize = 32;
/// What a client that was refused waits, in seconds.
const RETRY_AFTER_S: u64 = 5;

/// The places.
pub(crate) struct PasswordSlots {
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
}

impl PasswordSlots {
    pub(crate) fn new() -> Self {
        Self {
            running: Arc::new(Semaphore::new(HASHES_MAX)),
            admitted: Arc::new(Semaphore::new(HASHES_WAITING_MAX)),
        }
    }

    /// Runs `work`, which hashes a password, when there is room.
    ///
    /// # Errors
    ///
    /// 429 when too many wait already, and those of `work`.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> ApiResult<T> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned();
        let admitted = admitted.map_err(|_| ApiError::busy(RETRY_AFTER_S))?;
        let place = Arc::clone(&self.running).acquire_owned().await.map_err(ApiError::internal)?;
        blocking(move || {
            // Held by the work itself: it goes on when its client has gone.
            let _places = (admitted, place);
            work()
        })
        .await
    }
}
