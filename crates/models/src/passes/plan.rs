//! Which passes take one thread each, and which take all threads.

use std::ops::Range;

use onespace_compute::Cpu;

use super::cut;

/// What all threads reach together on one pass, in percent of what they reach on one pass each:
/// the rest goes in waiting for one another, many times a layer. Measured on two cores with CLIP
/// B/32 (int16, one picture): 29 a second against 31.
const TOGETHER_PERCENT: u64 = 90;

/// A batch, cut: first passes that run side by side on one thread each, then those that take all
/// threads, one after the other. Both are ranges of the items, in order and without a gap.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    alone: Vec<Range<usize>>,
    together: Vec<Range<usize>>,
}

impl Plan {
    /// The fastest plan for items of `(cost, places)`, of which those from `second_kind` on cannot
    /// share a pass with those before it.
    ///
    /// Passes side by side waste nothing where they come out even. Where they don't (seven equal
    /// items on two threads), the last few items are left for all threads.
    pub(crate) fn new(
        items: &[(u64, usize)],
        second_kind: usize,
        threads: usize,
        places_max: usize,
    ) -> Self {
        let candidate = |alone: usize| {
            let kinds = |from: usize, to: usize, threads: usize| {
                let middle = second_kind.clamp(from, to);
                let of = |range: Range<usize>| {
                    let shifted = cut(&items[range.clone()], threads, places_max).into_iter();
                    shifted.map(move |cut| range.start + cut.start..range.start + cut.end)
                };
                of(from..middle).chain(of(middle..to)).collect()
            };
            Self { alone: kinds(0, alone, threads), together: kinds(alone, items.len(), 1) }
        };
        let fewest_alone = items.len().saturating_sub(threads - 1);
        (fewest_alone..=items.len())
            .rev()
            .chain([0])
            .map(candidate)
            .min_by_key(|plan| plan.duration(items, threads))
            .unwrap_or(Self { alone: Vec::new(), together: Vec::new() })
    }

    /// Runs every pass on the current pool with the budget it is to have, and returns the results
    /// in order.
    pub(crate) fn run<T: Send>(
        self,
        cpu: Cpu,
        pass: impl Fn(Range<usize>, Cpu) -> T + Sync + Send,
    ) -> Vec<T> {
        cpu.enter(|| {
            let alone = cpu.with_threads(1);
            let mut results = cpu.map_parts(self.alone, |range| pass(range, alone));
            results.extend(self.together.into_iter().map(|range| pass(range, cpu)));
            results
        })
    }

    /// Time, in hundreds of the time that one thread takes for a cost of one.
    fn duration(&self, items: &[(u64, usize)], threads: usize) -> u64 {
        let cost =
            |range: &Range<usize>| items[range.clone()].iter().map(|item| item.0).sum::<u64>();
        let mut loads = vec![0; threads];
        for pass in &self.alone {
            if let Some(least) = loads.iter_mut().min() {
                *least += cost(pass);
            }
        }
        let alone: u64 = loads.into_iter().max().unwrap_or(0);
        let together: u64 = self.together.iter().map(cost).sum();
        alone * 100 + together * 10_000 / (TOGETHER_PERCENT * threads as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::Plan;

    fn plan(items: &[(u64, usize)], second_kind: usize, threads: usize) -> Plan {
        Plan::new(items, second_kind, threads, 1024)
    }

    #[test]
    fn even_passes_run_side_by_side() {
        let eight = Plan { alone: vec![0..4, 4..8], together: vec![] };
        assert_eq!(plan(&[(500, 9); 8], 8, 2), eight);
        let one_thread = Plan { alone: vec![0..3; 1], together: vec![] };
        assert_eq!(plan(&[(500, 9); 3], 3, 1), one_thread);
    }

    #[test]
    fn what_is_left_over_takes_all_threads() {
        let seven = Plan { alone: vec![0..3, 3..6], together: vec![6..7; 1] };
        assert_eq!(plan(&[(500, 9); 7], 7, 2), seven);
        let one = Plan { alone: vec![], together: vec![0..1; 1] };
        assert_eq!(plan(&[(500, 9); 1], 1, 2), one);
        // Large passes: one of each thread and a ninth would keep the other waiting.
        let passes = Plan { alone: vec![0..2, 2..4], together: vec![4..5; 1] };
        assert_eq!(plan(&[(500, 500); 5], 5, 2), passes);
    }

    #[test]
    fn many_threads_and_few_items_are_weighed() {
        // Two each, one short: less is lost than with fifteen on all threads.
        let two_each = plan(&[(500, 9); 31], 31, 16);
        assert_eq!((two_each.alone.len(), two_each.together.len()), (16, 0));
        let nine = plan(&[(500, 9); 9], 9, 8);
        assert_eq!((nine.alone.len(), nine.together), (8, vec![8..9; 1]));
        assert!(plan(&[(500, 9); 3], 3, 8).alone.is_empty());
    }

    #[test]
    fn kinds_do_not_share_a_pass() {
        let both = plan(&[(100, 9), (100, 9), (900, 9), (900, 9)], 2, 2);
        assert_eq!(both, Plan { alone: vec![0..1, 1..2, 2..3, 3..4], together: vec![] });
        let in_turn = plan(&[(300, 9), (900, 9)], 1, 2);
        assert_eq!(in_turn, Plan { alone: vec![], together: vec![0..1, 1..2] });
        assert_eq!(plan(&[], 0, 2), Plan { alone: vec![], together: vec![] });
    }
}
