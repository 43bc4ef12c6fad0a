//! How often somebody may guess a password: failures are counted for each address and client.
//!
//! Another client is not locked out by them, and an unknown address behaves like a known one,
//! because nothing here knows which addresses exist.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failures of one client with one address, after which it must wait.
const FAILURES_MAX: usize = 5;
/// How long a failure counts.
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// Pairs of client and address that are remembered; above it the oldest are forgotten.
const PAIRS_MAX: usize = 20_000;

type Pair = (IpAddr, String);

/// Recent failures.
#[derive(Default)]
pub(crate) struct SignInAttempts {
    failures: Mutex<HashMap<Pair, Vec<Instant>>>,
}

impl SignInAttempts {
    /// Notes an attempt as failed, before it is made, so that many at once are no way around the
    /// limit. False if there were too many.
    pub(crate) fn begin(&self, client: IpAddr, email: &str, now: Instant) -> bool {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= PAIRS_MAX {
            forget_some(&mut failures, now);
        }
        let recent = failures.entry(pair(client, email)).or_default();
        recent.retain(|&failure| is_recent(failure, now));
        if recent.len() >= FAILURES_MAX {
            return false;
        }
        recent.push(now);
        true
    }

    /// The attempt was right after all: earlier failures are forgiven.
    pub(crate) fn succeeded(&self, client: IpAddr, email: &str) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.remove(&pair(client, email));
    }
}

fn pair(client: IpAddr, email: &str) -> Pair {
    // Longer addresses are never registered, and must not fill the memory.
    (client, email.trim().to_lowercase().chars().take(254).collect())
}

fn is_recent(failure: Instant, now: Instant) -> bool {
    now.saturating_duration_since(failure) < WINDOW
}

/// Makes room: what has run out first, then the oldest half.
fn forget_some(failures: &mut HashMap<Pair, Vec<Instant>>, now: Instant) {
    failures.retain(|_, times| times.last().is_some_and(|&last| is_recent(last, now)));
    if failures.len() < PAIRS_MAX {
        return;
    }
    let mut last: Vec<Instant> =
        failures.values().filter_map(|times| times.last().copied()).collect();
    last.sort_unstable();
    let middle = last[last.len() / 2];
    failures.retain(|_, times| times.last().is_some_and(|&time| time > middle));
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

    #[test]
    fn the_sixth_failure_within_the_window_must_wait() {
        let attempts = SignInAttempts::default();
        let start = Instant::now();
        for _ in 0..FAILURES_MAX {
            assert!(attempts.begin(HERE, "a@example.com", start));
        }
        assert!(!attempts.begin(HERE, "a@example.com", start));
        assert!(!attempts.begin(HERE, " A@Example.com", start));
        assert!(attempts.begin(THERE, "a@example.com", start), "the real user, elsewhere");
        assert!(attempts.begin(HERE, "b@example.com", start));
        assert!(!attempts.begin(HERE, "a@example.com", start + WINDOW - Duration::from_secs(1)));
        assert!(attempts.begin(HERE, "a@example.com", start + WINDOW));
    }

    #[test]
    fn success_forgives() {
        let attempts = SignInAttempts::default();
        let now = Instant::now();
        for _ in 0..3 {
            for _ in 0..FAILURES_MAX {
                assert!(attempts.begin(HERE, "a@example.com", now));
            }
            attempts.succeeded(HERE, "a@example.com");
        }
    }

    #[test]
    fn memory_stays_bounded() {
        let attempts = SignInAttempts::default();
        let start = Instant::now();
        for number in 0..PAIRS_MAX + 1_000 {
            let now = start + Duration::from_millis(number as u64);
            assert!(attempts.begin(HERE, &format!("{number}@example.com"), now));
        }
        assert!(attempts.failures.lock().unwrap().len() <= PAIRS_MAX);
    }
}
