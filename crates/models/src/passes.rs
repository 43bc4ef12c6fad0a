//! How a batch is cut: into passes that fit the caches, spread over the threads.

mod plan;

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use onespace_compute::{Cpu, Workspace};

pub(crate) use plan::Plan;

/// Workspaces kept between calls; more exist only while more calls run at once.
const WORKSPACES_KEPT_MAX: usize = 8;

/// Buffers of forward passes, between calls.
#[derive(Default)]
pub(crate) struct Workspaces(Mutex<Vec<Workspace>>);

impl Workspaces {
    /// Runs `work` with a workspace of that budget, reusing one where there is one.
    pub(crate) fn with<T>(&self, cpu: Cpu, work: impl FnOnce(&mut Workspace) -> T) -> T {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut workspace = kept.unwrap_or_else(|| Workspace::new(cpu));
        workspace.cpu = cpu;
        let result = work(&mut workspace);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < WORKSPACES_KEPT_MAX {
            kept.push(workspace);
        }
        result
    }

    /// Runs `pass` for each range in turn, on all threads of that budget.
    pub(crate) fn run<T: Send>(
        &self,
        cpu: Cpu,
        ranges: Vec<Range<usize>>,
        mut pass: impl FnMut(Range<usize>, &mut Workspace) -> T + Send,
    ) -> impl Iterator<Item = T> {
        ranges
            .into_iter()
            .map(move |range| self.with(cpu, |workspace| cpu.enter(|| pass(range, workspace))))
    }
}

/// Cuts items of `(cost, places)` into ranges: none above `places_max` places unless it is a
/// single item, and no cheaper than needed to give each thread its share.
fn cut(items: &[(u64, usize)], threads: usize, places_max: usize) -> Vec<Range<usize>> {
    let total: u64 = items.iter().map(|item| item.0).sum();
    let share = total.div_ceil(threads as u64);
    let mut ranges = Vec::new();
    let (mut start, mut cost, mut places) = (0, 0, 0);
    for (index, item) in items.iter().enumerate() {
        let full = cost >= share || cost + item.0 / 2 > share || places + item.1 > places_max;
        if index > start && full {
            ranges.push(start..index);
            (start, cost, places) = (index, 0, 0);
        }
        cost += item.0;
        places += item.1;
    }
    if start < items.len() {
        ranges.push(start..items.len());
    }
    ranges
}

/// Cuts items by their places into ranges, each as long as `places_max` lets it be: for passes that
/// take all threads, one after the other.
pub(crate) fn packed(places: &[usize], places_max: usize) -> Vec<Range<usize>> {
    let items: Vec<(u64, usize)> = places.iter().map(|&places| (places as u64, places)).collect();
    cut(&items, 1, places_max)
}

#[cfg(test)]
mod tests {
    #[test]
    fn packs_are_as_long_as_they_may_be() {
        let packed = |places: &[usize]| super::packed(places, 10);
        assert!(packed(&[]).is_empty());
        assert_eq!(packed(&[3, 3, 4]), vec![0..3; 1]);
        assert_eq!(packed(&[3, 3, 5, 99, 1, 9]), vec![0..2, 2..3, 3..4, 4..6]);
    }

    #[test]
    fn cuts_are_even_and_bounded() {
        let cut = |items: &[(u64, usize)], threads| super::cut(items, threads, 1024);
        assert!(cut(&[], 2).is_empty());
        assert_eq!(cut(&[(5, 9); 1], 2), vec![0..1; 1]);
        assert_eq!(cut(&[(5, 9); 8], 2), vec![0..4, 4..8]);
        assert_eq!(cut(&[(5, 9); 8], 1), vec![0..8]);
        assert_eq!(cut(&[(1, 9), (9, 9), (1, 9)], 2), vec![0..2, 2..3]);
        assert_eq!(cut(&[(5, 600); 3], 1), vec![0..1, 1..2, 2..3]);
        assert_eq!(cut(&[(5, 5000); 2], 1), vec![0..1, 1..2]);
    }
}
