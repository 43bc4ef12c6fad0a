//! How many fetches run at once: in all, and against one origin.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{FetchError, FetchSettings};

/// Bounds connections. An origin is an address with its port, not a name: many names of one host
/// share its places.
#[derive(Debug)]
pub(super) struct FetchSlots {
    total: Arc<Semaphore>,
    per_origin_max: usize,
    origins: Mutex<HashMap<SocketAddr, Arc<Semaphore>>>,
}

/// The right to hold one connection; given back on drop.
#[derive(Debug)]
pub(super) struct Slot {
    _origin: OwnedSemaphorePermit,
    _total: OwnedSemaphorePermit,
}

impl FetchSlots {
    /// Slots with the limits of `settings`.
    pub(super) fn new(settings: &FetchSettings) -> Self {
        Self {
            total: Arc::new(Semaphore::new(settings.concurrent_max)),
            per_origin_max: settings.per_origin_max,
            origins: Mutex::new(HashMap::new()),
        }
    }

    /// Waits for a slot for one of `addresses` (all those of one name, in any order).
    ///
    /// The origin's place is taken first: fetches that queue for one slow origin must not hold the
    /// places of all others.
    ///
    /// # Errors
    /// Only if `addresses` is empty.
    pub(super) async fn take(&self, addresses: &[SocketAddr]) -> Result<Slot, FetchError> {
        let origin = *addresses.iter().min().ok_or_else(|| FetchError::failed("no address"))?;
        let places = self.places_of(origin);
        let closed = |source| FetchError::caused("slots", source);
        Ok(Slot {
            _origin: places.acquire_owned().await.map_err(closed)?,
            _total: Arc::clone(&self.total).acquire_owned().await.map_err(closed)?,
        })
    }

    /// The semaphore of one origin. Those that nobody holds or waits for are dropped on the way, so
    /// the map never outgrows the number of fetches under way.
    fn places_of(&self, origin: SocketAddr) -> Arc<Semaphore> {
        let mut origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        origins.retain(|_, places| Arc::strong_count(places) > 1);
        let places =
            origins.entry(origin).or_insert_with(|| Arc::new(Semaphore::new(self.per_origin_max)));
        Arc::clone(places)
    }
}
