//! One lookup per hop, by the system resolver, bounded in time and number.

use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::{FetchError, FetchSettings};

/// Looks names up. `getaddrinfo` can't be cancelled, so a lookup that outlives its timeout keeps
/// its place until the system resolver gives up: hostile DNS can fill the places, never the
/// runtime's thread pool.
#[derive(Debug)]
pub(super) struct Resolver {
    places: Arc<Semaphore>,
    timeout: Duration,
}

impl Resolver {
    /// A resolver with the limits of `settings`.
    pub(super) fn new(settings: &FetchSettings) -> Self {
        Self {
            places: Arc::new(Semaphore::new(settings.dns_concurrent_max)),
            timeout: Duration::from_millis(settings.dns_timeout_ms),
        }
    }

    /// All addresses of `name`, without repeats, in the system's order of preference.
    ///
    /// # Errors
    /// The name does not exist, the lookup took too long, or too many are under way.
    pub(super) async fn lookup(&self, name: &str) -> Result<Vec<IpAddr>, FetchError> {
        timeout(self.timeout, self.lookup_unhurried(name.to_owned()))
            .await
            .unwrap_or_else(|_| Err(FetchError::failed("DNS took longer than allowed")))
    }

    async fn lookup_unhurried(&self, name: String) -> Result<Vec<IpAddr>, FetchError> {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.map_err(|source| FetchError::caused("DNS", source))?;
        let answers = spawn_blocking(move || {
            let _place = place;
            (name.as_str(), 0).to_socket_addrs()
        });
        let answers = answers
            .await
            .map_err(|source| FetchError::caused("DNS", source))?
            .map_err(|source| FetchError::caused("DNS", source))?;
        let mut addresses = Vec::new();
        for answer in answers {
            if !addresses.contains(&answer.ip()) {
                addresses.push(answer.ip());
            }
        }
        Ok(addresses)
    }
}
