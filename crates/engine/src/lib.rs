//! Admission, batching and model workers: sequences in, unit vectors out.
//!
//! A request enters through [`Engine::embed`]. It is weighed in the model's own unit of cost and
//! admitted only while the queue has room ([`admission`]); a worker thread takes the oldest
//! requests that fit one batch ([`batch`], a pure function), leaves out those whose client has gone,
//! and runs the model (`worker.rs`). If a batch fails, its members run one by one, so that one bad
//! sequence never spoils the others. What leaves has been checked by the model's output guard:
//! finite, of the right length and of unit norm.
//!
//! The queue is bounded in cost, never in time alone: a request that has waited longer than
//! [`EngineSettings::queue_wait_ms_max`] is answered with an error instead of being computed.

pub mod admission;
pub mod batch;
mod error;
mod pictures;
mod queue;
mod worker;

use std::sync::Arc;
use std::time::{Duration, Instant};

use onespace_models::{EmbeddingModel, Sequence};
use tokio::sync::oneshot;

pub use error::EngineError;
pub use pictures::Tenant;

use admission::Admission;
use pictures::{Pictures, Unread};
use queue::{Entry, Queue};

/// Limits of one engine. Costs are in the model's unit: thousands of multiply-adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineSettings {
    /// Cost that may be admitted at once, waiting and running together.
    pub admitted_cost_max: u64,
    /// Cost of one batch; a single sequence above it still runs, alone.
    pub batch_cost_max: u64,
    /// Sequences in one batch.
    pub batch_sequences_max: usize,
    /// Longest time that a request waits before it is given up, in milliseconds.
    pub queue_wait_ms_max: u64,
    /// Memory for pictures that the model has read, in bytes; 0 keeps none.
    pub picture_cache_bytes_max: usize,
}

impl Default for EngineSettings {
    /// 200 G multiply-adds admitted (about five seconds of two idle cores with the embedded model), 32
    /// G and 64 sequences a batch (a quarter of a second of such cores, seven pictures of CLIP B/32: a
    /// batch of one has threads wait for one another), 30 s, 256 MiB of pictures.
    fn default() -> Self {
        Self {
            admitted_cost_max: 200_000_000,
            batch_cost_max: 32_000_000,
            batch_sequences_max: 64,
            queue_wait_ms_max: 30_000,
            picture_cache_bytes_max: 256 << 20,
        }
    }
}

/// A snapshot of what the engine has done and holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineCounts {
    /// Sequences answered with a vector.
    pub embedded: u64,
    /// Batches run.
    pub batches: u64,
    /// Requests refused because the queue was full.
    pub refused: u64,
    /// Requests dropped unrun because their client had gone or they had waited too long.
    pub dropped: u64,
    /// Sequences that the model could not embed.
    pub failed: u64,
    /// Sequences waiting now.
    pub waiting: u64,
    /// Pictures that had been read before.
    pub pictures_found: u64,
    /// Pictures that were read and kept, if there was room.
    pub pictures_read: u64,
    /// Memory of the pictures that are kept, in bytes.
    pub picture_bytes: u64,
}

/// One model with its queue and its worker thread. Clones share them; when the last clone goes,
/// the worker ends.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    model: Arc<dyn EmbeddingModel>,
    settings: EngineSettings,
    admission: Admission,
    queue: Arc<Queue>,
    pictures: Arc<Pictures>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl Engine {
    /// Starts the worker thread of `model`.
    ///
    /// # Errors
    ///
    /// [`EngineError::WorkerStart`] when the operating system gives no thread.
    pub fn start(
        model: Arc<dyn EmbeddingModel>,
        settings: EngineSettings,
    ) -> Result<Self, EngineError> {
        let queue = Arc::new(Queue::default());
        let pictures = Arc::new(Pictures::new(settings.picture_cache_bytes_max));
        let work = worker::Work { queue: Arc::clone(&queue), pictures: Arc::clone(&pictures) };
        worker::spawn(Arc::clone(&model), work, settings.clone())?;
        let admission = Admission::new(settings.admitted_cost_max);
        Ok(Self { shared: Arc::new(Shared { model, settings, admission, queue, pictures }) })
    }

    /// The model that this engine runs.
    #[must_use]
    pub fn model(&self) -> &Arc<dyn EmbeddingModel> {
        &self.shared.model
    }

    /// Embeds one sequence: waits for its batch and returns the full-length unit vector.
    ///
    /// Dropping the returned future gives the request up: it is not computed, and its cost is free
    /// for others at once.
    ///
    /// # Errors
    ///
    /// [`EngineError::Full`] at once when the admitted cost is used up, [`EngineError::Expired`]
    /// when the request waited too long, [`EngineError::Stopping`] after [`Engine::stop`], and
    /// [`EngineError::Model`] when the model refused this very sequence.
    pub async fn embed(&self, sequence: Sequence) -> Result<Vec<f32>, EngineError> {
        self.embed_unread(sequence, Vec::new()).await
    }

    /// The same on behalf of a tenant: pictures that the model has read for the same tenant are not
    /// read again, and those that it reads now are kept, as long as there is room.
    ///
    /// # Errors
    ///
    /// As [`Engine::embed`].
    pub async fn embed_for(
        &self,
        tenant: &Tenant,
        mut sequence: Sequence,
    ) -> Result<Vec<f32>, EngineError> {
        let keeps = self.shared.model.encodes_images();
        let unread = match keeps {
            true => self.shared.pictures.replace_known(tenant, &mut sequence),
            false => Vec::new(),
        };
        self.embed_unread(sequence, unread).await
    }

    async fn embed_unread(
        &self,
        sequence: Sequence,
        unread: Vec<Unread>,
    ) -> Result<Vec<f32>, EngineError> {
        let cost = self.shared.model.cost(&sequence);
        let Some(permit) = self.shared.admission.enter(cost) else {
            self.shared.queue.count(|counts| counts.refused += 1);
            return Err(EngineError::Full { retry_after_s: self.retry_after_s() });
        };
        let (reply, answer) = oneshot::channel();
        let wait = Duration::from_millis(self.shared.settings.queue_wait_ms_max);
        // Whoever waits holds the permit, and the batch holds it while it runs: dropping this
        // future gives a waiting request's cost back at once.
        let permit = Arc::new(permit);
        let expires = Instant::now() + wait;
        let permit_held = Arc::downgrade(&permit);
        let entry = Entry { sequence, unread, cost, reply, expires, permit: permit_held };
        if self.shared.queue.push(entry).is_err() {
            return Err(EngineError::Stopping);
        }
        let answer = answer.await.unwrap_or(Err(EngineError::Stopping));
        drop(permit);
        answer
    }

    /// Seconds until the admitted work is likely done, 1 to 30, from the measured speed.
    fn retry_after_s(&self) -> u64 {
        let cost_per_ms = self.shared.queue.cost_per_ms().max(1);
        (self.shared.admission.admitted() / cost_per_ms / 1000).clamp(1, 30)
    }

    /// What the engine has done so far and holds now.
    #[must_use]
    pub fn counts(&self) -> EngineCounts {
        let pictures = self.shared.pictures.counts();
        EngineCounts {
            pictures_found: pictures.found,
            pictures_read: pictures.read,
            picture_bytes: pictures.bytes,
            ..self.shared.queue.counts()
        }
    }

    /// Refuses new work and answers whatever still waits with [`EngineError::Stopping`].
    pub fn stop(&self) {
        self.shared.queue.close();
    }
}

#[cfg(test)]
mod tests;
