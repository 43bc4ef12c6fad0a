//! The waiting requests, shared by the callers and the worker thread.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use onespace_models::Sequence;
use tokio::sync::oneshot;

use crate::admission::Permit;
use crate::batch::{Fate, Waiting, next_batch};
use crate::pictures::Unread;
use crate::{EngineCounts, EngineError, EngineSettings};

/// Above this many entries, those that nobody waits for are thrown out.
const ABANDONED_KEPT_MAX: usize = 1_024;

/// One waiting request.
pub(crate) struct Entry {
    pub(crate) sequence: Sequence,
    /// Its pictures that are to be kept once they are read.
    pub(crate) unread: Vec<Unread>,
    pub(crate) cost: u64,
    pub(crate) reply: oneshot::Sender<Result<Vec<f32>, EngineError>>,
    pub(crate) expires: Instant,
    /// Gone when nobody waits for the answer any more.
    pub(crate) permit: Weak<Permit>,
}

/// One request of a batch.
pub(crate) struct Running {
    pub(crate) sequence: Sequence,
    pub(crate) unread: Vec<Unread>,
    pub(crate) cost: u64,
    pub(crate) reply: oneshot::Sender<Result<Vec<f32>, EngineError>>,
    /// Held until the answer is sent, so that running work counts as admitted.
    pub(crate) permit: Arc<Permit>,
}

impl Waiting for Entry {
    fn cost(&self) -> u64 {
        self.cost
    }
    fn abandoned(&self) -> bool {
        self.permit.strong_count() == 0
    }
    fn expires(&self) -> Instant {
        self.expires
    }
}

#[derive(Default)]
struct State {
    entries: VecDeque<Entry>,
    counts: EngineCounts,
    closed: bool,
    /// Moving average of the speed; 0 before the first batch.
    cost_per_ms: u64,
}

#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
}

impl Queue {
    /// The state; a panic elsewhere cannot have left it half-changed, as no call in here panics
    /// between two writes.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a request at the end, or gives it back when the queue is closed.
    pub(crate) fn push(&self, entry: Entry) -> Result<(), Box<Entry>> {
        let mut state = self.lock();
        if state.closed {
            return Err(Box::new(entry));
        }
        if state.entries.len() >= ABANDONED_KEPT_MAX {
            // Abandoned entries are free of cost, so admission does not bound their number.
            state.entries.retain(|waiting| !waiting.abandoned());
        }
        state.entries.push_back(entry);
        drop(state);
        self.arrived.notify_one();
        Ok(())
    }

    /// Waits for work and takes the next batch; `None` once the queue is closed.
    pub(crate) fn take_batch(&self, settings: &EngineSettings) -> Option<Vec<Running>> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            let batch = state.split_batch(settings);
            if !batch.is_empty() {
                state.counts.batches += 1;
                return Some(batch);
            }
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Closes the queue: what waits is answered with [`EngineError::Stopping`].
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let waiting = std::mem::take(&mut state.entries);
        drop(state);
        for entry in waiting {
            let _gone = entry.reply.send(Err(EngineError::Stopping));
        }
        self.arrived.notify_all();
    }

    pub(crate) fn count(&self, change: impl FnOnce(&mut EngineCounts)) {
        change(&mut self.lock().counts);
    }

    pub(crate) fn counts(&self) -> EngineCounts {
        let state = self.lock();
        EngineCounts { waiting: state.entries.len() as u64, ..state.counts }
    }

    /// Folds the speed of one batch into the moving average.
    pub(crate) fn measured(&self, cost: u64, ms: u64) {
        let mut state = self.lock();
        let speed = cost / ms.max(1);
        state.cost_per_ms =
            if state.cost_per_ms == 0 { speed } else { (state.cost_per_ms * 7 + speed) / 8 };
    }

    pub(crate) fn cost_per_ms(&self) -> u64 {
        self.lock().cost_per_ms
    }
}

impl State {
    /// Takes the front of the queue apart: the batch is returned, the rest of it answered.
    fn split_batch(&mut self, settings: &EngineSettings) -> Vec<Running> {
        let fates = next_batch(
            &self.entries,
            Instant::now(),
            settings.batch_cost_max,
            settings.batch_sequences_max,
        );
        let mut batch = Vec::new();
        for (fate, entry) in fates.iter().zip(self.entries.drain(..fates.len())) {
            match entry.permit.upgrade() {
                Some(permit) if *fate == Fate::Run => {
                    let Entry { sequence, unread, cost, reply, .. } = entry;
                    batch.push(Running { sequence, unread, cost, reply, permit });
                }
                _ => {
                    self.counts.dropped += 1;
                    let _gone = entry.reply.send(Err(EngineError::Expired));
                }
            }
        }
        batch
    }
}
