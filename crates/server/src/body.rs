//! Reading a JSON body: content type, size, memory for all bodies together, pace, and shape.

use axum::body::Body;
use http::{HeaderMap, Request, header};
use http_body_util::BodyExt;
use onespace_wire::error_code::ErrorCode;
use serde::de::DeserializeOwned;
use tokio::sync::OwnedSemaphorePermit;

use crate::app::App;
use crate::error::{ApiError, ApiResult, blocking};
use crate::pace::{Pace, TooSlow};

/// Larger bodies are parsed off the async threads, in bytes.
const PARSED_AT_ONCE_BYTES_MAX: usize = 256 << 10;

/// A parsed body, and the memory that it was granted until it is dropped.
pub(crate) struct JsonBody<T> {
    pub(crate) value: T,
    /// Held as long as strings of the body (pictures in base64) may be alive.
    pub(crate) memory: MemoryGrant,
}

/// A share of the memory for JSON bodies.
#[derive(Default)]
pub(crate) struct MemoryGrant(Vec<OwnedSemaphorePermit>);

/// Reads and parses the JSON body of `request`.
///
/// # Errors
///
/// `content_type_invalid`, 413 before anything is read when the declared length is above the cap,
/// 413 while reading, 429 when the memory for bodies is used up, 408 after a long silence, and
/// `parameter_invalid` naming the place for malformed JSON or a wrong type.
pub(crate) async fn read_json<T: DeserializeOwned + Send + 'static>(
    app: &App,
    request: Request<Body>,
) -> ApiResult<JsonBody<T>> {
    let bytes_max = app.settings.limits.json_body_bytes_max;
    read_json_within(app, request, bytes_max).await
}

/// As [`read_json`], with a limit of the route's own, in bytes.
pub(crate) async fn read_json_within<T: DeserializeOwned + Send + 'static>(
    app: &App,
    request: Request<Body>,
    bytes_max: usize,
) -> ApiResult<JsonBody<T>> {
    let (head, body) = request.into_parts();
    require_json(&head.headers)?;
    refuse_encoded(&head.headers)?;
    if declared_length(&head.headers).is_some_and(|length| length > bytes_max as u64) {
        return Err(body_too_large(bytes_max));
    }
    let mut memory = MemoryGrant::default();
    let bytes = read_capped(app, body, bytes_max, &mut memory).await?;
    let value = if bytes.len() > PARSED_AT_ONCE_BYTES_MAX {
        blocking(move || parse(&bytes)).await?
    } else {
        parse(&bytes)?
    };
    Ok(JsonBody { value, memory })
}

fn require_json(headers: &HeaderMap) -> ApiResult<()> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let message = "This route takes a JSON body: send `Content-Type: application/json`.";
    Err(ApiError::new(ErrorCode::ContentTypeInvalid, message))
}

/// Bodies come as they are.
pub(crate) fn refuse_encoded(headers: &HeaderMap) -> ApiResult<()> {
    match headers.get(header::CONTENT_ENCODING) {
        None => Ok(()),
        Some(encoding) if encoding.as_bytes().eq_ignore_ascii_case(b"identity") => Ok(()),
        Some(_) => {
            let message = "Compressed bodies are not read: send it without `Content-Encoding`.";
            Err(ApiError::new(ErrorCode::ContentTypeInvalid, message))
        }
    }
}

/// The declared length of a body, when there is one.
pub(crate) fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

pub(crate) fn body_too_large(bytes_max: usize) -> ApiError {
    if bytes_max < 1 << 20 {
        let message = format!("The body is larger than {} KiB.", bytes_max >> 10);
        return ApiError::new(ErrorCode::ContentTooLarge, message);
    }
    let message = format!(
        "The body is larger than {} MiB. Upload large pictures as assets and name them by id.",
        bytes_max >> 20
    );
    ApiError::new(ErrorCode::ContentTooLarge, message)
}

async fn read_capped(
    app: &App,
    mut body: Body,
    bytes_max: usize,
    memory: &mut MemoryGrant,
) -> ApiResult<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut pace = Pace::new(&app.settings.limits);
    while let Some(data) = next_data(&mut pace, &mut body).await? {
        if bytes.len() + data.len() > bytes_max {
            return Err(body_too_large(bytes_max));
        }
        memory.extend_to(app, bytes.len() + data.len())?;
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

/// The next piece of a body, within its pace.
pub(crate) async fn next_data(pace: &mut Pace, body: &mut Body) -> ApiResult<Option<bytes::Bytes>> {
    loop {
        let frame = pace.within(body.frame()).await.map_err(|TooSlow| {
            let message = "The body arrived too slowly. Send it again without pauses.";
            ApiError::new(ErrorCode::RequestTimeout, message)
        })?;
        match frame {
            None => return Ok(None),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    pace.received(data.len());
                    return Ok(Some(data));
                }
            }
            Some(Err(error)) => {
                let message = "The body ended early or is not well-formed HTTP.";
                return Err(ApiError::new(ErrorCode::ParameterInvalid, message).caused_by(error));
            }
        }
    }
}

impl MemoryGrant {
    /// Memory is granted in steps of this many KiB, so that small bodies take few permits.
    const STEP_KIB: usize = 64;

    /// Grows the grant to `bytes`, or says that the server is busy.
    fn extend_to(&mut self, app: &App, bytes: usize) -> ApiResult<()> {
        let held: usize = self.0.iter().map(OwnedSemaphorePermit::num_permits).sum();
        let wanted = bytes.div_ceil(Self::STEP_KIB << 10) * Self::STEP_KIB;
        if wanted <= held {
            return Ok(());
        }
        let more = u32::try_from(wanted - held).unwrap_or(u32::MAX);
        let budget = std::sync::Arc::clone(&app.body_budget_kib);
        let permit = budget.try_acquire_many_owned(more).map_err(|_| ApiError::busy(2))?;
        self.0.push(permit);
        Ok(())
    }
}

/// Parses JSON; the message of a fault names the place and what belongs there.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> ApiResult<T> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| shape_fault(&error))?;
    json.end().map_err(|error| malformed(&error))?;
    Ok(value)
}

fn shape_fault(error: &serde_path_to_error::Error<serde_json::Error>) -> ApiError {
    let inner = error.inner();
    if !inner.is_data() {
        return malformed(inner);
    }
    let path = error.path().to_string();
    let field = if path == "." { "the body" } else { &path };
    // serde's sentence is a fixed form: "invalid type: integer `3`, expected a string at line ...".
    let text = inner.to_string();
    let between = |before: &str, after: &str| {
        let rest = text.split_once(before)?.1;
        Some(rest.split(after).next().unwrap_or(rest).to_owned())
    };
    if let Some(name) = between("duplicate field `", "`") {
        let field = if path == "." { name } else { format!("{path}.{name}") };
        return ApiError::invalid(&field, "is given twice.");
    }
    if let Some(name) = between("missing field `", "`") {
        return ApiError::missing(&if path == "." { name } else { format!("{path}.{name}") });
    }
    match between("expected ", " at line") {
        Some(expected) => ApiError::invalid(field, format_args!("must be {}.", plain(&expected))),
        None => ApiError::invalid(field, "has a value of the wrong type."),
    }
}

/// serde's name of a type, in words for someone who does not write Rust.
fn plain(expected: &str) -> &str {
    match expected {
        "i64" | "u32" | "u64" => "a whole number",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "an object",
        text if text.starts_with("struct") || text.starts_with("internally") => "an object",
        text if text.starts_with("option") => "a value of the documented type",
        text => text,
    }
}

fn malformed(error: &serde_json::Error) -> ApiError {
    let text = error.to_string();
    let fault = if text.contains("recursion limit") {
        "is nested too deeply"
    } else if text.contains("number out of range") {
        "has a number that is out of range"
    } else {
        "is not valid JSON"
    };
    let (line, column) = (error.line(), error.column());
    let message = format!("The body {fault}: look at line {line}, column {column}.");
    ApiError::new(ErrorCode::ParameterInvalid, message)
}

#[cfg(test)]
mod tests {
    use onespace_wire::embed_v2::EmbedRequest;

    use super::*;

    #[test]
    fn faults_name_their_place_and_the_type_that_belongs_there() {
        let cases = [
            ("{", "not valid JSON"),
            ("", "not valid JSON"),
            ("{} x", "not valid JSON"),
            (r#"{"input_type": 3}"#, "`input_type` must be a string."),
            (r#"[]"#, "must be an object"),
            (r#""text""#, "must be an object"),
            (r#"{"text": "hello"}"#, "`text` must be an object."),
            (r#"{"auto_truncate": "yes"}"#, "`auto_truncate` must be true or false."),
            (r#"{"embedding_dimension": "big"}"#, "`embedding_dimension` must be a whole number."),
            (
                r#"{"multi_input": {"media_sources": {}}}"#,
                "`multi_input.media_sources` must be a list",
            ),
            (
                r#"{"multi_input": {"media_sources": [{"url": 1}]}}"#,
                "`multi_input.media_sources[0].url` must be a string.",
            ),
            (r#"{"text": {}, "text": {}}"#, "`text` is given twice"),
            (r#"{"text": {"input_text": "a", "input_text": "b"}}"#, "`text.input_text` is given"),
            (r#"{"embedding_dimension": 1e999}"#, "out of range"),
        ];
        let mut wrong = Vec::new();
        for (body, expected) in cases {
            let message = match parse::<EmbedRequest>(body.as_bytes()) {
                Ok(_) => "no fault".to_owned(),
                Err(error) => error.message,
            };
            if !message.contains(expected) {
                wrong.push(format!("{body}: {message} (expected {expected})"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
