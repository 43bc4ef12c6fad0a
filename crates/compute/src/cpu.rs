//! What one call may use of the processor: an instruction set and a number of threads.

use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};

use crate::simd::{Isa, IsaError};

/// Multiply-adds below which a second thread costs more than it brings: waking one takes tens
/// of microseconds, in which one core does about this much.
const TASK_MULTIPLY_ADDS_MIN: usize = 1 << 21;

/// An instruction set and a thread budget; small and passed by value.
///
/// The budget is how many parts a call is cut into. The parts run on the rayon pool that the
/// caller is in (the global one if none), so concurrent and nested calls share its threads
/// rather than adding their own. With a budget of 1 no pool is touched.
#[derive(Clone, Copy, Debug)]
pub struct Cpu {
    isa: Isa,
    threads: usize,
}

impl Cpu {
    /// This processor: the instruction set of the process and one thread per core.
    ///
    /// # Errors
    /// When [`crate::ISA_VARIABLE`] asks for something that is not there.
    pub fn detect() -> Result<Self, IsaError> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self::new(Isa::current()?, threads))
    }

    /// A given instruction set and thread budget (0 counts as 1).
    #[must_use]
    pub fn new(isa: Isa, threads: usize) -> Self {
        Self { isa, threads: threads.max(1) }
    }

    /// A given instruction set and as many threads as the rayon pool has that this is called
    /// from (the global one if none).
    #[must_use]
    pub fn on_current_pool(isa: Isa) -> Self {
        Self::new(isa, rayon::current_num_threads())
    }

    /// The same instruction set with another thread budget.
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Self {
        Self::new(self.isa, threads)
    }

    /// The instruction set.
    #[must_use]
    pub fn isa(self) -> Isa {
        self.isa
    }

    /// The thread budget, at least 1.
    #[must_use]
    pub fn threads(self) -> usize {
        self.threads
    }

    /// Runs `work` on a thread of the current pool, from where each later cut is cheap. With a
    /// budget of 1 it runs right here.
    pub fn enter<T: Send>(self, work: impl FnOnce() -> T + Send) -> T {
        if self.threads == 1 { work() } else { rayon::scope(|_| work()) }
    }

    /// Calls `work` with each part in turn or, where the budget allows, side by side, and
    /// returns the results in order.
    pub fn map_parts<P: Send, T: Send>(
        self,
        parts: Vec<P>,
        work: impl Fn(P) -> T + Sync + Send,
    ) -> Vec<T> {
        if self.threads == 1 || parts.len() <= 1 {
            return parts.into_iter().map(work).collect();
        }
        let parts = parts.into_par_iter();
        if rayon::current_num_threads() <= self.threads {
            parts.with_max_len(1).map(work).collect()
        } else {
            // A larger pool than the budget: as many runs of parts as the budget allows.
            let run = parts.len().div_ceil(self.threads);
            parts.with_min_len(run).map(work).collect()
        }
    }

    /// How many parts work of that many multiply-adds is worth cutting into.
    pub(crate) fn parts_for(self, multiply_adds: usize) -> usize {
        self.threads.min(multiply_adds / TASK_MULTIPLY_ADDS_MIN).max(1)
    }
}

/// Cuts `0..length` into at most `parts` ranges whose lengths are multiples of `step`, except
/// for the last one.
pub(crate) fn split(length: usize, parts: usize, step: usize) -> Vec<std::ops::Range<usize>> {
    let size = length.div_ceil(parts.max(1)).next_multiple_of(step.max(1)).max(1);
    (0..length).step_by(size).map(|start| start..(start + size).min(length)).collect()
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn split_covers_everything_once() {
        assert_eq!(split(10, 3, 4), vec![0..4, 4..8, 8..10]);
        assert_eq!(split(1, 8, 6), vec![0..1]);
        assert_eq!(split(0, 2, 6), vec![]);
        assert_eq!(split(12, 2, 1), vec![0..6, 6..12]);
    }
}
