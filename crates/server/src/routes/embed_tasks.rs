//! `/embed-v2/tasks`: image embeddings in the background, stored and resumable.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Request, StatusCode, Uri, header};
use onespace_store::{OwnerScope, StagedBlob, Task, TaskFilter, TaskId, TaskStatus};
use onespace_wire::embed_tasks::{
    CreatedTask, CreatedTaskMetadata, EmbedTask, ImageEmbeddingSummary,
    ImageEmbeddingSummaryMetadata, TaskError, TaskMetadata, TaskSummary,
};
use onespace_wire::embed_v2::EmbedRequest;
use onespace_wire::error_code::{ErrorBody, ErrorCode};
use onespace_wire::page::{Page, PageInfo};
use time::{Duration, OffsetDateTime};

use crate::app::App;
use crate::body::read_json;
use crate::embed::resolve::{Located, Place, resolve};
use crate::error::{ApiError, ApiResult, blocking};
use crate::jobs::task_request::{PlannedTask, StoredRequest, StoredSource, TaskResult};
use crate::middleware::authenticate::Owner;
use crate::path_segment::PathSegment;
use crate::query::Query;

/// Days that the list goes back when it is not told otherwise, and that results are kept.
const LIST_DAYS_DEFAULT: i64 = 7;

/// Starts the embedding of a picture in the background.
#[utoipa::path(
    post, path = "/embed-v2/tasks", tag = "embed", operation_id = "create_embed_task",
    request_body = EmbedRequest,
    responses(
        (status = 202, description = "The task; its URL is in `location`", body = CreatedTask),
        (status = 400, description = "A parameter that cannot be used", body = ErrorBody),
        (status = 401, description = "No valid API key", body = ErrorBody),
        (status = 413, description = "The body or the picture is too large", body = ErrorBody),
        (status = 429, description = "The server is busy", body = ErrorBody),
    ),
    security(("api_key" = []))
)]
pub(crate) async fn create_embed_task(
    State(app): State<App>,
    Owner(scope): Owner,
    request: Request<Body>,
) -> ApiResult<Response> {
    let body = read_json::<EmbedRequest>(&app, request).await?;
    let planned = PlannedTask::of(&app, body.value)?;
    let located = resolve(&app, &scope, vec![planned.source]).await?;
    let (source, input) = stored_source(&app, located).await?;
    let request = StoredRequest { dimension: planned.dimension, source };
    let new = onespace_store::NewTask {
        model_name: planned.model.name.clone(),
        request: serde_json::to_value(&request).map_err(ApiError::internal)?,
        input,
    };
    let store = app.store.clone();
    let task = blocking(move || store.create_task(&scope, new)).await?;
    app.task_created.notify_one();
    let location = format!("{}/v1.3/embed-v2/tasks/{}", app.public_url, task.id);
    let created = CreatedTask {
        id: task.id.as_str().to_owned(),
        status: "processing".to_owned(),
        data: None,
        metadata: CreatedTaskMetadata { embedding_dimension: planned.dimension },
    };
    let mut response = (StatusCode::ACCEPTED, Json(created)).into_response();
    let location = HeaderValue::from_str(&location).map_err(ApiError::internal)?;
    response.headers_mut().insert(header::LOCATION, location);
    crate::embed::render::name_space(&mut response, &planned.model);
    Ok(response)
}

/// What the task remembers of its picture; bytes from the request go to the disk.
async fn stored_source(
    app: &App,
    located: Vec<Located>,
) -> ApiResult<(StoredSource, Option<StagedBlob>)> {
    let source = located.into_iter().next();
    let source = source.ok_or_else(|| ApiError::internal("a task without a source"))?;
    match source.place {
        Place::Stored { id, filename } => {
            Ok((StoredSource::Asset { id: id.as_str().to_owned(), filename }, None))
        }
        Place::Remote(url) => Ok((StoredSource::Url { url }, None)),
        Place::Memory(bytes) => {
            let blob = crate::asset_intake::stage(app, bytes).await?;
            Ok((StoredSource::Inline, Some(blob)))
        }
    }
}

/// Retrieves a task, with its vector when ready.
#[utoipa::path(
    get, path = "/embed-v2/tasks/{task_id}", tag = "embed", operation_id = "retrieve_embed_task",
    params(("task_id" = String, Path, description = "The id of the task")),
    responses(
        (status = 200, description = "The task", body = EmbedTask),
        (status = 400, description = "Not an id", body = ErrorBody),
        (status = 401, description = "No valid API key", body = ErrorBody),
        (status = 404, description = "No such task", body = ErrorBody),
    ),
    security(("api_key" = []))
)]
pub(crate) async fn retrieve_embed_task(
    State(app): State<App>,
    Owner(scope): Owner,
    PathSegment(id): PathSegment,
) -> ApiResult<Response> {
    let id = TaskId::parse(&id).ok_or_else(|| {
        ApiError::invalid("task_id", "must be 24 hexadecimal digits in lower case.")
    })?;
    let task = find(&app, scope, &id).await?;
    let request: StoredRequest =
        serde_json::from_value(task.request.clone()).map_err(ApiError::internal)?;
    let result: Option<TaskResult> =
        task.result.clone().map(serde_json::from_value).transpose().map_err(ApiError::internal)?;
    let (data, usage, space) = match result {
        Some(result) => (Some(result.data), Some(result.usage), Some(result.space)),
        None => (None, None, None),
    };
    let body = EmbedTask {
        id: task.id.as_str().to_owned(),
        status: task.status.as_str().to_owned(),
        created_at: task.created_at,
        updated_at: task.updated_at,
        data,
        usage,
        metadata: Some(metadata(request)),
        error: task.error.map(|message| TaskError { message }),
    };
    let mut response = Json(body).into_response();
    if let Some(space) = space.and_then(|space| HeaderValue::from_str(&space).ok()) {
        response.headers_mut().insert(crate::embed::render::SPACE, space);
    }
    Ok(response)
}

async fn find(app: &App, scope: OwnerScope, id: &TaskId) -> ApiResult<Task> {
    let (store, wanted) = (app.store.clone(), id.clone());
    let task = blocking(move || store.task(&scope, &wanted)).await?;
    task.ok_or_else(|| {
        ApiError::new(ErrorCode::ResourceNotExist, format!("There is no task `{id}`."))
    })
}

fn metadata(request: StoredRequest) -> TaskMetadata {
    let (input_url, input_filename) = match request.source {
        StoredSource::Url { url } => (Some(url), None),
        StoredSource::Asset { filename, .. } => (None, Some(filename)),
        StoredSource::Inline => (None, None),
    };
    TaskMetadata {
        input_type: "image".to_owned(),
        input_url,
        input_filename,
        embedding_options: vec!["visual".to_owned()],
        embedding_scopes: vec!["asset".to_owned()],
        embedding_dimension: request.dimension,
    }
}

/// Lists the account's tasks, newest first, without their vectors.
#[utoipa::path(
    get, path = "/embed-v2/tasks", tag = "embed", operation_id = "list_embed_tasks",
    params(
        ("page" = Option<u32>, Query, description = "From 1; a page past the end is empty"),
        ("page_limit" = Option<u32>, Query, description = "1 to 50, default 10"),
        ("status" = Option<String>, Query, description = "`processing`, `ready` or `failed`"),
        ("started_at" = Option<String>, Query, description = "Created then or later; default seven days ago"),
        ("ended_at" = Option<String>, Query, description = "Created then or earlier"),
    ),
    responses(
        (status = 200, description = "A page of tasks", body = Page<TaskSummary>),
        (status = 400, description = "A parameter that cannot be used", body = ErrorBody),
        (status = 401, description = "No valid API key", body = ErrorBody),
    ),
    security(("api_key" = []))
)]
pub(crate) async fn list_embed_tasks(
    State(app): State<App>,
    Owner(scope): Owner,
    uri: Uri,
) -> ApiResult<Json<Page<TaskSummary>>> {
    const KNOWN: [&str; 5] = ["page", "page_limit", "status", "started_at", "ended_at"];
    let query = Query::of(&uri, &KNOWN)?;
    let page = query.page()?;
    let week_ago = OffsetDateTime::now_utc() - Duration::days(LIST_DAYS_DEFAULT);
    let filter = TaskFilter {
        status: query.last("status").map(status).transpose()?,
        started_at: Some(query.time("started_at")?.unwrap_or(week_ago)),
        ended_at: query.time("ended_at")?,
    };
    let store = app.store.clone();
    let found = blocking(move || store.list_tasks(&scope, &filter, page)).await?;
    let page_info = PageInfo::new(page.page, page.page_limit, found.total);
    Ok(Json(Page { data: found.items.into_iter().map(summary).collect(), page_info }))
}

fn status(name: &str) -> ApiResult<TaskStatus> {
    match name {
        "processing" => Ok(TaskStatus::Processing),
        "ready" => Ok(TaskStatus::Ready),
        "failed" => Ok(TaskStatus::Failed),
        _ => Err(ApiError::invalid("status", "must be `processing`, `ready` or `failed`.")),
    }
}

fn summary(task: Task) -> TaskSummary {
    TaskSummary {
        id: task.id.as_str().to_owned(),
        model_name: task.model_name,
        status: task.status.as_str().to_owned(),
        created_at: task.created_at,
        updated_at: task.updated_at,
        image_embedding: ImageEmbeddingSummary {
            metadata: ImageEmbeddingSummaryMetadata {
                image_embedding_option: vec!["visual".to_owned()],
                image_embedding_scope: vec!["asset".to_owned()],
            },
        },
    }
}
