//! What each key uses: every request of a key or a session is counted before its answer leaves.
//!
//! Answers that are ready at the same time share one transaction ("group commit"): a thread takes
//! all counts that wait, adds them up, writes them, and lets the answers go. The write is not
//! synced, so an answer waits some tens of microseconds, and `kill -9` loses nothing. Within
//! [`SYNC_EVERY`] the log is synced, which bounds what a power cut can lose.

use std::ops::Add;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::response::Response;
use onespace_store::{OwnerScope, Store, UsageBatch, UsageCounts};
use time::OffsetDateTime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::app::App;

/// The longest time between a count and the sync that makes it survive a power cut.
const SYNC_EVERY: Duration = Duration::from_secs(1);
/// How long counts that could not be written wait for the next attempt.
const RETRY_EVERY: Duration = Duration::from_secs(1);
/// The most counts of one transaction.
const BATCH_COUNTS_MAX: usize = 1_024;

/// What the model did for a request; travels as an extension of its answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModelUse {
    /// Pictures embedded.
    pub images: u64,
    /// Tokens read, of text and of pictures.
    pub tokens: u64,
}

impl ModelUse {
    /// As counts, of no request.
    pub(crate) fn counts(self) -> UsageCounts {
        UsageCounts { images: self.images, tokens: self.tokens, ..UsageCounts::default() }
    }
}

impl Add for ModelUse {
    type Output = Self;

    fn add(self, more: Self) -> Self {
        Self { images: self.images + more.images, tokens: self.tokens + more.tokens }
    }
}

enum Message {
    Count { scope: OwnerScope, counts: UsageCounts, written: Option<oneshot::Sender<()>> },
    Stop,
}

/// Where counts go on their way into the store.
pub struct UsageCounter {
    sender: Sender<Message>,
    receiver: Mutex<Option<Receiver<Message>>>,
}

impl UsageCounter {
    /// A counter whose counts wait until [`start`].
    pub(crate) fn new() -> Self {
        let (sender, receiver) = channel();
        Self { sender, receiver: Mutex::new(Some(receiver)) }
    }

    /// Stands for a request under way.
    pub(crate) fn ticket(&self, scope: OwnerScope) -> UsageTicket {
        UsageTicket { sender: self.sender.clone(), scope: Some(scope) }
    }
}

/// A request that will be counted, whatever becomes of it: one that is given up (its client went,
/// or its handler panicked) counts as an error.
pub(crate) struct UsageTicket {
    sender: Sender<Message>,
    scope: Option<OwnerScope>,
}

impl UsageTicket {
    /// Counts the request by its answer; what it returns is ready when the count is written.
    pub(crate) fn settle(mut self, response: &Response) -> impl Future<Output = ()> + use<> {
        let used = response.extensions().get::<ModelUse>().copied().unwrap_or_default();
        let errors = u64::from(response.status().as_u16() >= 400);
        let counts = UsageCounts { requests: 1, errors, ..used.counts() };
        let (written, is_written) = oneshot::channel();
        if let Some(scope) = self.scope.take() {
            let _stopped =
                self.sender.send(Message::Count { scope, counts, written: Some(written) });
        }
        async move {
            // An error means that the counter has stopped, with the server.
            let _stopped = is_written.await;
        }
    }
}

impl Drop for UsageTicket {
    fn drop(&mut self) {
        if let Some(scope) = self.scope.take() {
            let counts = UsageCounts { requests: 1, errors: 1, ..UsageCounts::default() };
            let _stopped = self.sender.send(Message::Count { scope, counts, written: None });
        }
    }
}

/// The thread that writes counts.
pub(crate) struct Counting {
    sender: Sender<Message>,
    thread: Option<JoinHandle<()>>,
}

/// Starts writing counts.
pub(crate) fn start(app: &App) -> Counting {
    let receiver = app.usage.receiver.lock().unwrap_or_else(PoisonError::into_inner).take();
    let thread = receiver.map(|receiver| {
        let ledger = Ledger::new(app.store.clone());
        tokio::task::spawn_blocking(move || ledger.run(&receiver))
    });
    Counting { sender: app.usage.sender.clone(), thread }
}

impl Counting {
    /// Writes what waits, syncs it, and ends.
    pub(crate) async fn stop(self) {
        let _ended = self.sender.send(Message::Stop);
        if let Some(thread) = self.thread
            && let Err(error) = thread.await
        {
            tracing::error!(cause = %error, "the counting of usage panicked");
        }
    }
}

struct Ledger {
    store: Store,
    /// Counts not written yet.
    batch: UsageBatch,
    /// Answers that wait for them.
    waiting: Vec<oneshot::Sender<()>>,
    unsynced_since: Option<Instant>,
    is_failing: bool,
}

impl Ledger {
    fn new(store: Store) -> Self {
        let batch = UsageBatch::default();
        Self { store, batch, waiting: Vec::new(), unsynced_since: None, is_failing: false }
    }

    fn run(mut self, receiver: &Receiver<Message>) {
        loop {
            let is_last = match self.next(receiver) {
                Ok(message) => self.take_in(message, receiver),
                Err(RecvTimeoutError::Timeout) => false,
                Err(RecvTimeoutError::Disconnected) => true,
            };
            self.write();
            let is_due = self.unsynced_since.is_some_and(|since| since.elapsed() >= SYNC_EVERY);
            if is_due || is_last {
                self.sync();
            }
            if is_last {
                return;
            }
        }
    }

    /// Waits for a count, no longer than something else may wait.
    fn next(&self, receiver: &Receiver<Message>) -> Result<Message, RecvTimeoutError> {
        let due = self.unsynced_since.map(|since| SYNC_EVERY.saturating_sub(since.elapsed()));
        let retry = self.is_failing.then_some(RETRY_EVERY);
        match due.into_iter().chain(retry).min() {
            Some(patience) => receiver.recv_timeout(patience),
            None => receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    /// Takes in `message` and all that wait behind it; true if the server stops.
    fn take_in(&mut self, message: Message, receiver: &Receiver<Message>) -> bool {
        let today = OffsetDateTime::now_utc().date();
        let mut taken = 0;
        let mut is_last = false;
        let mut next = Some(message);
        while let Some(message) = next {
            match message {
                Message::Count { scope, counts, written } => {
                    self.batch.add(&scope, today, counts);
                    self.waiting.extend(written);
                }
                Message::Stop => is_last = true,
            }
            taken += 1;
            // Of the last batch nothing may stay behind.
            let has_place = is_last || taken < BATCH_COUNTS_MAX;
            next = if has_place { receiver.try_recv().ok() } else { None };
        }
        is_last
    }

    /// Writes the batch. On failure it is kept and added to: answers must not wait for a disk
    /// that is full, and there is one sum for each key and day.
    fn write(&mut self) {
        if !self.batch.is_empty() {
            match self.store.add_usage(&self.batch) {
                Ok(()) => {
                    self.batch = UsageBatch::default();
                    self.unsynced_since.get_or_insert_with(Instant::now);
                    self.is_failing = false;
                }
                Err(error) => {
                    if !std::mem::replace(&mut self.is_failing, true) {
                        tracing::error!(cause = ?error, "usage cannot be written; it is kept in memory");
                    }
                }
            }
        }
        for written in self.waiting.drain(..) {
            // An error means that the client has gone.
            let _gone = written.send(());
        }
    }

    fn sync(&mut self) {
        self.unsynced_since = None;
        if let Err(error) = self.store.sync_usage() {
            tracing::error!(cause = ?error, "usage could not be synced");
        }
    }
}

#[cfg(test)]
mod tests {
    use onespace_store::Access;

    use super::*;

    #[test]
    fn what_waits_behind_the_end_is_counted_too() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), Access::Serve).unwrap();
        let account = store.ensure_account("a").unwrap();
        let (key, _) = store.create_key(&account, "k", None).unwrap();
        let scope = store.authenticate(key.reveal()).unwrap().unwrap();
        let (sender, receiver) = channel();
        let send = |count: usize| {
            for _ in 0..count {
                drop(UsageTicket { sender: sender.clone(), scope: Some(scope.clone()) });
            }
        };
        send(BATCH_COUNTS_MAX + 1);
        sender.send(Message::Stop).unwrap();
        send(BATCH_COUNTS_MAX + 1);
        Ledger::new(store.clone()).run(&receiver);
        let today = OffsetDateTime::now_utc().date();
        let yesterday = today.previous_day().unwrap();
        let rows = store.usage(&scope, yesterday, today).unwrap();
        let requests: u64 = rows.iter().map(|row| row.counts.requests).sum();
        assert_eq!(requests, 2 * (BATCH_COUNTS_MAX as u64 + 1));
    }
}
