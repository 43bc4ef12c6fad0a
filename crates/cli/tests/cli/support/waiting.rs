//! Waiting for a state, never for a time.

use std::thread;
use std::time::{Duration, Instant};

/// When to give up: far above what a busy machine needs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(10);

/// Looks again and again until there is something to return.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "gave up waiting until {what}");
        thread::sleep(PAUSE);
    }
}
