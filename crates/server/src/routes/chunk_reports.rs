//! `POST /assets/multipart-uploads/{upload_id}`: chunks that were sent; the last report makes the
//! asset.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use http::Request;
use onespace_store::{AssetMethod, NewAsset, OwnerScope, PartReport, ReportOutcome, Upload};
use onespace_wire::error_code::ErrorBody;
use onespace_wire::multipart_uploads::{CompletedChunk, ReportChunksRequest, ReportedChunks};

use super::multipart_uploads::{PARTS_PER_CALL_MAX, find, in_range, not_active};
use crate::app::App;
use crate::asset_intake::{self, IncomingFile};
use crate::body::read_json;
use crate::embed::plan::refuse_unknown;
use crate::error::{ApiError, ApiResult, blocking};
use crate::middleware::authenticate::Owner;
use crate::path_segment::PathSegment;

/// Takes note of chunks that were sent; the last report makes the asset.
#[utoipa::path(
    post, path = "/assets/multipart-uploads/{upload_id}", tag = "uploads",
    operation_id = "report_chunks",
    params(("upload_id" = String, Path, description = "The id of the upload")),
    request_body = ReportChunksRequest,
    responses(
        (status = 200, description = "What was noted; `url` once complete", body = ReportedChunks),
        (status = 400, description = "A wrong proof, or not a picture", body = ErrorBody),
        (status = 401, description = "No valid API key", body = ErrorBody),
        (status = 404, description = "No such upload", body = ErrorBody),
    ),
    security(("api_key" = []))
)]
pub(crate) async fn report_chunks(
    State(app): State<App>,
    Owner(scope): Owner,
    PathSegment(id): PathSegment,
    request: Request<Body>,
) -> ApiResult<Json<ReportedChunks>> {
    let upload = find(&app, &scope, &id).await?;
    let body = read_json::<ReportChunksRequest>(&app, request).await?.value;
    refuse_unknown("", &body.unknown)?;
    let reports = reports(&upload, body.completed_chunks.unwrap_or_default())?;
    let (store, owner, upload_id) = (app.store.clone(), scope.clone(), upload.id.clone());
    let outcome = blocking(move || store.report_parts(&owner, &upload_id, &reports)).await?;
    let (processed_chunks, duplicate_chunks, total_completed) = accepted(&upload, outcome)?;
    let complete = total_completed == upload.total_chunks;
    if complete && upload.status == onespace_store::UploadStatus::Active {
        assemble(&app, &scope, &upload).await?;
    }
    let asset_id = upload.asset_id.as_str().to_owned();
    let url = complete.then(|| format!("{}/v1.3/assets/{asset_id}", app.public_url));
    Ok(Json(ReportedChunks { processed_chunks, duplicate_chunks, total_completed, asset_id, url }))
}

fn reports(upload: &Upload, chunks: Vec<CompletedChunk>) -> ApiResult<Vec<PartReport>> {
    if chunks.is_empty() {
        return Err(ApiError::missing("completed_chunks"));
    }
    if chunks.len() > PARTS_PER_CALL_MAX as usize {
        let what =
            format!("has {} entries; at most {PARTS_PER_CALL_MAX} are allowed.", chunks.len());
        return Err(ApiError::invalid("completed_chunks", what));
    }
    chunks.into_iter().enumerate().map(|(index, chunk)| report(upload, index, chunk)).collect()
}

fn report(upload: &Upload, index: usize, chunk: CompletedChunk) -> ApiResult<PartReport> {
    let field = format!("completed_chunks[{index}]");
    refuse_unknown(&field, &chunk.unknown)?;
    let chunk_index =
        in_range(&format!("{field}.chunk_index"), chunk.chunk_index, upload.total_chunks)?;
    let proof = chunk.proof.filter(|proof| !proof.is_empty());
    let proof = proof.ok_or_else(|| ApiError::missing(&format!("{field}.proof")))?;
    if chunk.proof_type.is_some_and(|kind| kind != "etag") {
        return Err(ApiError::invalid(&format!("{field}.proof_type"), "must be `etag`."));
    }
    let bytes = upload.chunk_bytes(chunk_index);
    if chunk.chunk_size.is_some_and(|size| u64::try_from(size) != Ok(bytes)) {
        let what = format!("must be {bytes}, the size of that chunk.");
        return Err(ApiError::invalid(&format!("{field}.chunk_size"), what));
    }
    Ok(PartReport { chunk_index, proof })
}

fn accepted(upload: &Upload, outcome: ReportOutcome) -> ApiResult<(u32, u32, u32)> {
    match outcome {
        ReportOutcome::Accepted { processed, duplicates, total_completed } => {
            Ok((processed, duplicates, total_completed))
        }
        ReportOutcome::UnknownPart(index) => Err(ApiError::invalid(
            "completed_chunks",
            format_args!("names chunk {index}, which has not been sent."),
        )),
        ReportOutcome::WrongProof(index) => Err(ApiError::invalid(
            "completed_chunks",
            format_args!("has a `proof` for chunk {index} that is not its ETag. Send it again."),
        )),
        ReportOutcome::NotActive => Err(not_active(upload)),
    }
}

/// Puts the chunks together and makes the asset; a file that is no picture ends the upload.
async fn assemble(app: &App, scope: &OwnerScope, upload: &Upload) -> ApiResult<()> {
    let (store, owner, id) = (app.store.clone(), scope.clone(), upload.id.clone());
    let blob = blocking(move || store.assemble_upload(&owner, &id)).await?;
    let filename = Some(upload.filename.clone());
    let file = IncomingFile { field: "completed_chunks", filename, blob };
    let (store, owner, id) = (app.store.clone(), scope.clone(), upload.id.clone());
    match asset_intake::examine(app, file).await {
        Ok((blob, new)) => {
            let new = NewAsset {
                id: Some(upload.asset_id.clone()),
                method: AssetMethod::Multipart,
                user_metadata: upload.user_metadata.clone(),
                ..new
            };
            blocking(move || store.complete_upload(&owner, &id, new, blob)).await.map(drop)
        }
        Err(error) if error.code.status() < 500 => {
            blocking(move || store.fail_upload(&owner, &id)).await?;
            Err(error)
        }
        Err(error) => Err(error),
    }
}
