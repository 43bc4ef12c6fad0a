//! Whether the store may still write.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{StoreError, StoreErrorKind};

/// Goes bad at the first failed fsync and never recovers: after such a failure the kernel may
/// have dropped the data and will report success next time, so nothing written since can be
/// promised. Reads go on.
#[derive(Default)]
pub(crate) struct Health {
    is_poisoned: AtomicBool,
}

impl Health {
    pub(crate) fn is_good(&self) -> bool {
        !self.is_poisoned.load(Ordering::Acquire)
    }

    /// Refuses when poisoned.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        if self.is_good() { Ok(()) } else { Err(StoreErrorKind::SyncFailed.into()) }
    }

    /// Poisons the store if `error` is a failed fsync.
    pub(crate) fn note(&self, error: &StoreError) {
        if error.kind() == StoreErrorKind::SyncFailed
            && !self.is_poisoned.swap(true, Ordering::AcqRel)
        {
            tracing::error!(
                ?error,
                "an fsync failed: the store takes no more writes until the server restarts"
            );
        }
    }
}
