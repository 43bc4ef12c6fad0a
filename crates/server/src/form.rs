//! Reading `multipart/form-data`: small text fields in memory, one file straight to the disk.

use axum::body::Body;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest, Multipart};
use http::{Request, header};
use onespace_store::StagedBlob;
use onespace_wire::error_code::ErrorCode;
use std::collections::BTreeMap;

use crate::app::App;
use crate::asset_intake::append;
use crate::body::{declared_length, refuse_encoded};
use crate::error::{ApiError, ApiResult, blocking};
use crate::pace::{Pace, TooSlow};

/// The fields of a form, and its one file.
pub(crate) struct Form {
    fields: BTreeMap<String, String>,
    /// The file, synced to the disk.
    pub(crate) file: Option<FormFile>,
}

/// A file that came in a form.
pub(crate) struct FormFile {
    /// The name that the client gave it.
    pub(crate) filename: Option<String>,
    /// Its bytes.
    pub(crate) blob: StagedBlob,
}

/// What a route's form may hold.
pub(crate) struct FormShape {
    /// The names of the text fields.
    pub(crate) fields: &'static [&'static str],
    /// The name of the file field.
    pub(crate) file: &'static str,
}

impl FormShape {
    /// The names of all fields.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.fields.iter().copied().chain([self.file])
    }
}

impl Form {
    /// The value of a field; empty values count as absent.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// Reads the form of `request`.
///
/// # Errors
///
/// `content_type_invalid` for any other body, `parameter_unknown` for a field that the route does
/// not have, 413 for a file above the limit, `parameter_invalid` for malformed or repeated fields.
pub(crate) async fn read_form(
    app: &App,
    request: Request<Body>,
    shape: &FormShape,
) -> ApiResult<Form> {
    let body_bytes_max = body_bytes_max(app);
    if declared_length(request.headers()).is_some_and(|length| length > body_bytes_max) {
        return Err(file_too_large(shape.file, app.settings.decode.image_bytes_max));
    }
    refuse_encoded(request.headers())?;
    let mut multipart = open(request).await?;
    let mut form = Form { fields: BTreeMap::new(), file: None };
    let mut field_bytes = 0;
    let mut pace = Pace::new(&app.settings.limits);
    for _ in 0..app.settings.limits.form_parts_max {
        let Some(field) = within_pace(&mut pace, multipart.next_field()).await? else {
            return Ok(form);
        };
        let name = field.name().filter(|name| !name.is_empty()).map(str::to_owned);
        let name = name.ok_or_else(|| {
            let message = "A part of the form has no name. Give each part a `name`.";
            ApiError::new(ErrorCode::ParameterInvalid, message)
        })?;
        if name == shape.file {
            refuse_repeated(&name, form.file.is_some())?;
            form.file = Some(read_file(app, &mut pace, &name, field).await?);
        } else if shape.fields.contains(&name.as_str()) {
            refuse_repeated(&name, form.fields.contains_key(&name))?;
            let value = read_text(app, &mut pace, (&name, field), &mut field_bytes).await?;
            form.fields.insert(name, value);
        } else {
            return Err(unknown_field(&name));
        }
    }
    let parts_max = app.settings.limits.form_parts_max;
    let message = format!("The form has more than {parts_max} parts.");
    Err(ApiError::new(ErrorCode::ParameterInvalid, message))
}

/// The largest form: its file, its text, and the lines around each part.
fn body_bytes_max(app: &App) -> u64 {
    const LINES_AROUND_A_PART_BYTES: usize = 4 << 10;
    let limits = &app.settings.limits;
    let text = limits.form_field_bytes_max + limits.form_parts_max * LINES_AROUND_A_PART_BYTES;
    app.settings.decode.image_bytes_max + text as u64
}

async fn open(request: Request<Body>) -> ApiResult<Multipart> {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !content_type.to_ascii_lowercase().starts_with("multipart/form-data") {
        let message = "This route takes a form: send `Content-Type: multipart/form-data`.";
        return Err(ApiError::new(ErrorCode::ContentTypeInvalid, message));
    }
    Multipart::from_request(request, &()).await.map_err(|rejection| {
        let message = "The `Content-Type` of the form has no usable `boundary`.";
        ApiError::new(ErrorCode::ContentTypeInvalid, message).caused_by(rejection)
    })
}

/// Waits for the next piece of the form, within its pace.
async fn within_pace<T>(
    pace: &mut Pace,
    next: impl Future<Output = Result<T, MultipartError>>,
) -> ApiResult<T> {
    let next = pace.within(next).await.map_err(|TooSlow| {
        // Not 408: neither SDK can repeat a form, and Node would hide the reason.
        let message = "The form arrived too slowly. Send it again without pauses.";
        ApiError::new(ErrorCode::ParameterInvalid, message)
    })?;
    next.map_err(|error| {
        let message = "The form ended early or is not well-formed.";
        ApiError::new(ErrorCode::ParameterInvalid, message).caused_by(error)
    })
}

async fn read_text(
    app: &App,
    pace: &mut Pace,
    (name, mut field): (&str, Field<'_>),
    field_bytes: &mut usize,
) -> ApiResult<String> {
    let bytes_max = app.settings.limits.form_field_bytes_max;
    let mut value = Vec::new();
    while let Some(chunk) = within_pace(pace, field.chunk()).await? {
        pace.received(chunk.len());
        *field_bytes += chunk.len();
        if *field_bytes > bytes_max {
            let what = format!("makes the form's text longer than {} KiB.", bytes_max >> 10);
            return Err(ApiError::invalid(name, what));
        }
        value.extend_from_slice(&chunk);
    }
    String::from_utf8(value).map_err(|_| ApiError::invalid(name, "is not UTF-8 text."))
}

async fn read_file(
    app: &App,
    pace: &mut Pace,
    name: &str,
    mut field: Field<'_>,
) -> ApiResult<FormFile> {
    let filename = field.file_name().map(str::to_owned);
    let bytes_max = app.settings.decode.image_bytes_max;
    let store = app.store.clone();
    let mut writer = blocking(move || store.stage_blob(bytes_max)).await?;
    let mut received = 0;
    while let Some(chunk) = within_pace(pace, field.chunk()).await? {
        pace.received(chunk.len());
        received += chunk.len() as u64;
        if received > bytes_max {
            return Err(file_too_large(name, bytes_max));
        }
        writer = blocking(move || append(writer, &chunk)).await?;
    }
    let blob = blocking(move || writer.finish()).await?;
    Ok(FormFile { filename, blob })
}

/// The file in `field` is above the limit.
pub(crate) fn file_too_large(field: &str, bytes_max: u64) -> ApiError {
    let message = format!("`{field}` is larger than {} MiB.", bytes_max >> 20);
    ApiError::new(ErrorCode::ContentTooLarge, message)
}

fn refuse_repeated(name: &str, repeated: bool) -> ApiResult<()> {
    if repeated { Err(ApiError::invalid(name, "is given twice.")) } else { Ok(()) }
}

fn unknown_field(name: &str) -> ApiError {
    let name: String = name.chars().take(64).collect();
    let message = format!("`{name}` is not a parameter of this call. Remove it.");
    ApiError::new(ErrorCode::ParameterUnknown, message)
}
