//! How often one client may try something that must not be tried often: to sign in to an address,
//! or to make an account.
//!
//! What counts is an attempt that came to its end, such as a password that was hashed and did not
//! fit; one that was refused before (the server was busy) is taken back. Attempts under way count
//! for the moment, so that many at once are no way around the limit. Another client is not locked
//! out, and an unknown address behaves like a known one, because nothing here knows which exist.

mod ledger;

use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ledger::Ledger;

/// The longest subject that is told from others, in characters: that of an address.
const SUBJECT_CHARS_MAX: usize = 254;
/// The bits of an IPv6 address that tell one customer of a network from another (RFC 6177); the
/// rest is the customer's to choose.
const IPV6_CLIENT_BITS: u32 = 64;

/// Who tries what.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Pair {
    client: IpAddr,
    subject: String,
}

/// The attempts of all clients.
pub(crate) struct Attempts(Arc<Mutex<Ledger>>);

/// An attempt under way; dropped without a verdict it is taken back.
pub(crate) struct Attempt {
    pair: Pair,
    ledger: Arc<Mutex<Ledger>>,
}

/// How long a client that has used up its attempts must wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MustWait(pub(crate) Duration);

impl Attempts {
    /// At most `attempts_max` of one client and subject within `window`.
    pub(crate) fn new(attempts_max: usize, window: Duration) -> Self {
        Self(Arc::new(Mutex::new(Ledger::new(attempts_max, window))))
    }

    /// Begins an attempt of `client` on `subject`, or says how long it must wait. Subjects are
    /// compared as they are: fold them first.
    pub(crate) fn begin(
        &self,
        client: IpAddr,
        subject: &str,
        now: Instant,
    ) -> Result<Attempt, MustWait> {
        let subject = subject.chars().take(SUBJECT_CHARS_MAX).collect();
        let pair = Pair { client: network_of(client), subject };
        locked(&self.0).begin(&pair, now).map_err(MustWait)?;
        Ok(Attempt { pair, ledger: Arc::clone(&self.0) })
    }
}

impl Attempt {
    /// The attempt counts.
    pub(crate) fn count(self, now: Instant) {
        locked(&self.ledger).count(&self.pair, now);
    }

    /// The attempt was right: earlier ones are forgiven.
    pub(crate) fn forgive(self) {
        locked(&self.ledger).forgive(&self.pair);
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        locked(&self.ledger).end(&self.pair);
    }
}

fn locked(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is taken for one client.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let mask = u128::MAX << (Ipv6Addr::BITS - IPV6_CLIENT_BITS);
            Ipv6Addr::from_bits(address.to_bits() & mask).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 5;
    const WINDOW: Duration = Duration::from_secs(900);
    const HERE: &str = "127.0.0.1";

    fn attempts() -> Attempts {
        Attempts::new(MAX, WINDOW)
    }

    fn begin(attempts: &Attempts, client: &str, now: Instant) -> Result<Attempt, MustWait> {
        attempts.begin(client.parse().unwrap(), "a@example.com", now)
    }

    fn fail(attempts: &Attempts, client: &str, now: Instant) -> Result<(), MustWait> {
        begin(attempts, client, now).map(|attempt| attempt.count(now))
    }

    #[test]
    fn the_sixth_failure_within_the_window_must_wait() {
        let (attempts, start) = (attempts(), Instant::now());
        for second in 0..MAX as u64 {
            assert!(fail(&attempts, HERE, start + Duration::from_secs(second)).is_ok());
        }
        let late = start + Duration::from_secs(100);
        assert_eq!(fail(&attempts, HERE, late), Err(MustWait(WINDOW - Duration::from_secs(100))));
        assert!(fail(&attempts, "10.0.0.1", late).is_ok(), "the real user, elsewhere");
        assert!(attempts.begin(HERE.parse().unwrap(), "b@example.com", late).is_ok());
        assert!(fail(&attempts, HERE, start + WINDOW - Duration::from_secs(1)).is_err());
        assert!(fail(&attempts, HERE, start + WINDOW).is_ok(), "the first has run out");
        assert!(fail(&attempts, HERE, start + WINDOW).is_err(), "the second has not");
    }

    #[test]
    fn many_at_once_are_no_way_around_and_those_without_a_verdict_are_taken_back() {
        let (attempts, now) = (attempts(), Instant::now());
        for _ in 0..3 {
            let under_way: Vec<_> = (0..MAX).map(|_| begin(&attempts, HERE, now)).collect();
            assert!(under_way.iter().all(Result::is_ok));
            assert!(begin(&attempts, HERE, now).is_err_and(|wait| wait.0 < WINDOW));
        }
        assert!(begin(&attempts, HERE, now).is_ok());
    }

    #[test]
    fn success_forgives() {
        let (attempts, now) = (attempts(), Instant::now());
        for _ in 0..3 {
            for _ in 0..MAX - 1 {
                assert!(fail(&attempts, HERE, now).is_ok());
            }
            begin(&attempts, HERE, now).unwrap().forgive();
        }
    }

    #[test]
    fn a_client_is_an_address_or_an_ipv6_network() {
        let (attempts, now) = (attempts(), Instant::now());
        for host in 0..MAX {
            assert!(fail(&attempts, &format!("2001:db8:0:1::{host}"), now).is_ok());
        }
        assert!(fail(&attempts, "2001:db8:0:1:ffff:ffff:ffff:ffff", now).is_err());
        assert!(fail(&attempts, "2001:db8:0:2::1", now).is_ok());
        for _ in 0..MAX {
            assert!(fail(&attempts, HERE, now).is_ok());
        }
        assert!(fail(&attempts, "::ffff:127.0.0.1", now).is_err(), "the same, as IPv6");
        assert!(fail(&attempts, "127.0.0.2", now).is_ok());
    }
}
