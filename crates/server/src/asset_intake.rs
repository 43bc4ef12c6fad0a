//! What a file goes through before it becomes an asset: its name, its bytes, what they hold.

use onespace_media::ImageFacts;
use std::io::Write as _;

use onespace_store::{
    AssetMethod, BlobWriter, NewAsset, StagedBlob, StoreError, USER_METADATA_BYTES_MAX, is_shown,
};
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::error::{ApiError, ApiResult, blocking};
use crate::media_memory;

/// The longest name of a file, in characters.
pub(crate) const FILENAME_CHARS_MAX: usize = 255;

/// A file on its way in.
pub(crate) struct IncomingFile {
    /// The field that it came in, for messages.
    pub(crate) field: &'static str,
    /// The name that came with it.
    pub(crate) filename: Option<String>,
    /// Its bytes, synced to the disk.
    pub(crate) blob: StagedBlob,
}

/// Checks that the file is a picture that can be read to its end, and describes it.
///
/// # Errors
///
/// `parameter_invalid` or 413 with the reason.
pub(crate) async fn examine(app: &App, file: IncomingFile) -> ApiResult<(StagedBlob, NewAsset)> {
    let _place = app.media_memory.place(media_memory::Origin::AtHand).await?;
    let blob = file.blob;
    let (blob, bytes) = blocking(move || blob.read().map(|bytes| (blob, bytes))).await?;
    let size = bytes.len();
    if size == 0 {
        return Err(ApiError::invalid(file.field, "is empty. Send the file's bytes."));
    }
    let facts = app.decoders.examine(bytes, &app.settings.decode).await;
    let facts = facts.map_err(|error| error.into_api_error(file.field, app))?;
    let new = NewAsset {
        id: None,
        method: AssetMethod::Direct,
        filename: stored_filename(file.filename.as_deref()),
        file_type: facts.format.mime().to_owned(),
        user_metadata: Map::new(),
        technical_metadata: technical_metadata(&facts, size),
    };
    Ok((blob, new))
}

/// Writes bytes that are in memory to the disk.
pub(crate) async fn stage(app: &App, bytes: Vec<u8>) -> ApiResult<StagedBlob> {
    let (store, bytes_max) = (app.store.clone(), app.settings.decode.image_bytes_max);
    let writer = blocking(move || store.stage_blob(bytes_max)).await?;
    let writer = blocking(move || append(writer, &bytes)).await?;
    blocking(move || writer.finish()).await
}

/// Adds bytes to a file on its way in; to be called where blocking is allowed.
///
/// # Errors
///
/// Those of the store: too large, no room, a failed disk.
pub(crate) fn append(mut writer: BlobWriter, bytes: &[u8]) -> Result<BlobWriter, StoreError> {
    writer.write_all(bytes)?;
    Ok(writer)
}

/// The parameter `filename`.
pub(crate) fn check_filename(filename: Option<&str>) -> ApiResult<Option<String>> {
    match filename {
        Some(name) if name.chars().count() > FILENAME_CHARS_MAX => {
            let what = format!("must have 1 to {FILENAME_CHARS_MAX} characters.");
            Err(ApiError::invalid("filename", what))
        }
        name => Ok(name.map(str::to_owned)),
    }
}

/// A name without folders or control characters, never empty: files are stored under their id, the
/// name is only shown.
fn stored_filename(filename: Option<&str>) -> String {
    let name = filename.unwrap_or_default();
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let shown: String =
        last.chars().filter(|character| is_shown(*character)).take(FILENAME_CHARS_MAX).collect();
    match shown.as_str() {
        "" | "." | ".." => "upload".to_owned(),
        _ => shown,
    }
}

/// The parameter `user_metadata` of a form: a JSON object as text.
pub(crate) fn parse_user_metadata(text: Option<&str>) -> ApiResult<Map<String, Value>> {
    let Some(text) = text else { return Ok(Map::new()) };
    let metadata: Map<String, Value> = serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let what = format!("must be a JSON object as text; look at line {line}, column {column}.");
        ApiError::invalid("user_metadata", what)
    })?;
    check_user_metadata(&metadata)?;
    Ok(metadata)
}

/// Strings, numbers, booleans and lists of strings, within the limit on their size.
pub(crate) fn check_user_metadata(metadata: &Map<String, Value>) -> ApiResult<()> {
    let is_string = |value: &Value| value.is_string();
    for (key, value) in metadata {
        let fits = match value {
            Value::Object(_) => false,
            Value::Array(items) => items.iter().all(is_string),
            _ => true,
        };
        if !fits {
            let key: String = key.chars().take(64).collect();
            let what = "must be a string, a number, a boolean or a list of strings.";
            return Err(ApiError::invalid(&format!("user_metadata.{key}"), what));
        }
    }
    let bytes_max = USER_METADATA_BYTES_MAX;
    let bytes = serde_json::to_vec(metadata).map_err(ApiError::internal)?.len();
    if bytes > bytes_max {
        let what = format!("has {bytes} bytes of JSON; at most {bytes_max} are allowed.");
        return Err(ApiError::invalid("user_metadata", what));
    }
    Ok(())
}

fn technical_metadata(facts: &ImageFacts, size: usize) -> Map<String, Value> {
    let metadata = json!({
        "file_size_bytes": size,
        "file_mime_type": facts.format.mime(),
        "file_container_format": facts.format.extension(),
        "image_width": facts.width,
        "image_height": facts.height,
        "image_format": facts.format.extension(),
        "image_orientation": facts.orientation,
        "image_color_space": facts.color_space,
        "image_bit_depth": facts.bit_depth,
        "has_alpha": facts.has_alpha,
        "is_animated": facts.is_animated,
    });
    match metadata {
        Value::Object(metadata) => metadata,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_folders_and_control_characters() {
        let cases = [
            (None, "upload"),
            (Some(""), "upload"),
            (Some("cat.png"), "cat.png"),
            (Some("../../etc/passwd"), "passwd"),
            (Some("C:\\pictures\\cat.png"), "cat.png"),
            (Some("a/.."), "upload"),
            (Some("a\r\nb.png"), "ab.png"),
            (Some("a\u{202e}gnp.exe"), "agnp.exe"),
            (Some("\u{200b}"), "upload"),
            (Some("日本.png"), "日本.png"),
        ];
        for (given, expected) in cases {
            assert_eq!(stored_filename(given), expected, "{given:?}");
        }
        assert_eq!(stored_filename(Some(&"x".repeat(400))).len(), FILENAME_CHARS_MAX);
    }
}
