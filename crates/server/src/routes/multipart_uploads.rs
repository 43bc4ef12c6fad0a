//! `/assets/multipart-uploads`: start, list, look, ask for URLs.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{Request, StatusCode, Uri};
use onespace_store::{NewUpload, OwnerScope, Upload, UploadId};
use onespace_wire::error_code::{ErrorBody, ErrorCode};
use onespace_wire::multipart_uploads::{
    CreateUploadRequest, CreatedUpload, PresignedUrls, PresignedUrlsRequest, UploadStatus,
    UploadSummary, UploadUrl, UploadedChunk,
};
use onespace_wire::page::{Page, PageInfo};
use serde_json::Map;
use time::{Duration, OffsetDateTime};

use crate::app::App;
use crate::asset_intake::{check_filename, check_user_metadata};
use crate::body::read_json;
use crate::embed::plan::refuse_unknown;
use crate::error::{ApiError, ApiResult, blocking};
use crate::middleware::authenticate::Owner;
use crate::path_segment::PathSegment;
use crate::query::Query;

/// Most part URLs in one answer, and most chunks in one report.
pub(crate) const PARTS_PER_CALL_MAX: u32 = 50;

/// Starts an upload in chunks.
#[utoipa::path(
    post, path = "/assets/multipart-uploads", tag = "uploads", operation_id = "create_upload",
    request_body = CreateUploadRequest,
    responses(
        (status = 201, description = "The upload, with the first URLs", body = CreatedUpload),
        (status = 400, description = "A parameter that cannot be used", body = ErrorBody),
        (status = 401, description = "No valid API key", body = ErrorBody),
    ),
    security(("api_key" = []))
)]
pub(crate) async fn create_upload(
    State(app): State<App>,
    Owner(scope): Owner,
    request: Request<Body>,
) -> ApiResult<Response> {
    let body = read_json::<CreateUploadRequest>(&app, request).await?.value;
    let new = new_upload(&app, body)?;
    let (store, owner) = (app.store.clone(), scope.clone());
    let upload = blocking(move || store.create_upload(&owner, new)).await?;
    let upload_urls = part_urls(&app, &scope, &upload, 1, PARTS_PER_CALL_MAX).await?;
    let created = CreatedUpload {
        upload_id: upload.id.as_str().to_owned(),
        asset_id: upload.asset_id.as_str().to_owned(),
        upload_urls,
        upload_headers: Map::new(),
        chunk_size: upload.chunk_size,
        total_chunks: upload.total_chunks,
        expires_at: upload.expires_at,
    };
    Ok((StatusCode::CREATED, Json(created)).into_response())
}

fn new_upload(app: &App, body: CreateUploadRequest) -> ApiResult<NewUpload> {
    refuse_unknown("", &body.unknown)?;
    let present = |text: Option<String>| text.filter(|text| !text.is_empty());
    let filename = check_filename(present(body.filename).as_deref())?;
    let filename = filename.ok_or_else(|| ApiError::missing("filename"))?;
    match present(body.media_type).as_deref() {
        Some("image") => {}
        Some("video" | "audio") => {
            let what = "must be `image`: onespace embeds text and images.";
            return Err(ApiError::invalid("type", what));
        }
        Some(_) => return Err(ApiError::invalid("type", "must be `image`.")),
        None => return Err(ApiError::missing("type")),
    }
    let total_size = body.total_size.ok_or_else(|| ApiError::missing("total_size"))?;
    let total_size = u64::try_from(total_size).ok().filter(|&size| size > 0);
    let total_size =
        total_size.ok_or_else(|| ApiError::invalid("total_size", "must be at least 1."))?;
    if total_size > app.settings.decode.image_bytes_max {
        // 400, not 413: the API documents no 413 here.
        let mib = app.settings.decode.image_bytes_max >> 20;
        let what = format!("is above the limit of {mib} MiB for a picture.");
        return Err(ApiError::invalid("total_size", what));
    }
    let user_metadata = body.user_metadata.unwrap_or_default();
    check_user_metadata(&user_metadata)?;
    let limits = &app.settings.limits;
    Ok(NewUpload {
        filename,
        media_type: "image".to_owned(),
        total_size,
        chunk_size: limits.upload_chunk_bytes,
        user_metadata,
        expires_at: OffsetDateTime::now_utc() + Duration::hours(limits.upload_hours),
    })
}

/// URLs for the chunks from `start`, at most `count` and never beyond the last.
async fn part_urls(
    app: &App,
    scope: &OwnerScope,
    upload: &Upload,
    start: u32,
    count: u32,
) -> ApiResult<Vec<UploadUrl>> {
    let minutes = app.settings.limits.upload_url_minutes;
    let expires_at =
        (OffsetDateTime::now_utc() + Duration::minutes(minutes)).min(upload.expires_at);
    let last = start.saturating_add(count - 1).min(upload.total_chunks);
    let (app, scope, upload) = (app.clone(), scope.clone(), upload.clone());
    blocking(move || {
        (start..=last)
            .map(|chunk_index| {
                let token = app.store.sign_part(&scope, &upload, chunk_index, expires_at)?;
                let url = format!("{}/v1.3/_upload/{token}", app.public_url);
                Ok::<_, ApiError>(UploadUrl { chunk_index, url, expires_at })
            })
            .collect()
    })
    .await
}

/// Gives URLs for further chunks.
#[utoipa::path(
    post, path = "/assets/multipart-uploads/{upload_id}/presigned-urls", tag = "uploads",
    operation_id = "create_part_urls",
    params(("upload_id" = String, Path, description = "The id of the upload")),
    request_body = PresignedUrlsRequest,
    responses(
        (status = 200, description = "The URLs", body = PresignedUrls),
        (status = 400, description = "A parameter that cannot be used", body = ErrorBody),
        (status = 401, description = "No valid API key", body = ErrorBody),
        (status = 404, description = "No such upload", body = ErrorBody),
    ),
    security(("api_key" = []))
)]
pub(crate) async fn create_part_urls(
    State(app): State<App>,
    Owner(scope): Owner,
    PathSegment(id): PathSegment,
    request: Request<Body>,
) -> ApiResult<Json<PresignedUrls>> {
    let upload = find(&app, &scope, &id).await?;
    let body = read_json::<PresignedUrlsRequest>(&app, request).await?.value;
    refuse_unknown("", &body.unknown)?;
    let start = in_range("start", body.start, upload.total_chunks)?;
    let count = in_range("count", body.count, PARTS_PER_CALL_MAX)?;
    if upload.status != onespace_store::UploadStatus::Active {
        return Err(not_active(&upload));
    }
    let upload_urls = part_urls(&app, &scope, &upload, start, count).await?;
    let generated_at = OffsetDateTime::now_utc();
    Ok(Json(PresignedUrls {
        upload_id: upload.id.as_str().to_owned(),
        start_index: start,
        count: u32::try_from(upload_urls.len()).unwrap_or(u32::MAX),
        expires_at: upload_urls.first().map_or(upload.expires_at, |first| first.expires_at),
        upload_urls,
        generated_at,
    }))
}

/// A number from 1 to `max`.
pub(crate) fn in_range(field: &str, value: Option<i64>, max: u32) -> ApiResult<u32> {
    let value = value.ok_or_else(|| ApiError::missing(field))?;
    u32::try_from(value)
        .ok()
        .filter(|value| (1..=max).contains(value))
        .ok_or_else(|| ApiError::invalid(field, format_args!("must be from 1 to {max}.")))
}

/// The upload takes no more chunks.
pub(crate) fn not_active(upload: &Upload) -> ApiError {
    let message = format!(
        "The upload is {} and takes no more chunks. Start a new one.",
        upload.status.as_str()
    );
    ApiError::new(ErrorCode::ParameterInvalid, message)
}

/// Tells how far an upload is, chunk by chunk.
#[utoipa::path(
    get, path = "/assets/multipart-uploads/{upload_id}", tag = "uploads",
    operation_id = "retrieve_upload",
    params(
        ("upload_id" = String, Path, description = "The id of the upload"),
        ("page" = Option<u32>, Query, description = "From 1; a page past the end is empty"),
        ("page_limit" = Option<u32>, Query, description = "1 to 50, default 10"),
    ),
    responses(
        (status = 200, description = "The upload and a page of its chunks", body = UploadStatus),
        (status = 400, description = "A parameter that cannot be used", body = ErrorBody),
        (status = 401, description = "No valid API key", body = ErrorBody),
        (status = 404, description = "No such upload", body = ErrorBody),
    ),
    security(("api_key" = []))
)]
pub(crate) async fn retrieve_upload(
    State(app): State<App>,
    Owner(scope): Owner,
    PathSegment(id): PathSegment,
    uri: Uri,
) -> ApiResult<Json<UploadStatus>> {
    let page = Query::of(&uri, &["page", "page_limit"])?.page()?;
    let upload = find(&app, &scope, &id).await?;
    let (store, wanted) = (app.store.clone(), upload.id.clone());
    let (counts, parts) = blocking(move || {
        let counts = store.part_counts(&scope, &wanted)?;
        store.parts(&scope, &wanted, page).map(|parts| (counts, parts))
    })
    .await?;
    let page_info = PageInfo::new(page.page, page.page_limit, parts.total);
    let uploaded_chunks = parts.items.into_iter().map(|part| UploadedChunk {
        index: part.index,
        status: part.status.as_str().to_owned(),
        uploaded_at: part.uploaded_at,
        updated_at: part.updated_at,
    });
    Ok(Json(UploadStatus {
        upload_id: upload.id.as_str().to_owned(),
        status: upload.status.as_str().to_owned(),
        chunks_completed: counts.completed,
        chunks_failed: counts.failed,
        chunks_pending: counts.pending,
        total_size: upload.total_size,
        uploaded_size: counts.uploaded_size,
        created_at: upload.created_at,
        updated_at: upload.updated_at,
        uploaded_chunks: uploaded_chunks.collect(),
        page_info,
    }))
}

/// Lists the account's incomplete uploads.
#[utoipa::path(
    get, path = "/assets/multipart-uploads", tag = "uploads", operation_id = "list_uploads",
    params(
        ("page" = Option<u32>, Query, description = "From 1; a page past the end is empty"),
        ("page_limit" = Option<u32>, Query, description = "1 to 50, default 10"),
    ),
    responses(
        (status = 200, description = "A page of uploads", body = Page<UploadSummary>),
        (status = 400, description = "A parameter that cannot be used", body = ErrorBody),
        (status = 401, description = "No valid API key", body = ErrorBody),
    ),
    security(("api_key" = []))
)]
pub(crate) async fn list_uploads(
    State(app): State<App>,
    Owner(scope): Owner,
    uri: Uri,
) -> ApiResult<Json<Page<UploadSummary>>> {
    let page = Query::of(&uri, &["page", "page_limit"])?.page()?;
    let store = app.store.clone();
    let found = blocking(move || store.list_uploads(&scope, page)).await?;
    let page_info = PageInfo::new(page.page, page.page_limit, found.total);
    let summary = |upload: Upload| UploadSummary {
        upload_id: upload.id.as_str().to_owned(),
        status: upload.status.as_str().to_owned(),
        total_size: upload.total_size,
        chunk_size: upload.chunk_size,
        total_chunks: upload.total_chunks,
        created_at: upload.created_at,
        expires_at: upload.expires_at,
    };
    Ok(Json(Page { data: found.items.into_iter().map(summary).collect(), page_info }))
}

/// The upload with the id in the path.
pub(crate) async fn find(app: &App, scope: &OwnerScope, id: &str) -> ApiResult<Upload> {
    let id = UploadId::parse(id).ok_or_else(|| {
        ApiError::invalid("upload_id", "must be 24 hexadecimal digits in lower case.")
    })?;
    let (store, owner, wanted) = (app.store.clone(), scope.clone(), id.clone());
    let upload = blocking(move || store.upload(&owner, &wanted)).await?;
    upload.ok_or_else(|| {
        ApiError::new(ErrorCode::ResourceNotExist, format!("There is no upload `{id}`."))
    })
}
