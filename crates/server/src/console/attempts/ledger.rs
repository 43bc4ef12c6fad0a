//! The memory of attempts, bounded: what is forgotten early is never what holds somebody back.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::Pair;

/// Subjects of one client that are remembered.
const SUBJECTS_PER_CLIENT_MAX: usize = 2_000;
/// Pairs of client and subject that are remembered in all. Each of them took a hashed password or a
/// new account, of which a machine does some hundred a second.
const PAIRS_MAX: usize = 20_000;
/// What a client waits whose other attempts on the same subject are under way.
const WAIT_FOR_OTHERS: Duration = Duration::from_secs(5);

pub(super) struct Ledger {
    attempts_max: usize,
    window: Duration,
    /// The times of what counted, oldest first; none is empty.
    counted: HashMap<IpAddr, HashMap<String, Vec<Instant>>>,
    under_way: HashMap<Pair, usize>,
}

impl Ledger {
    pub(super) fn new(attempts_max: usize, window: Duration) -> Self {
        Self { attempts_max, window, counted: HashMap::new(), under_way: HashMap::new() }
    }

    /// Notes that an attempt begins, or tells how long it must wait. A refusal leaves no trace.
    pub(super) fn begin(&mut self, pair: &Pair, now: Instant) -> Result<(), Duration> {
        let times = self.counted.get(&pair.client).and_then(|own| own.get(&pair.subject));
        let recent: Vec<Instant> =
            times.into_iter().flatten().copied().filter(|&time| self.counts(time, now)).collect();
        // The oldest that must run out first.
        if let Some(at) = recent.len().checked_sub(self.attempts_max) {
            return Err(self.window.saturating_sub(now.saturating_duration_since(recent[at])));
        }
        let under_way = self.under_way.get(pair).copied().unwrap_or_default();
        if recent.len() + under_way >= self.attempts_max {
            return Err(WAIT_FOR_OTHERS);
        }
        if times.is_none() && !self.make_room(pair.client, now) {
            return Err(self.window);
        }
        *self.under_way.entry(pair.clone()).or_default() += 1;
        Ok(())
    }

    /// Ends an attempt that began.
    pub(super) fn end(&mut self, pair: &Pair) {
        if let Some(under_way) = self.under_way.get_mut(pair) {
            *under_way -= 1;
            if *under_way == 0 {
                self.under_way.remove(pair);
            }
        }
    }

    /// Counts an attempt that began.
    pub(super) fn count(&mut self, pair: &Pair, now: Instant) {
        let window = self.window;
        if !self.counted.get(&pair.client).is_some_and(|own| own.contains_key(&pair.subject)) {
            // Without room it is remembered all the same: only as many as are under way at once.
            let _is_full = !self.make_room(pair.client, now);
        }
        let own = self.counted.entry(pair.client).or_default();
        let times = own.entry(pair.subject.clone()).or_default();
        times.retain(|&time| now.saturating_duration_since(time) < window);
        times.push(now);
    }

    /// Forgets what counted against the pair.
    pub(super) fn forgive(&mut self, pair: &Pair) {
        self.forget(pair.client, &pair.subject);
    }

    /// Makes room for one more subject of `client`, if it can: first what has run out goes, then
    /// what the client itself has tried least, then what anybody has. A pair at its limit stays
    /// until its window ends, or a flood of other names would open the door again.
    fn make_room(&mut self, client: IpAddr, now: Instant) -> bool {
        if self.has_room(client) {
            return true;
        }
        self.forget_what_ran_out(now);
        while !self.has_room(client) {
            let own = self.least_tried(client);
            let least = own.or_else(|| {
                let is_own_limit = self.subjects_of(client) >= SUBJECTS_PER_CLIENT_MAX;
                let others = self.counted.keys().filter(|_| !is_own_limit);
                others.filter_map(|&other| self.least_tried(other)).next()
            });
            let Some((client, subject)) = least else { return false };
            self.forget(client, &subject);
        }
        true
    }

    fn has_room(&self, client: IpAddr) -> bool {
        self.subjects_of(client) < SUBJECTS_PER_CLIENT_MAX
            && self.counted.values().map(HashMap::len).sum::<usize>() < PAIRS_MAX
    }

    fn subjects_of(&self, client: IpAddr) -> usize {
        self.counted.get(&client).map_or(0, HashMap::len)
    }

    /// The subject with the fewest attempts of the client, of them the one that was left alone
    /// longest; none at its limit.
    fn least_tried(&self, client: IpAddr) -> Option<(IpAddr, String)> {
        let own = self.counted.get(&client)?.iter();
        let open = own.filter(|(_, times)| times.len() < self.attempts_max);
        let (subject, _) = open.min_by_key(|(_, times)| (times.len(), times.last().copied()))?;
        Some((client, subject.clone()))
    }

    fn forget_what_ran_out(&mut self, now: Instant) {
        let window = self.window;
        for own in self.counted.values_mut() {
            own.retain(|_, times| {
                times.retain(|&time| now.saturating_duration_since(time) < window);
                !times.is_empty()
            });
        }
        self.counted.retain(|_, own| !own.is_empty());
    }

    fn forget(&mut self, client: IpAddr, subject: &str) {
        if let Some(own) = self.counted.get_mut(&client) {
            own.remove(subject);
            if own.is_empty() {
                self.counted.remove(&client);
            }
        }
    }

    fn counts(&self, time: Instant, now: Instant) -> bool {
        now.saturating_duration_since(time) < self.window
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const MAX: usize = 5;
    const WINDOW: Duration = Duration::from_secs(900);

    fn pair(client: u32, subject: &str) -> Pair {
        Pair { client: Ipv4Addr::from_bits(client).into(), subject: subject.to_owned() }
    }

    /// One whole attempt that counts; false if it was refused.
    fn fail(ledger: &mut Ledger, pair: &Pair, now: Instant) -> bool {
        if ledger.begin(pair, now).is_err() {
            return false;
        }
        ledger.count(pair, now);
        ledger.end(pair);
        true
    }

    fn pairs(ledger: &Ledger) -> usize {
        ledger.counted.values().map(HashMap::len).sum()
    }

    #[test]
    fn a_flood_of_other_names_does_not_open_a_door_that_is_shut() {
        let (mut ledger, now) = (Ledger::new(MAX, WINDOW), Instant::now());
        let (shut, ajar) = (pair(1, "shut@example.com"), pair(1, "ajar@example.com"));
        assert!((0..MAX).all(|_| fail(&mut ledger, &shut, now)));
        assert!((0..MAX - 1).all(|_| fail(&mut ledger, &ajar, now)));
        for number in 0..SUBJECTS_PER_CLIENT_MAX + 1_000 {
            let later = now + Duration::from_millis(number as u64);
            assert!(fail(&mut ledger, &pair(1, &format!("{number}@example.com")), later));
        }
        assert_eq!(pairs(&ledger), SUBJECTS_PER_CLIENT_MAX);
        let later = now + Duration::from_secs(10);
        assert!(!fail(&mut ledger, &shut, later), "still shut");
        assert!(fail(&mut ledger, &ajar, later), "what was tried most is forgotten last");
        assert!(!fail(&mut ledger, &ajar, later), "so its one attempt was the last");
    }

    #[test]
    fn a_flood_of_clients_does_not_either_and_memory_stays_bounded() {
        let (mut ledger, now) = (Ledger::new(1, WINDOW), Instant::now());
        let clients = (PAIRS_MAX / 1_000) as u32;
        for client in 0..clients {
            for number in 0..1_000 {
                assert!(fail(&mut ledger, &pair(client, &number.to_string()), now));
            }
        }
        assert!(!fail(&mut ledger, &pair(clients, "x"), now), "nothing may be forgotten");
        assert_eq!(ledger.begin(&pair(0, "y"), now), Err(WINDOW));
        assert!(!fail(&mut ledger, &pair(0, "0"), now), "shut");
        assert_eq!((pairs(&ledger), ledger.under_way.len()), (PAIRS_MAX, 0));
        assert!(fail(&mut ledger, &pair(clients, "x"), now + WINDOW));
        assert_eq!(pairs(&ledger), 1, "what has run out is gone");
    }

    #[test]
    fn refusals_leave_no_trace() {
        let (mut ledger, now) = (Ledger::new(MAX, WINDOW), Instant::now());
        for number in 0..PAIRS_MAX * 2 {
            let pair = pair(1, &number.to_string());
            assert!(ledger.begin(&pair, now).is_ok());
            ledger.end(&pair);
        }
        assert_eq!((pairs(&ledger), ledger.under_way.len()), (0, 0));
    }
}
