//! Which files of a repository make a model: configuration, tokenizer, weights as safetensors, and
//! what says under which terms. Never anything that could hold code.

use std::collections::BTreeSet;

use crate::listing::{HubFile, Listing};

/// The index of weights in several files.
pub const INDEX_FILE: &str = "model.safetensors.index.json";
/// Weights in one file.
pub const WEIGHTS_FILE: &str = "model.safetensors";
/// What every model has.
pub const CONFIG_FILE: &str = "config.json";

/// Files taken where they are, besides weights, terms and the parts of sentence-transformers.
const PLAIN_FILES: [&str; 13] = [
    CONFIG_FILE,
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "preprocessor_config.json",
    "processor_config.json",
    "chat_template.jinja",
    "chat_template.json",
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "README.md",
];
/// Starts of the names of files with terms, in lower case.
const TERMS: [&str; 6] = ["license", "licence", "notice", "copying", "usage_policy", "terms"];
/// Bytes of a file that is no weights.
const SMALL_FILE_BYTES_MAX: u64 = 64 << 20;
/// Files of a model.
const FILES_MAX: usize = 512;

/// The files that make a model, the small ones first.
///
/// # Errors
/// What the repository lacks, as the end of a sentence that begins with its name.
pub fn select(listing: &Listing) -> Result<Vec<HubFile>, String> {
    if listing.find(CONFIG_FILE).is_none() {
        return Err("holds no config.json: it is no model in the common format".to_owned());
    }
    let is_sharded = listing.find(INDEX_FILE).is_some() && listing.find(WEIGHTS_FILE).is_none();
    if !is_sharded && listing.find(WEIGHTS_FILE).is_none() {
        return Err(without_weights(listing));
    }
    let mut files: Vec<_> =
        listing.files.iter().filter(|file| is_wanted(&file.path, is_sharded)).cloned().collect();
    if files.len() > FILES_MAX {
        return Err(format!(
            "has {} files that a model would need, above {FILES_MAX}",
            files.len()
        ));
    }
    if let Some(file) =
        files.iter().find(|file| !is_weights(&file.path) && file.bytes > SMALL_FILE_BYTES_MAX)
    {
        return Err(format!("has a {} of {} bytes, which no model needs", file.path, file.bytes));
    }
    files.sort_by_key(|file| (is_weights(&file.path), file.path.clone()));
    Ok(files)
}

/// The files that `index` (the contents of [`INDEX_FILE`]) names and `files` lack.
///
/// # Errors
/// When it is no index.
pub fn missing_shards(index: &[u8], files: &[HubFile]) -> Result<Vec<String>, String> {
    #[derive(serde::Deserialize)]
    struct Index {
        weight_map: std::collections::BTreeMap<String, String>,
    }
    let index: Index = serde_json::from_slice(index)
        .map_err(|error| format!("has a broken {INDEX_FILE}: {error}"))?;
    let named: BTreeSet<_> = index.weight_map.into_values().collect();
    Ok(named.into_iter().filter(|name| files.iter().all(|file| file.path != *name)).collect())
}

fn without_weights(listing: &Listing) -> String {
    let has_pickle = listing.files.iter().any(|file| file.path.ends_with(".bin"));
    match has_pickle {
        true => {
            "has its weights only as .bin, a format that can run code; look for a revision or a \
                 copy with safetensors"
                .to_owned()
        }
        false => format!("holds neither {WEIGHTS_FILE} nor {INDEX_FILE}"),
    }
}

fn is_wanted(path: &str, is_sharded: bool) -> bool {
    let (folder, name) = match path.split_once('/') {
        Some((folder, name)) => (Some(folder), name),
        None => (None, path),
    };
    if !is_plain_name(name) || !folder.is_none_or(is_module_folder) {
        return false;
    }
    if folder.is_some() {
        return matches!(name, CONFIG_FILE | WEIGHTS_FILE);
    }
    match name {
        INDEX_FILE => is_sharded,
        WEIGHTS_FILE => !is_sharded,
        _ if is_shard(name) => is_sharded,
        _ => PLAIN_FILES.contains(&name) || is_terms(name),
    }
}

fn is_weights(path: &str) -> bool {
    path.ends_with(".safetensors")
}

/// `model-00001-of-00002.safetensors`.
fn is_shard(name: &str) -> bool {
    let numbers = name.strip_prefix("model-").and_then(|rest| rest.strip_suffix(".safetensors"));
    numbers.and_then(|numbers| numbers.split_once("-of-")).is_some_and(|(part, of)| {
        [part, of].iter().all(|number| {
            (1..=6).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit())
        })
    })
}

/// `1_Pooling`: a part of sentence-transformers.
fn is_module_folder(folder: &str) -> bool {
    folder.split_once('_').is_some_and(|(number, name)| {
        number.len() == 1
            && number.bytes().all(|byte| byte.is_ascii_digit())
            && (1..=32).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphabetic())
    })
}

fn is_terms(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    TERMS.iter().any(|start| name.starts_with(start))
        && [".md", ".txt", ".pdf"].iter().any(|end| name.ends_with(end))
        || TERMS.contains(&name.as_str())
}

/// Nothing that a file system would read otherwise.
fn is_plain_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=128).contains(&name.len()) && name.bytes().all(is_plain) && !name.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::ExpectedDigest;

    fn listing(paths: &[(&str, u64)]) -> Listing {
        let file = |&(path, bytes): &(&str, u64)| HubFile {
            path: path.to_owned(),
            bytes,
            digest: ExpectedDigest::GitBlob("0".repeat(40)),
        };
        Listing { commit: "0".repeat(40), files: paths.iter().map(file).collect() }
    }

    fn selected(paths: &[(&str, u64)]) -> Result<Vec<String>, String> {
        select(&listing(paths)).map(|files| files.into_iter().map(|file| file.path).collect())
    }

    #[test]
    fn a_model_is_selected_and_nothing_else() {
        let all = [
            ("model.safetensors", 1 << 30),
            ("config.json", 1),
            ("tokenizer.json", 1),
            ("README.md", 1),
            ("LICENSE", 1),
            ("NOTICE.txt", 1),
            ("1_Pooling/config.json", 1),
            ("2_Dense/model.safetensors", 1 << 28),
            ("pytorch_model.bin", 1 << 30),
            ("open_clip_model.safetensors", 1 << 30),
            ("model-00001-of-00002.safetensors", 1 << 30),
            ("model.safetensors.index.json", 1),
            ("modeling_custom.py", 1),
            ("license.py", 1),
            ("onnx/model.onnx", 1),
            ("onnx/config.json", 1),
            ("../config.json", 1),
            ("1_Pooling/../config.json", 1),
            (".gitattributes", 1),
        ];
        let expected = [
            "1_Pooling/config.json",
            "LICENSE",
            "NOTICE.txt",
            "README.md",
            "config.json",
            "tokenizer.json",
            "2_Dense/model.safetensors",
            "model.safetensors",
        ];
        assert_eq!(selected(&all).expect("a model"), expected);
    }

    #[test]
    fn shards_come_with_their_index() {
        let all = [
            ("config.json", 1),
            ("model.safetensors.index.json", 1),
            ("model-00001-of-00002.safetensors", 1),
            ("model-00002-of-00002.safetensors", 1),
            ("model-x-of-y.safetensors", 1),
        ];
        let files = select(&listing(&all)).expect("a model");
        assert_eq!(files.len(), 4);
        let index = br#"{"weight_map": {"a": "model-00001-of-00002.safetensors",
            "b": "model-00003-of-00003.safetensors"}}"#;
        let missing = missing_shards(index, &files).expect("an index");
        assert_eq!(missing, ["model-00003-of-00003.safetensors"]);
        assert!(missing_shards(b"[]", &files).is_err());
    }

    #[test]
    fn what_is_no_model_is_told() {
        let rows: [(&[(&str, u64)], &str); 4] = [
            (&[("model.safetensors", 1)], "no config.json"),
            (&[("config.json", 1)], "neither"),
            (&[("config.json", 1), ("pytorch_model.bin", 1)], "can run code"),
            (
                &[("config.json", 1), ("model.safetensors", 1), ("tokenizer.json", 1 << 40)],
                "tokenizer.json of",
            ),
        ];
        for (paths, named) in rows {
            let error = selected(paths).expect_err(named);
            assert!(error.contains(named), "{error}");
        }
    }
}
