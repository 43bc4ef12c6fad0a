//! `/assets`: create, list, retrieve, delete.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{Request, StatusCode, Uri};
use onespace_store::{Asset as StoredAsset, AssetFilter, AssetId, AssetMethod, NewAsset};
use onespace_wire::assets::{Asset, AssetDetail};
use onespace_wire::error_code::{ErrorBody, ErrorCode};
use onespace_wire::page::{Page, PageInfo};

use crate::app::App;
use crate::asset_intake::{self, IncomingFile};
use crate::error::{ApiError, ApiResult, blocking};
use crate::form::{Form, FormShape, read_form};
use crate::media_memory;
use crate::middleware::authenticate::Owner;
use crate::path_segment::PathSegment;
use crate::query::Query;

pub(crate) const FORM: FormShape = FormShape {
    fields: &["method", "url", "filename", "enable_hls", "enable_thumbnail", "user_metadata"],
    file: "file",
};

/// Uploads a picture (`method=direct`) or takes it from a link (`method=url`).
#[utoipa::path(
    post, path = "/assets", tag = "assets", operation_id = "create_asset",
    request_body(content_type = "multipart/form-data", content = String,
        description = "`method` (`direct` or `url`), `file` or `url`, and optionally `filename`, \
        `user_metadata` (a JSON object as text), `enable_hls` and `enable_thumbnail` (without \
        effect on pictures)"),
    responses(
        (status = 201, description = "The asset, ready to be used", body = Asset),
        (status = 400, description = "A parameter or a file that cannot be used", body = ErrorBody),
        (status = 401, description = "No valid API key", body = ErrorBody),
        (status = 413, description = "The file is too large", body = ErrorBody),
        (status = 507, description = "The server's disk is full", body = ErrorBody),
    ),
    security(("api_key" = []))
)]
pub(crate) async fn create_asset(
    State(app): State<App>,
    Owner(scope): Owner,
    request: Request<Body>,
) -> ApiResult<Response> {
    let mut form = read_form(&app, request, &FORM).await?;
    let method = method(&form)?;
    for flag in ["enable_hls", "enable_thumbnail"] {
        check_flag(flag, form.field(flag))?;
    }
    let user_metadata = asset_intake::parse_user_metadata(form.field("user_metadata"))?;
    let filename = asset_intake::check_filename(form.field("filename"))?;
    let file = match method {
        AssetMethod::Url => fetched_file(&app, &form).await?,
        _ => uploaded_file(&mut form)?,
    };
    let file = IncomingFile { filename: filename.or(file.filename), ..file };
    let (file, new) = asset_intake::examine(&app, file).await?;
    let new = NewAsset { method, user_metadata, ..new };
    let store = app.store.clone();
    let asset = blocking(move || store.create_asset(&scope, new, file)).await?;
    Ok((StatusCode::CREATED, Json(brief(asset))).into_response())
}

fn method(form: &Form) -> ApiResult<AssetMethod> {
    match form.field("method") {
        Some("direct") => Ok(AssetMethod::Direct),
        Some("url") => Ok(AssetMethod::Url),
        Some(_) => Err(ApiError::invalid("method", "must be `direct` or `url`.")),
        None => Err(ApiError::missing("method")),
    }
}

fn check_flag(name: &str, value: Option<&str>) -> ApiResult<()> {
    match value {
        None | Some("true" | "false") => Ok(()),
        Some(_) => Err(ApiError::invalid(name, "must be `true` or `false`.")),
    }
}

fn uploaded_file(form: &mut Form) -> ApiResult<IncomingFile> {
    let file = form.file.take().ok_or_else(|| ApiError::missing("file"))?;
    Ok(IncomingFile { field: "file", filename: file.filename, blob: file.blob })
}

async fn fetched_file(app: &App, form: &Form) -> ApiResult<IncomingFile> {
    let url = form.field("url").ok_or_else(|| ApiError::missing("url"))?;
    let _place = app.media_memory.place(media_memory::Origin::Network).await?;
    let fetched = crate::embed::fetch::fetch(app, "url", url).await?;
    let blob = asset_intake::stage(app, fetched.bytes).await?;
    Ok(IncomingFile { field: "url", filename: fetched.filename, blob })
}

/// Lists the account's assets, newest first.
#[utoipa::path(
    get, path = "/assets", tag = "assets", operation_id = "list_assets",
    params(
        ("page" = Option<u32>, Query, description = "From 1; a page past the end is empty"),
        ("page_limit" = Option<u32>, Query, description = "1 to 50, default 10"),
        ("asset_ids" = Option<Vec<String>>, Query, description = "Only these; repeat the parameter"),
        ("asset_types" = Option<Vec<String>>, Query, description = "`image`, `video`, `audio`, `document`"),
        ("filename" = Option<String>, Query, description = "Part of the name, in any case"),
    ),
    responses(
        (status = 200, description = "A page of assets", body = Page<Asset>),
        (status = 400, description = "A parameter that cannot be used", body = ErrorBody),
        (status = 401, description = "No valid API key", body = ErrorBody),
    ),
    security(("api_key" = []))
)]
pub(crate) async fn list_assets(
    State(app): State<App>,
    Owner(scope): Owner,
    uri: Uri,
) -> ApiResult<Json<Page<Asset>>> {
    const KNOWN: [&str; 5] = ["page", "page_limit", "asset_ids", "asset_types", "filename"];
    let query = Query::of(&uri, &KNOWN)?;
    let page = query.page()?;
    let types: Vec<String> = query.all("asset_types").map(str::to_owned).collect();
    if types.iter().any(|name| !["image", "video", "audio", "document"].contains(&name.as_str())) {
        let what = "must be `image`, `video`, `audio` or `document`.";
        return Err(ApiError::invalid("asset_types", what));
    }
    let filter = AssetFilter {
        ids: query.all("asset_ids").map(str::to_owned).collect(),
        types,
        filename: query.last("filename").map(str::to_owned),
    };
    let store = app.store.clone();
    let found = blocking(move || store.list_assets(&scope, &filter, page)).await?;
    let page_info = PageInfo::new(page.page, page.page_limit, found.total);
    Ok(Json(Page { data: found.items.into_iter().map(detailed).collect(), page_info }))
}

/// Retrieves one asset.
#[utoipa::path(
    get, path = "/assets/{asset_id}", tag = "assets", operation_id = "retrieve_asset",
    params(("asset_id" = String, Path, description = "The id of the asset")),
    responses(
        (status = 200, description = "The asset", body = Asset),
        (status = 400, description = "Not an id", body = ErrorBody),
        (status = 401, description = "No valid API key", body = ErrorBody),
        (status = 404, description = "No such asset", body = ErrorBody),
    ),
    security(("api_key" = []))
)]
pub(crate) async fn retrieve_asset(
    State(app): State<App>,
    Owner(scope): Owner,
    PathSegment(id): PathSegment,
) -> ApiResult<Json<Asset>> {
    let id = asset_id(&id)?;
    let (store, wanted) = (app.store.clone(), id.clone());
    let asset = blocking(move || store.asset(&scope, &wanted)).await?;
    asset.map(|asset| Json(detailed(asset))).ok_or_else(|| no_such_asset(&id))
}

/// Deletes one asset.
#[utoipa::path(
    delete, path = "/assets/{asset_id}", tag = "assets", operation_id = "delete_asset",
    params(
        ("asset_id" = String, Path, description = "The id of the asset"),
        ("force" = Option<bool>, Query, description = "Accepted; nothing refers to assets yet"),
    ),
    responses(
        (status = 204, description = "Deleted"),
        (status = 400, description = "Not an id", body = ErrorBody),
        (status = 401, description = "No valid API key", body = ErrorBody),
        (status = 404, description = "No such asset", body = ErrorBody),
    ),
    security(("api_key" = []))
)]
pub(crate) async fn delete_asset(
    State(app): State<App>,
    Owner(scope): Owner,
    PathSegment(id): PathSegment,
    uri: Uri,
) -> ApiResult<StatusCode> {
    Query::of(&uri, &["force"])?.flag("force")?;
    let id = asset_id(&id)?;
    let (store, wanted) = (app.store.clone(), id.clone());
    let deleted = blocking(move || store.delete_asset(&scope, &wanted)).await?;
    if deleted { Ok(StatusCode::NO_CONTENT) } else { Err(no_such_asset(&id)) }
}

/// The id in a path.
pub(crate) fn asset_id(text: &str) -> ApiResult<AssetId> {
    AssetId::parse(text).ok_or_else(|| {
        ApiError::invalid("asset_id", "must be 24 hexadecimal digits in lower case.")
    })
}

/// Never existed, deleted, or someone else's: all the same.
pub(crate) fn no_such_asset(id: &AssetId) -> ApiError {
    ApiError::new(ErrorCode::ResourceNotExist, format!("There is no asset `{id}`."))
}

/// An asset as creation answers it.
pub(crate) fn brief(asset: StoredAsset) -> Asset {
    Asset { detail: None, ..detailed(asset) }
}

/// An asset with all that is known of it.
pub(crate) fn detailed(asset: StoredAsset) -> Asset {
    let method = match asset.method {
        AssetMethod::Direct => "direct",
        AssetMethod::Url => "url",
        AssetMethod::Multipart => "multipart",
    };
    Asset {
        id: asset.id.as_str().to_owned(),
        method: method.to_owned(),
        status: "ready".to_owned(),
        filename: asset.filename,
        file_type: asset.file_type,
        created_at: asset.created_at,
        user_metadata: asset.user_metadata,
        detail: Some(AssetDetail {
            size: asset.size,
            sha256: asset.sha256,
            technical_metadata: asset.technical_metadata,
        }),
    }
}
