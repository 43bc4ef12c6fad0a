//! One lookup per hop, by the system resolver, bounded in time and number.

use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use super::{FetchError, FetchSettings};

/// Looks names up, each on a thread of its own. `getaddrinfo` can't be cancelled, so a lookup that
/// outlives its timeout keeps its place until the system resolver gives up: hostile DNS can fill
/// the places and no more. The runtime's blocking threads would not do: a runtime waits for them
/// when it ends, and a server that is told to stop must not wait for a silent name server.
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
        let failed = |source: io::Error| FetchError::caused("DNS", source);
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.map_err(|source| FetchError::caused("DNS", source))?;
        let (answer, answered) = oneshot::channel();
        let look = move || {
            let found = addresses_of(&name);
            drop(place);
            // Nobody listens any more once the timeout has passed.
            let _ = answer.send(found);
        };
        thread::Builder::new().name("dns-lookup".to_owned()).spawn(look).map_err(failed)?;
        answered.await.map_err(|source| FetchError::caused("DNS", source))?.map_err(failed)
    }
}

/// Blocks for as long as the system resolver takes.
fn addresses_of(name: &str) -> io::Result<Vec<IpAddr>> {
    let mut addresses = Vec::new();
    for answer in (name, 0).to_socket_addrs()? {
        if !addresses.contains(&answer.ip()) {
            addresses.push(answer.ip());
        }
    }
    Ok(addresses)
}
