//! Bodies of `POST /v1.3/embed-v2`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::pictures;

/// A text.
pub(crate) fn text(text: &str) -> Value {
    json!({ "input_type": "text", "model_name": "marengo3.0", "text": { "input_text": text } })
}

/// A picture of the examples.
pub(crate) fn picture(name: &str) -> Value {
    let source = json!({ "base64_string": STANDARD.encode(pictures::bytes(name)) });
    let image = json!({ "media_source": source });
    json!({ "input_type": "image", "model_name": "marengo3.0", "image": image })
}

/// A text with pictures, as (name, picture).
pub(crate) fn named_pictures(text: &str, pictures: &[(&str, &str)]) -> Value {
    let source = |(name, picture): &(&str, &str)| {
        let encoded = STANDARD.encode(pictures::bytes(picture));
        json!({ "name": name, "media_type": "image", "base64_string": encoded })
    };
    let sources: Vec<_> = pictures.iter().map(source).collect();
    let multi_input = json!({ "input_text": text, "media_sources": sources });
    json!({ "input_type": "multi_input", "model_name": "marengo3.0", "multi_input": multi_input })
}
