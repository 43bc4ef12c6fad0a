//! How many encoded pictures are in memory at once. Pictures from the network have places of their
//! own, so that slow origins never hold up pictures that are at hand.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::error::{ApiError, ApiResult};

/// Where a picture comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The request, or the store.
    AtHand,
    /// A URL.
    Network,
}

/// The places.
pub struct MediaMemory {
    at_hand: Semaphore,
    network: Semaphore,
    wait: Duration,
}

impl MediaMemory {
    /// `files_max` places for pictures at hand and as many for those from the network; a wait for
    /// one ends after `wait_ms_max`.
    #[must_use]
    pub fn new(files_max: usize, wait_ms_max: u64) -> Self {
        Self {
            at_hand: Semaphore::new(files_max),
            network: Semaphore::new(files_max),
            wait: Duration::from_millis(wait_ms_max),
        }
    }

    /// Waits for a place.
    ///
    /// # Errors
    ///
    /// 429 when none came free in time.
    pub(crate) async fn place(&self, origin: Origin) -> ApiResult<SemaphorePermit<'_>> {
        let places = match origin {
            Origin::AtHand => &self.at_hand,
            Origin::Network => &self.network,
        };
        match tokio::time::timeout(self.wait, places.acquire()).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(ApiError::busy(5)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_network_never_holds_up_pictures_at_hand() {
        let memory = MediaMemory::new(1, 1_000);
        let _slow_origin = memory.place(Origin::Network).await.expect("free");
        assert!(memory.place(Origin::Network).await.is_err(), "waits, and gives up");
        assert!(memory.place(Origin::AtHand).await.is_ok());
    }
}
