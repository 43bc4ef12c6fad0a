//! What is known in memory of the vectors that are being computed: whose turn it is, and which
//! pictures failed lately.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use onespace_store::{AccountId, AssetId};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use tokio_util::task::TaskTracker;

/// How long a picture that failed, through no fault that is known to be its own, is passed over.
const PASSED_OVER: Duration = Duration::from_secs(10 * 60);
/// Pictures that are passed over at once, of all accounts; above it all are tried again.
const PASSED_OVER_MAX: usize = 100_000;

/// The vectors of one account in one space.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Work {
    pub(crate) account: AccountId,
    pub(crate) space: Arc<str>,
}

/// Who computes, and what failed.
#[derive(Default)]
pub(crate) struct VectorWork {
    turns: Mutex<HashMap<Work, Weak<AsyncMutex<()>>>>,
    failed: Mutex<HashMap<Work, HashMap<AssetId, Instant>>>,
    /// Calls under way, which go on when their clients have gone.
    pub(crate) calls: TaskTracker,
}

impl VectorWork {
    /// Waits until nobody else computes the same: two at once would do everything twice. The turn
    /// lasts until it is dropped.
    pub(crate) async fn turn(&self, work: &Work) -> OwnedMutexGuard<()> {
        let lock = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            turns.retain(|_, turn| turn.strong_count() > 0);
            turns.get(work).and_then(Weak::upgrade).unwrap_or_else(|| {
                let lock = Arc::default();
                turns.insert(work.clone(), Arc::downgrade(&lock));
                lock
            })
        };
        lock.lock_owned().await
    }

    /// Notes that a picture could not be embedded now.
    pub(crate) fn note_failure(&self, work: &Work, id: AssetId, now: Instant) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.values().map(HashMap::len).sum::<usize>() >= PASSED_OVER_MAX {
            failed.clear();
        }
        failed.entry(work.clone()).or_default().insert(id, now);
    }

    /// Forgets what failed, so that it is tried again.
    pub(crate) fn forget_failures(&self, work: &Work) {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).remove(work);
    }

    /// The pictures that failed a short while ago.
    pub(crate) fn passed_over(&self, work: &Work, now: Instant) -> Vec<AssetId> {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(pictures) = failed.get_mut(work) else { return Vec::new() };
        pictures.retain(|_, since| now.saturating_duration_since(*since) < PASSED_OVER);
        let passed_over = pictures.keys().cloned().collect::<Vec<_>>();
        if passed_over.is_empty() {
            failed.remove(work);
        }
        passed_over
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn work(space: &str) -> Work {
        let account = AccountId::parse("0123456789abcdef01234567").unwrap();
        Work { account, space: space.into() }
    }

    #[tokio::test]
    async fn one_at_a_time_for_each_account_and_space() {
        let all = VectorWork::default();
        let first = all.turn(&work("a")).await;
        assert!(all.turn(&work("a")).now_or_never().is_none());
        let _elsewhere = all.turn(&work("b")).now_or_never().expect("another space");
        drop(first);
        assert!(all.turn(&work("a")).now_or_never().is_some());
        assert_eq!(all.turns.lock().unwrap().len(), 2);
        let _last = all.turn(&work("c")).await;
        assert_eq!(all.turns.lock().unwrap().len(), 2, "what nobody holds is forgotten");
    }

    #[test]
    fn what_failed_is_passed_over_for_a_while() {
        let (all, now) = (VectorWork::default(), Instant::now());
        let id = AssetId::new();
        all.note_failure(&work("a"), id.clone(), now);
        assert_eq!(all.passed_over(&work("a"), now), std::slice::from_ref(&id));
        all.forget_failures(&work("b"));
        assert_eq!(all.passed_over(&work("a"), now), std::slice::from_ref(&id));
        all.forget_failures(&work("a"));
        assert!(all.passed_over(&work("a"), now).is_empty());
        all.note_failure(&work("a"), id, now);
        assert!(all.passed_over(&work("a"), now + PASSED_OVER).is_empty());
        assert!(all.failed.lock().unwrap().is_empty());
    }
}
