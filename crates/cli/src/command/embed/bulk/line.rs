//! One line of a bulk input: its forms, and what is wrong with it otherwise.

use std::path::PathBuf;

use onespace_server::offline::{OfflineImage, OfflineInput};
use serde::Deserialize;
use serde_json::Value;

/// One line of the input.
#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object with `id` and one of `text`, `image` and `multi_input`"
)]
struct Line {
    #[serde(default)]
    id: Value,
    text: Option<String>,
    image: Option<PathBuf>,
    multi_input: Option<MultiInput>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with `input_text` and `media_sources`")]
struct MultiInput {
    input_text: Option<String>,
    #[serde(default)]
    media_sources: Vec<MediaSource>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with `name` and `path`")]
struct MediaSource {
    name: Option<String>,
    path: PathBuf,
}

/// The id and the input of a line, or what is wrong with it.
pub(super) fn parse(line: &[u8]) -> Result<(Value, OfflineInput), String> {
    // serde would also take an array, as the members in their order.
    if !line.trim_ascii_start().starts_with(b"{") {
        return Err("a line must be a JSON object".into());
    }
    let line: Line = serde_json::from_slice(line).map_err(|error| fault(&error))?;
    let picture = |source: MediaSource| OfflineImage { name: source.name, path: source.path };
    let input = match (line.text, line.image, line.multi_input) {
        (Some(text), None, None) => OfflineInput { text: Some(text), images: Vec::new() },
        (None, Some(path), None) => {
            OfflineInput { text: None, images: vec![OfflineImage { name: None, path }] }
        }
        (None, None, Some(multi)) => OfflineInput {
            text: multi.input_text,
            images: multi.media_sources.into_iter().map(picture).collect(),
        },
        _ => return Err("a line needs exactly one of `text`, `image` and `multi_input`".into()),
    };
    Ok((line.id, input))
}

/// The id of a line that is JSON at least.
pub(super) fn id_of(line: &[u8]) -> Value {
    serde_json::from_slice::<Value>(line)
        .ok()
        .and_then(|mut value| value.get_mut("id").map(Value::take))
        .unwrap_or_default()
}

/// What is wrong with a line, without the line number that is always 1.
fn fault(error: &serde_json::Error) -> String {
    if error.is_data() {
        let text = error.to_string();
        let text = text.split(" at line").next().unwrap_or(&text).to_owned();
        return format!("the line is not in one of the known forms: {text}");
    }
    format!("the line is not valid JSON: look at column {}", error.column())
}
