//! The one place that opens an address a client supplied.
//!
//! A URL in a request is an instruction to this host, written by someone else. Everything between
//! that string and the bytes it stands for happens in this folder, in this order, once per hop:
//!
//! 1. [`url_rules`]: what the string may look like. No DNS, no socket.
//! 2. [`resolve`]: one lookup by the system resolver, bounded in time and number.
//! 3. [`address_policy`]: every answer must be dialable; one bad answer refuses the name.
//! 4. [`slots`]: so many at once in all, so many per origin.
//! 5. [`dial`] and [`tls`]: connect to a vetted address (never to the name again), check the peer.
//! 6. [`exchange`]: one GET with fixed headers, a bounded head ([`head_budget`]).
//! 7. [`follow`]: a redirect starts again at step 1; anything but 200 ends the fetch.
//! 8. [`body`]: length cap, rate floor, identity encoding only.
//!
//! What the client hears about a failure is one sentence ([`error`]), at a coarsened moment
//! ([`FetchSettings::failure_step_ms`]), so that the fetcher tells nobody which hosts exist, which
//! ports are open or what a page says. The reason goes to the log, without path or query.
//!
//! Known limits: an IPv6 translation prefix of the operator's own (RFC 6052, other than
//! `64:ff9b::/96`) can't be told from a public address, and a public address that a router outside
//! this host maps back to this host can't be told from any other.

mod address_policy;
mod body;
mod cidr;
mod dial;
mod error;
mod exchange;
mod filename;
mod follow;
mod head_budget;
mod resolve;
mod settings;
mod slots;
mod tls;
mod url_rules;

#[cfg(test)]
mod tests;

use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

pub use self::cidr::{Cidr, CidrError};
pub use self::error::FetchError;
pub use self::settings::FetchSettings;

use self::address_policy::AddressPolicy;
use self::resolve::Resolver;
use self::slots::FetchSlots;
use self::tls::TlsClient;
use self::url_rules::{Target, TargetHost};

/// What a URL gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The body of the final 200 answer, at most the asked number of bytes. Not yet looked at:
    /// the origin's `Content-Type` is not consulted, callers sniff.
    pub bytes: Vec<u8>,
    /// The last path segment of the URL that was asked for (not of a redirect's target),
    /// percent-decoded, without separators and control characters, at most 255 bytes.
    pub filename: Option<String>,
}

/// Fetches client-supplied URLs under one policy. Cheap to share behind an `Arc`; all limits on
/// concurrency hold per `Fetcher`, so a process makes one.
#[derive(Debug)]
pub struct Fetcher {
    settings: FetchSettings,
    policy: AddressPolicy,
    resolver: Resolver,
    slots: FetchSlots,
    tls: TlsClient,
}

impl Fetcher {
    /// A fetcher with the given limits. Opens nothing; trust roots are read at the first `https`.
    pub fn new(settings: FetchSettings) -> Self {
        Self {
            policy: AddressPolicy::new(&settings),
            resolver: Resolver::new(&settings),
            slots: FetchSlots::new(&settings),
            tls: TlsClient::default(),
            settings,
        }
    }

    /// Whether the URL could be fetched as far as the string tells: form, scheme, port, name, and
    /// for an IP literal the address. Touches neither DNS nor a socket, so requests can be
    /// validated whole before anything is fetched.
    ///
    /// # Errors
    /// The same error that [`Fetcher::fetch`] would give.
    pub fn check_syntax(&self, url: &str) -> Result<(), FetchError> {
        self.target(url).map(|_| ())
    }

    /// Fetches `url`, at most `bytes_max` bytes (and never more than
    /// [`FetchSettings::fetch_bytes_max`]).
    ///
    /// Dropping the future closes the connection and frees its slots.
    ///
    /// # Errors
    /// One error for every refusal, failure and limit; see [`FetchError`]. Errors that needed the
    /// network arrive only at whole multiples of [`FetchSettings::failure_step_ms`].
    pub async fn fetch(&self, url: &str, bytes_max: u64) -> Result<Fetched, FetchError> {
        let target = self.target(url).inspect_err(|error| log_refusal("(not parsed)", error))?;
        let filename = filename::from_url_path(target.url().path());
        let origin = target.origin_for_log();
        let bytes_max = bytes_max.min(self.settings.fetch_bytes_max);

        let started = Instant::now();
        let deadline = started + Duration::from_millis(self.settings.total_timeout_ms);
        let outcome = timeout_at(deadline, self.follow(target, bytes_max))
            .await
            .unwrap_or_else(|_| Err(FetchError::failed("the fetch took longer than allowed")));
        match outcome {
            Ok(bytes) => Ok(Fetched { bytes, filename }),
            Err(error) => {
                log_refusal(&origin, &error);
                sleep_until(started + self.coarsened(started.elapsed())).await;
                Err(error)
            }
        }
    }

    /// Step 1, with the literal part of step 3: a literal needs no lookup to be judged.
    fn target(&self, url: &str) -> Result<Target, FetchError> {
        if !self.settings.enabled {
            return Err(FetchError::disabled());
        }
        let target = Target::parse(url, self.policy.opens_ranges())?;
        if let TargetHost::Literal(address) = target.host() {
            self.policy.vet(&target, &[*address])?;
        }
        Ok(target)
    }

    /// The end of the delay class that `elapsed` falls in.
    fn coarsened(&self, elapsed: Duration) -> Duration {
        let step = Duration::from_millis(self.settings.failure_step_ms.max(1));
        let steps = elapsed.as_nanos() / step.as_nanos() + 1;
        step * u32::try_from(steps).unwrap_or(u32::MAX)
    }
}

/// The only record of why a fetch failed. `origin` holds no path, no query and no user name.
fn log_refusal(origin: &str, error: &FetchError) {
    tracing::info!(origin, reason = error.detail(), "URL not fetched");
}
