//! The store's idea of now.

use time::OffsetDateTime;

use crate::rows::to_stored_precision;

/// The system's clock, which tests can set forward.
#[derive(Default)]
pub(crate) struct Clock {
    #[cfg(test)]
    ahead_seconds: std::sync::atomic::AtomicI64,
}

impl Clock {
    /// Now in UTC, to the microsecond, so that what is returned equals what is read back.
    pub(crate) fn now(&self) -> OffsetDateTime {
        let now = to_stored_precision(OffsetDateTime::now_utc());
        #[cfg(test)]
        let now = now
            + time::Duration::seconds(
                self.ahead_seconds.load(std::sync::atomic::Ordering::Relaxed),
            );
        now
    }

    #[cfg(test)]
    pub(crate) fn advance(&self, by: time::Duration) {
        self.ahead_seconds.fetch_add(by.whole_seconds(), std::sync::atomic::Ordering::Relaxed);
    }
}
