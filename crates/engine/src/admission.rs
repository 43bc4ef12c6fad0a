//! Admission by cost: a counter that permits leave by being dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How much cost may be in the engine at once.
#[derive(Debug)]
pub struct Admission {
    admitted: Arc<AtomicU64>,
    cost_max: u64,
}

/// The right to be in the engine; gives its cost back when dropped.
#[derive(Debug)]
pub struct Permit {
    admitted: Arc<AtomicU64>,
    cost: u64,
}

impl Admission {
    /// Nothing admitted yet, at most `cost_max` at once.
    #[must_use]
    pub fn new(cost_max: u64) -> Self {
        Self { admitted: Arc::default(), cost_max }
    }

    /// Admits `cost`, or `None` when that would pass the limit. An empty engine admits any cost, so
    /// that no sequence is refused for ever.
    #[must_use]
    pub fn enter(&self, cost: u64) -> Option<Permit> {
        let fits = |admitted: u64| {
            let sum = admitted.checked_add(cost)?;
            (admitted == 0 || sum <= self.cost_max).then_some(sum)
        };
        self.admitted.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits).ok()?;
        Some(Permit { admitted: Arc::clone(&self.admitted), cost })
    }

    /// The cost in the engine now.
    #[must_use]
    pub fn admitted(&self) -> u64 {
        self.admitted.load(Ordering::Acquire)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.admitted.fetch_sub(self.cost, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cost_is_admitted_up_to_the_limit_and_given_back() {
        let admission = Admission::new(10);
        let first = admission.enter(6).expect("fits");
        assert!(admission.enter(5).is_none());
        let second = admission.enter(4).expect("fits exactly");
        assert_eq!(admission.admitted(), 10);
        drop((first, second));
        assert_eq!(admission.admitted(), 0);
    }

    #[test]
    fn an_empty_engine_admits_what_is_larger_than_the_limit() {
        let admission = Admission::new(10);
        let giant = admission.enter(1000).expect("alone");
        assert!(admission.enter(1).is_none());
        drop(giant);
        assert!(admission.enter(1).is_some());
    }
}
