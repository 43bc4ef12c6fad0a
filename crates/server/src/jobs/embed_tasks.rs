//! The task worker: claims the oldest task, embeds its picture, stores the one result.

use std::time::{Duration, Instant};

use onespace_store::{AssetId, ClaimedTask, UsageBatch};
use onespace_wire::embedding::EmbeddingItem;
use serde_json::Value;
use time::OffsetDateTime;

use super::task_request::{StoredRequest, StoredSource, TaskResult};
use crate::app::App;
use crate::embed;
use crate::embed::plan::{EmbedPlan, Origin, Source, SourceField};
use crate::error::{ApiError, ApiResult, blocking};
use crate::usage::ModelUse;

/// How long a claimed task is left alone before another worker may take it over.
const LEASE: Duration = Duration::from_secs(60);
/// How long a task waits when the model's queue is full.
const BUSY_PAUSE: Duration = Duration::from_secs(2);
/// How often the worker looks for tasks whose lease ran out.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// Runs tasks, one after the other, until the server stops; several workers may run at once.
pub(crate) async fn run(app: App) {
    while !app.stopping.is_cancelled() {
        let store = app.store.clone();
        match blocking(move || store.claim_task(LEASE)).await {
            Ok(Some(claimed)) => run_one(&app, claimed).await,
            Ok(None) => wait(&app).await,
            Err(error) => {
                tracing::error!(cause = ?error.cause, "tasks cannot be claimed");
                wait(&app).await;
            }
        }
    }
}

async fn wait(app: &App) {
    tokio::select! {
        () = app.task_created.notified() => {}
        () = app.stopping.cancelled() => {}
        () = tokio::time::sleep(LOOK_EVERY) => {}
    }
}

async fn run_one(app: &App, claimed: ClaimedTask) {
    let claimed_at = Instant::now();
    let outcome = loop {
        let result = embed_picture(app, &claimed).await;
        let busy = result.as_ref().is_err_and(|error| error.retry_after.is_some());
        if !busy {
            break result;
        }
        // The server stops, or is full for longer than the lease allows: the lease runs out, and
        // the task is claimed again.
        if app.stopping.is_cancelled() || claimed_at.elapsed() > LEASE / 2 {
            tracing::warn!(task = %claimed.task.id, "a task waits for another attempt");
            return wait(app).await;
        }
        tokio::time::sleep(BUSY_PAUSE).await;
    };
    let mut used = UsageBatch::default();
    let outcome = match outcome {
        Ok((result, model_use)) => {
            let today = OffsetDateTime::now_utc().date();
            used.add(&claimed.scope, today, model_use.counts());
            Ok(result)
        }
        Err(error) => {
            tracing::info!(task = %claimed.task.id, cause = ?error.cause, "a task failed");
            Err(error.message)
        }
    };
    let store = app.store.clone();
    if let Err(error) =
        blocking(move || store.finish_task_and_count(&claimed, outcome, &used)).await
    {
        tracing::error!(cause = ?error.cause, "the result of a task could not be stored");
    }
}

async fn embed_picture(app: &App, claimed: &ClaimedTask) -> ApiResult<(Value, ModelUse)> {
    let request: StoredRequest =
        serde_json::from_value(claimed.task.request.clone()).map_err(ApiError::internal)?;
    let model = embed::plan::model(&app.models, Some(&claimed.task.model_name))?;
    let origin = match request.source {
        StoredSource::Asset { id, .. } => AssetId::parse(&id).map(Origin::Asset),
        StoredSource::Url { url } => Some(Origin::Url(url)),
        StoredSource::Inline => claimed.input.clone().map(Origin::Bytes),
    };
    let origin = origin.ok_or_else(|| ApiError::internal("a task without its picture"))?;
    let field = SourceField::Object("image.media_source".to_owned());
    let source = Source { field, origin };
    let mut plan = EmbedPlan::of_one_picture(&model, request.dimension, source)?;
    let outcome = embed::execute(app, &claimed.scope, &mut plan).await?;
    let used = outcome.used;
    let result = TaskResult {
        data: vec![EmbeddingItem::visual_asset(outcome.vector)],
        usage: embed::render::usage(&plan, outcome.image_tokens),
        space: model.space.to_string(),
    };
    let result = serde_json::to_value(result).map_err(ApiError::internal)?;
    Ok((result, used))
}
