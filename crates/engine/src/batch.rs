//! Which waiting requests run together: a pure function over the queue, oldest first.

use std::time::Instant;

/// What the choice needs to know of a waiting request.
pub trait Waiting {
    /// Its cost in thousands of multiply-adds.
    fn cost(&self) -> u64;
    /// Whether nobody waits for its answer any more.
    fn abandoned(&self) -> bool;
    /// When it has waited too long.
    fn expires(&self) -> Instant;
}

/// What to do with the front of the queue.
#[derive(Debug, PartialEq, Eq)]
pub enum Fate {
    /// Run it in this batch.
    Run,
    /// Nobody waits for it: forget it.
    Abandoned,
    /// It has waited too long: say so.
    Expired,
}

/// The fates of the first entries of `queue`, in order; entries beyond the returned length stay.
///
/// Abandoned and expired entries cost nothing. The batch ends at the first live entry that would
/// pass `cost_max` or `sequences_max`, so that no request is overtaken; the first live entry always
/// runs, whatever its cost.
pub fn next_batch<'a, W: Waiting + 'a>(
    queue: impl IntoIterator<Item = &'a W>,
    now: Instant,
    cost_max: u64,
    sequences_max: usize,
) -> Vec<Fate> {
    let (mut cost, mut sequences) = (0u64, 0usize);
    let mut fates = Vec::new();
    for entry in queue {
        if entry.abandoned() {
            fates.push(Fate::Abandoned);
        } else if entry.expires() <= now {
            fates.push(Fate::Expired);
        } else {
            let sum = cost.saturating_add(entry.cost());
            if sequences > 0 && (sum > cost_max || sequences >= sequences_max) {
                break;
            }
            (cost, sequences) = (sum, sequences + 1);
            fates.push(Fate::Run);
        }
    }
    fates
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    struct Request {
        cost: u64,
        abandoned: bool,
        expires: Instant,
    }

    impl Waiting for Request {
        fn cost(&self) -> u64 {
            self.cost
        }
        fn abandoned(&self) -> bool {
            self.abandoned
        }
        fn expires(&self) -> Instant {
            self.expires
        }
    }

    /// `cost`; negative: abandoned; zero: expired.
    fn fates(costs: &[i64], cost_max: u64, sequences_max: usize) -> String {
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        let queue: Vec<_> = costs
            .iter()
            .map(|&cost| Request {
                cost: cost.unsigned_abs(),
                abandoned: cost < 0,
                expires: if cost == 0 { now } else { later },
            })
            .collect();
        let letter = |fate: &Fate| match fate {
            Fate::Run => 'r',
            Fate::Abandoned => 'a',
            Fate::Expired => 'x',
        };
        next_batch(&queue, now, cost_max, sequences_max).iter().map(letter).collect()
    }

    #[test]
    fn batches_end_at_the_first_request_that_does_not_fit() {
        let cases: [(&[i64], u64, usize, &str); 7] = [
            (&[], 10, 4, ""),
            (&[99], 10, 4, "r"),
            (&[4, 6, 1], 10, 4, "rr"),
            (&[4, 7, 1], 10, 4, "r"),
            (&[1, 1, 1, 1], 10, 3, "rrr"),
            (&[-1, 4, 0, 6, -1, 1], 10, 4, "arxra"),
            (&[-1, 0], 10, 4, "ax"),
        ];
        for (costs, cost_max, sequences_max, expected) in cases {
            assert_eq!(fates(costs, cost_max, sequences_max), expected, "{costs:?}");
        }
    }
}
