//! How a batch is cut: into passes that fit the caches, spread over the threads.

use onespace_compute::Cpu;

use super::OnespaceFusion;
use crate::{EmbeddingModel, Sequence};

/// Places in one pass through the transformer, unless one sequence alone has more. Bounds the
/// memory of a pass; larger ones are no faster.
const PLACES_PER_PASS: usize = 1024;

impl OnespaceFusion {
    /// Embeds checked sequences on the current rayon pool. One pass takes all threads; several
    /// take one each, which wastes less time in waiting.
    pub(super) fn embed_checked(&self, batch: &[Sequence]) -> Vec<Vec<f32>> {
        let cpu = Cpu::on_current_pool(self.isa);
        let passes = self.passes(batch, cpu.threads());
        let budget = if passes.len() > 1 { cpu.with_threads(1) } else { cpu };
        let vectors = cpu.enter(|| {
            cpu.map_parts(passes, |pass| {
                self.with_workspace(budget, |workspace| self.embed_pass(pass, workspace))
            })
        });
        vectors.into_iter().flatten().collect()
    }

    /// Runs of sequences of about equal cost, at least as many as there are threads where there
    /// are enough sequences.
    fn passes<'a>(&self, batch: &'a [Sequence], threads: usize) -> Vec<&'a [Sequence]> {
        let items: Vec<(u64, usize)> =
            batch.iter().map(|sequence| (self.cost(sequence), Self::places(sequence))).collect();
        let ranges = cut(&items, threads);
        ranges.into_iter().map(|range| &batch[range]).collect()
    }
}

/// Cuts items of `(cost, places)` into ranges: none above `PLACES_PER_PASS` places unless it is
/// a single item, and no cheaper than needed to give each thread its share.
fn cut(items: &[(u64, usize)], threads: usize) -> Vec<std::ops::Range<usize>> {
    let total: u64 = items.iter().map(|item| item.0).sum();
    let share = total.div_ceil(threads as u64);
    let mut ranges = Vec::new();
    let (mut start, mut cost, mut places) = (0, 0, 0);
    for (index, item) in items.iter().enumerate() {
        let full = cost >= share || cost + item.0 / 2 > share || places + item.1 > PLACES_PER_PASS;
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

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn cuts_are_even_and_bounded() {
        assert!(cut(&[], 2).is_empty());
        assert_eq!(cut(&[(5, 9); 1], 2), vec![0..1; 1]);
        assert_eq!(cut(&[(5, 9); 8], 2), vec![0..4, 4..8]);
        assert_eq!(cut(&[(5, 9); 8], 1), vec![0..8]);
        assert_eq!(cut(&[(1, 9), (9, 9), (1, 9)], 2), vec![0..2, 2..3]);
        assert_eq!(cut(&[(5, 600); 3], 1), vec![0..1, 1..2, 2..3]);
        assert_eq!(cut(&[(5, 5000); 2], 1), vec![0..1, 1..2]);
    }
}
