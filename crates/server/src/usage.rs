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
        let behind = receiver.try_iter().take(BATCH_COUNTS_MAX);
        for message in std::iter::once(message).chain(behind) {
            match message {
                Message::Count { scope, counts, written } => {
                    self.batch.add(&scope, today, counts);
                    self.waiting.extend(written);
                }
                Message::Stop => return true,
            }
        }
        false
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
