//! Points at which tests make an operation fail. Outside tests they compile to nothing.

use std::io;

/// Fails when the running test asked for it.
#[cfg(not(test))]
#[inline]
pub(crate) fn point(_operation: &'static str) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
pub(crate) use armed::{FaultPlan, point};

#[cfg(test)]
mod armed {
    use super::io;
    use std::cell::RefCell;

    thread_local! {
        static PLAN: RefCell<Option<FaultPlan>> = const { RefCell::new(None) };
    }

    /// Which operation of this thread fails, and how.
    #[derive(Clone)]
    pub(crate) struct FaultPlan {
        /// Operations that succeed first.
        pub(crate) passes: usize,
        /// The `errno` of the failure.
        pub(crate) errno: i32,
        /// Whether all later operations fail too.
        pub(crate) is_lasting: bool,
        /// The operations seen so far, in order; the failed ones marked.
        pub(crate) seen: Vec<(&'static str, bool)>,
    }

    impl FaultPlan {
        /// The (`passes` + 1)-th operation fails with `errno`.
        pub(crate) fn new(passes: usize, errno: i32, is_lasting: bool) -> Self {
            Self { passes, errno, is_lasting, seen: Vec::new() }
        }

        /// Runs `work` under the plan; gives its result and the operations that it came by.
        pub(crate) fn run<T>(self, work: impl FnOnce() -> T) -> (T, Vec<(&'static str, bool)>) {
            PLAN.with(|plan| *plan.borrow_mut() = Some(self));
            let result = work();
            let plan = PLAN.with(|plan| plan.borrow_mut().take());
            (result, plan.map(|plan| plan.seen).unwrap_or_default())
        }
    }

    pub(crate) fn point(operation: &'static str) -> io::Result<()> {
        PLAN.with(|plan| {
            let mut plan = plan.borrow_mut();
            let Some(plan) = plan.as_mut() else { return Ok(()) };
            let number = plan.seen.len();
            let fails = number == plan.passes || (plan.is_lasting && number > plan.passes);
            plan.seen.push((operation, fails));
            if fails { Err(io::Error::from_raw_os_error(plan.errno)) } else { Ok(()) }
        })
    }
}
