//! `PUT /_upload/{token}`: one chunk, to a URL that authorises itself.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Request, StatusCode, header};
use onespace_store::{PartPass, StagedBlob};
use onespace_wire::error_code::{ErrorBody, ErrorCode};

use crate::app::App;
use crate::asset_intake::append;
use crate::body::{declared_length, next_data};
use crate::error::{ApiError, ApiResult, blocking};
use crate::pace::Pace;
use crate::path_segment::PathSegment;

/// Takes one chunk; sending the same chunk again replaces it.
#[utoipa::path(
    put, path = "/_upload/{token}", tag = "uploads", operation_id = "put_chunk",
    params(("token" = String, Path, description = "From an upload's `upload_urls`")),
    request_body(content_type = "application/octet-stream", content = String,
        description = "The bytes of the chunk"),
    responses(
        (status = 200, description = "Stored; the `etag` header is the proof for the report"),
        (status = 400, description = "Not the size of the chunk", body = ErrorBody),
        (status = 403, description = "The URL is wrong or has expired", body = ErrorBody),
        (status = 413, description = "Longer than the chunk", body = ErrorBody),
    ),
)]
pub(crate) async fn put_chunk(
    State(app): State<App>,
    PathSegment(token): PathSegment,
    request: Request<Body>,
) -> ApiResult<Response> {
    let store = app.store.clone();
    let pass = blocking(move || store.verify_part(&token)).await?.ok_or_else(|| {
        let message = "The upload URL is wrong or has expired. Ask for a new one.";
        ApiError::new(ErrorCode::PartUrlInvalid, message)
    })?;
    let ticket = app.usage.ticket(pass.scope().clone());
    let response = receive_chunk(&app, pass, request).await.into_response();
    ticket.settle(&response).await;
    Ok(response)
}

async fn receive_chunk(app: &App, pass: PartPass, request: Request<Body>) -> ApiResult<Response> {
    let (head, body) = request.into_parts();
    if declared_length(&head.headers).is_some_and(|length| length > pass.bytes_max()) {
        return Err(too_long(&pass));
    }
    let blob = receive(app, body, &pass).await?;
    if blob.len() != pass.bytes_max() {
        let message = format!(
            "Chunk {} must have {} bytes; {} arrived. Send it again.",
            pass.chunk_index(),
            pass.bytes_max(),
            blob.len()
        );
        return Err(ApiError::new(ErrorCode::ParameterInvalid, message));
    }
    let store = app.store.clone();
    let etag = blocking(move || store.put_part(&pass, blob)).await?;
    let mut response = StatusCode::OK.into_response();
    let quoted = HeaderValue::from_str(&format!("\"{etag}\"")).map_err(ApiError::internal)?;
    response.headers_mut().insert(header::ETAG, quoted);
    Ok(response)
}

async fn receive(app: &App, mut body: Body, pass: &PartPass) -> ApiResult<StagedBlob> {
    let (store, bytes_max) = (app.store.clone(), pass.bytes_max());
    let mut writer = blocking(move || store.stage_blob(bytes_max)).await?;
    let mut received = 0;
    let mut pace = Pace::new(&app.settings.limits);
    while let Some(data) = next_data(&mut pace, &mut body).await? {
        received += data.len() as u64;
        if received > bytes_max {
            return Err(too_long(pass));
        }
        writer = blocking(move || append(writer, &data)).await?;
    }
    blocking(move || writer.finish()).await
}

fn too_long(pass: &PartPass) -> ApiError {
    let message =
        format!("Chunk {} must have {} bytes, not more.", pass.chunk_index(), pass.bytes_max());
    ApiError::new(ErrorCode::ContentTooLarge, message)
}
