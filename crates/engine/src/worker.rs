//! The worker thread: runs batches, and the members of a failed batch one by one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use onespace_models::{EmbeddingModel, Sequence};

use crate::pictures::Pictures;
use crate::queue::{Queue, Running};
use crate::{EngineError, EngineSettings};

/// What the worker shares with the callers.
pub(crate) struct Work {
    pub(crate) queue: Arc<Queue>,
    pub(crate) pictures: Arc<Pictures>,
}

/// Starts the thread; it ends when the queue is closed.
pub(crate) fn spawn(
    model: Arc<dyn EmbeddingModel>,
    work: Work,
    settings: EngineSettings,
) -> Result<(), EngineError> {
    thread::Builder::new()
        .name("embed-worker".to_owned())
        .spawn(move || {
            while let Some(batch) = work.queue.take_batch(&settings) {
                run_batch(model.as_ref(), &work, batch);
            }
        })
        .map(drop)
        .map_err(EngineError::WorkerStart)
}

const EMPTY: Sequence = Sequence { parts: Vec::new() };

fn run_batch(model: &dyn EmbeddingModel, work: &Work, mut batch: Vec<Running>) {
    let (started, queue) = (Instant::now(), &*work.queue);
    read_pictures(model, &work.pictures, &mut batch);
    let cost = batch.iter().map(|entry| entry.cost).sum();
    let taken = |entry: &mut Running| std::mem::replace(&mut entry.sequence, EMPTY);
    let sequences: Vec<Sequence> = batch.iter_mut().map(taken).collect();
    match embed(model, &sequences) {
        Ok(vectors) => {
            for (entry, vector) in batch.into_iter().zip(vectors) {
                answer(queue, entry, Ok(vector));
            }
        }
        Err(error) if batch.len() == 1 => {
            if let Some(entry) = batch.pop() {
                answer(queue, entry, Err(error));
            }
        }
        Err(_) => run_alone(model, queue, batch, &sequences),
    }
    let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    queue.measured(cost, ms);
}

/// Pictures first, each once; a panic over them is found again, and answered, with the sequence.
fn read_pictures(model: &dyn EmbeddingModel, pictures: &Pictures, batch: &mut [Running]) {
    let of = |entry: &mut Running| std::mem::take(&mut entry.unread);
    let mut unread: Vec<_> = batch
        .iter_mut()
        .filter(|entry| !entry.unread.is_empty())
        .map(|entry| (of(entry), entry))
        .map(|(unread, entry)| (&mut entry.sequence, unread))
        .collect();
    if !unread.is_empty() {
        let read = || pictures.read(model, &mut unread);
        let _found_again = catch_unwind(AssertUnwindSafe(read));
    }
}

/// One request's fault stays its own: each member of a failed batch runs again by itself.
fn run_alone(
    model: &dyn EmbeddingModel,
    queue: &Queue,
    batch: Vec<Running>,
    sequences: &[Sequence],
) {
    tracing::warn!(sequences = batch.len(), "a batch failed; its members run one by one");
    for (entry, sequence) in batch.into_iter().zip(sequences) {
        let result = embed(model, std::slice::from_ref(sequence))
            .and_then(|mut vectors| vectors.pop().ok_or(EngineError::Panicked));
        answer(queue, entry, result);
    }
}

/// Runs the model; a panic is an error, and so is an answer of the wrong length.
fn embed(model: &dyn EmbeddingModel, sequences: &[Sequence]) -> Result<Vec<Vec<f32>>, EngineError> {
    let result = catch_unwind(AssertUnwindSafe(|| model.embed(sequences)));
    let vectors = result.map_err(|_| EngineError::Panicked)?.map_err(EngineError::Model)?;
    if vectors.len() == sequences.len() { Ok(vectors) } else { Err(EngineError::Panicked) }
}

fn answer(queue: &Queue, entry: Running, result: Result<Vec<f32>, EngineError>) {
    match &result {
        Ok(_) => queue.count(|counts| counts.embedded += 1),
        Err(error) => {
            queue.count(|counts| counts.failed += 1);
            tracing::error!(error = ?error, "a sequence could not be embedded");
        }
    }
    let Running { reply, permit, .. } = entry;
    drop(permit);
    let _gone = reply.send(result);
}
