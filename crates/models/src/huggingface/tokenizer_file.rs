//! `tokenizer.json`, read and not trusted: what would end the process is refused before or after
//! the library has seen it.

use serde::Deserialize;
use serde_json::Value;
use tokenizers::Tokenizer;

use super::tokenizer::refuse;
use crate::LoadError;

/// How many times as long as it was a text may become by the file's normaliser.
const GROWTH_MAX: f64 = 64.0;
/// Bytes that a normaliser may put before a text, all its steps together.
const PREPENDED_BYTES_MAX: usize = 256;

/// What is looked at before the library reads the file.
#[derive(Deserialize)]
struct Steps {
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
}

/// A tokenizer from the file's contents.
pub(super) fn read(json: &[u8]) -> Result<Tokenizer, LoadError> {
    let unreadable = || refuse("is not a tokenizer that can be read; copy it again");
    let steps = serde_json::from_slice(json).map_err(|error| unreadable().caused_by(error))?;
    check_growth(&steps)?;
    // The library panics at some damaged normalisers instead of refusing them.
    std::panic::catch_unwind(|| Tokenizer::from_bytes(json))
        .map_err(|_| unreadable())?
        .map_err(|error| unreadable().caused_by(error))
}

/// Refuses steps that together make a long text out of a short one: a few of them take all memory.
fn check_growth(steps: &Steps) -> Result<(), LoadError> {
    let steps = [growth(&steps.normalizer), growth(&steps.pre_tokenizer)];
    let factor: f64 = steps.iter().map(|(factor, _)| factor).product();
    let prepended: usize = steps.iter().map(|(_, bytes)| bytes).sum();
    if factor <= GROWTH_MAX && prepended <= PREPENDED_BYTES_MAX {
        return Ok(());
    }
    Err(refuse(format!(
        "could make a text more than {GROWTH_MAX} times as long, or {PREPENDED_BYTES_MAX} bytes \
         longer, before it is cut into tokens; copy the model's own file"
    )))
}

/// How many times as long a step may make a text, and the bytes that it puts before it.
fn growth(step: &Value) -> (f64, usize) {
    let length = |key: &str| step[key].as_str().map_or(0, str::len);
    match step["type"].as_str() {
        Some("Sequence") => {
            let steps = ["normalizers", "pretokenizers"].map(|key| step[key].as_array());
            let steps = steps.into_iter().flatten().flatten().map(growth);
            steps.fold((1.0, 0), |all, step| (all.0 * step.0, all.1 + step.1))
        }
        Some("Replace") => {
            let content = length("content") as f64;
            match step["pattern"]["String"].as_str() {
                Some(found) if !found.is_empty() => ((content / found.len() as f64).max(1.0), 0),
                // An expression may stand for a single character.
                _ => (content.max(1.0), 0),
            }
        }
        Some("Prepend") => (1.0, length("prepend")),
        _ => (1.0, 0),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(normalizer: Value) -> Vec<u8> {
        let model = json!({ "type": "WordLevel", "vocab": { "a": 0 }, "unk_token": "a" });
        serde_json::to_vec(&json!({ "version": "1.0", "normalizer": normalizer, "model": model }))
            .expect("JSON")
    }

    fn replace(found: &str, content: &str) -> Value {
        json!({ "type": "Replace", "pattern": { "String": found }, "content": content })
    }

    #[test]
    fn what_published_tokenizers_do_is_read() {
        let all = vec![replace(" ", "\u{2581}"), replace("``", "\""), replace("x", "")];
        let steps = json!({ "type": "Sequence", "normalizers": all });
        for normalizer in [Value::Null, steps, json!({ "type": "Prepend", "prepend": "\u{2581}" })]
        {
            read(&with(normalizer.clone())).unwrap_or_else(|error| panic!("{normalizer}: {error}"));
        }
    }

    #[test]
    fn a_normaliser_that_grows_texts_without_bounds_is_refused() {
        let bomb = vec![replace("a", &"a".repeat(100)); 4];
        let expression = json!(
            { "type": "Replace", "pattern": { "Regex": "." }, "content": "a".repeat(65) }
        );
        for normalizer in [
            json!({ "type": "Sequence", "normalizers": bomb }),
            expression,
            json!({ "type": "Prepend", "prepend": "a".repeat(257) }),
        ] {
            let refused = read(&with(normalizer)).expect_err("a refusal").to_string();
            assert!(refused.contains("times as long"), "{refused}");
        }
    }

    #[test]
    fn where_the_library_panics_the_file_is_named() {
        for charsmap in ["", "AAAA"] {
            let damaged = json!({ "type": "Precompiled", "precompiled_charsmap": charsmap });
            let refused = read(&with(damaged)).expect_err("a refusal").to_string();
            assert!(refused.contains("tokenizer.json"), "{refused}");
        }
    }
}
