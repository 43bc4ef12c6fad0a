//! Digests of a model's files, made by a thread of their own while the tensors are read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use super::Shard;
use crate::LoadError;

type Made = Result<Vec<String>, LoadError>;

/// The digests of some files, on their way.
pub(super) struct Digests {
    shards: Vec<Arc<Shard>>,
    /// None where no thread could be started.
    thread: Option<JoinHandle<Made>>,
    unwanted: Arc<AtomicBool>,
}

impl Digests {
    /// Begins.
    pub(super) fn start(shards: &[Arc<Shard>]) -> Self {
        let (shards, unwanted) = (shards.to_vec(), Arc::new(AtomicBool::new(false)));
        let (theirs, stop) = (shards.clone(), Arc::clone(&unwanted));
        let named = thread::Builder::new().name("weights digest".to_owned());
        let thread = named.spawn(move || made(&theirs, &stop)).ok();
        Self { shards, thread, unwanted }
    }

    /// SHA-256 of each file, in hexadecimal.
    pub(super) fn wait(&mut self) -> Made {
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(made)) => made,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => made(&self.shards, &self.unwanted),
        }
    }
}

impl Drop for Digests {
    /// A model that could not be loaded needs no digest.
    fn drop(&mut self) {
        self.unwanted.store(true, Ordering::Relaxed);
    }
}

fn made(shards: &[Arc<Shard>], unwanted: &AtomicBool) -> Made {
    shards.iter().map(|shard| shard.sha256(unwanted)).collect()
}
