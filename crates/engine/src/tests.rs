//! The engine around a model that only counts: queueing, batching and failure, not inference.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use onespace_media::{Fit, PreprocessSpec, Resample};
use onespace_models::{
    Fusion, InputPart, ModelDescription, ModelError, Part, Precision, TokenizedInput,
};

use super::*;

/// Answers `[tokens in the first part]`; panics on token 666; waits while `held`.
struct CountingModel {
    description: ModelDescription,
    batch_sizes: Mutex<Vec<usize>>,
    held: AtomicBool,
}

impl CountingModel {
    fn new(held: bool) -> Arc<Self> {
        let preprocess = PreprocessSpec {
            fit: Fit::Squash { width: 1, height: 1 },
            resample: Resample::Bicubic,
            mean: [0.5; 3],
            std: [0.5; 3],
        };
        let description = ModelDescription {
            name: "counting".to_owned(),
            revision: "1".to_owned(),
            dimension: 1,
            dimensions: vec![1],
            text_tokens_max: 100,
            images_max: 10,
            image_tokens_max: 5,
            text_chunk_tokens: None,
            preprocess,
            precision: Precision::F32,
            fusion: Fusion::Early,
            weights_sha256: String::new(),
        };
        Arc::new(Self { description, batch_sizes: Mutex::default(), held: AtomicBool::new(held) })
    }

    fn release(&self) {
        self.held.store(false, Ordering::Release);
    }
}

impl EmbeddingModel for CountingModel {
    fn description(&self) -> &ModelDescription {
        &self.description
    }
    fn tokenize(&self, _: &[InputPart<'_>]) -> Result<TokenizedInput, ModelError> {
        Ok(TokenizedInput::default())
    }
    fn image_tokens(&self, _: u32, _: u32) -> usize {
        5
    }
    fn cost(&self, sequence: &Sequence) -> u64 {
        tokens(sequence).len() as u64
    }
    fn embed(&self, batch: &[Sequence]) -> Result<Vec<Vec<f32>>, ModelError> {
        while self.held.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
        self.batch_sizes.lock().unwrap().push(batch.len());
        assert!(!batch.iter().any(|sequence| tokens(sequence).contains(&666)), "planted panic");
        Ok(batch.iter().map(|sequence| vec![tokens(sequence).len() as f32]).collect())
    }
}

fn tokens(sequence: &Sequence) -> &[u32] {
    match &sequence.parts[0] {
        Part::Text(tokens) => tokens,
        Part::Image(_) => &[],
    }
}

fn text(tokens: &[u32]) -> Sequence {
    Sequence { parts: vec![Part::Text(tokens.to_vec())] }
}

fn settings() -> EngineSettings {
    EngineSettings {
        admitted_cost_max: 10,
        batch_cost_max: 8,
        batch_sequences_max: 4,
        queue_wait_ms_max: 60_000,
    }
}

/// Waits, with a deadline, until `condition` holds.
async fn until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "the condition never held");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// An engine whose worker is busy with one held sequence of cost 1.
async fn busy_engine(model: &Arc<CountingModel>, settings: EngineSettings) -> Engine {
    let engine = Engine::start(Arc::clone(model) as Arc<dyn EmbeddingModel>, settings).unwrap();
    let clone = engine.clone();
    tokio::spawn(async move { clone.embed(text(&[1])).await });
    until(|| engine.counts().batches == 1).await;
    engine
}

#[tokio::test]
async fn waiting_requests_share_a_batch_and_keep_their_answers() {
    let model = CountingModel::new(true);
    let engine = busy_engine(&model, settings()).await;
    let requests: Vec<_> = [1usize, 2, 3]
        .into_iter()
        .map(|n| {
            let engine = engine.clone();
            tokio::spawn(async move { engine.embed(text(&vec![7; n])).await })
        })
        .collect();
    until(|| engine.counts().waiting == 3).await;
    model.release();
    for (n, request) in [1.0, 2.0, 3.0].into_iter().zip(requests) {
        assert_eq!(request.await.unwrap().unwrap(), vec![n]);
    }
    assert_eq!(*model.batch_sizes.lock().unwrap(), vec![1, 3]);
}

#[tokio::test]
async fn a_full_engine_refuses_and_recovers() {
    let model = CountingModel::new(true);
    let engine = busy_engine(&model, settings()).await;
    let refused = engine.embed(text(&[7; 10])).await;
    assert!(matches!(refused, Err(EngineError::Full { retry_after_s: 1..=30 })), "{refused:?}");
    model.release();
    until(|| engine.counts().embedded == 1).await;
    assert_eq!(engine.embed(text(&[7; 10])).await.unwrap(), vec![10.0]);
    assert_eq!(engine.counts().refused, 1);
}

#[tokio::test]
async fn abandoned_requests_are_not_computed() {
    let model = CountingModel::new(true);
    let engine = busy_engine(&model, settings()).await;
    let clone = engine.clone();
    let abandoned = tokio::spawn(async move { clone.embed(text(&[7; 5])).await });
    until(|| engine.counts().waiting == 1).await;
    abandoned.abort();
    let _aborted = abandoned.await;
    let in_its_place = tokio::spawn({
        let engine = engine.clone();
        async move { engine.embed(text(&[7; 9])).await }
    });
    until(|| engine.counts().waiting == 2).await;
    assert_eq!(engine.counts().refused, 0, "the cost of the abandoned request is free again");
    in_its_place.abort();
    let _aborted = in_its_place.await;
    model.release();
    assert_eq!(engine.embed(text(&[7; 2])).await.unwrap(), vec![2.0]);
    assert_eq!(model.batch_sizes.lock().unwrap().iter().sum::<usize>(), 2);
    assert_eq!(engine.counts().dropped, 2);
}

#[tokio::test]
async fn requests_that_waited_too_long_are_given_up() {
    let model = CountingModel::new(true);
    let engine = busy_engine(&model, EngineSettings { queue_wait_ms_max: 20, ..settings() }).await;
    let clone = engine.clone();
    let late = tokio::spawn(async move { clone.embed(text(&[7])).await });
    until(|| engine.counts().waiting == 1).await;
    let waiting_since = Instant::now();
    until(|| waiting_since.elapsed() > Duration::from_millis(20)).await;
    model.release();
    assert!(matches!(late.await.unwrap(), Err(EngineError::Expired)));
}

#[tokio::test]
async fn a_panic_fails_its_own_request_only() {
    let model = CountingModel::new(true);
    let engine = busy_engine(&model, settings()).await;
    let good = tokio::spawn({
        let engine = engine.clone();
        async move { engine.embed(text(&[7, 7])).await }
    });
    let bad = tokio::spawn({
        let engine = engine.clone();
        async move { engine.embed(text(&[666])).await }
    });
    until(|| engine.counts().waiting == 2).await;
    model.release();
    assert_eq!(good.await.unwrap().unwrap(), vec![2.0]);
    assert!(matches!(bad.await.unwrap(), Err(EngineError::Panicked)));
    assert_eq!(engine.embed(text(&[7])).await.unwrap(), vec![1.0], "the worker lives on");
}

#[tokio::test]
async fn a_stopped_engine_says_so() {
    let model = CountingModel::new(true);
    let engine = busy_engine(&model, settings()).await;
    let waiting = tokio::spawn({
        let engine = engine.clone();
        async move { engine.embed(text(&[7])).await }
    });
    until(|| engine.counts().waiting == 1).await;
    engine.stop();
    assert!(matches!(waiting.await.unwrap(), Err(EngineError::Stopping)));
    assert!(matches!(engine.embed(text(&[7])).await, Err(EngineError::Stopping)));
    model.release();
}
