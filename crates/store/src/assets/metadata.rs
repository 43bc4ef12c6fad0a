//! What the members of user metadata mean when they change.

use serde_json::{Map, Value};

use super::MetadataChange;
use crate::error::StoreError;

/// The user metadata of one asset, in bytes of JSON.
pub const USER_METADATA_BYTES_MAX: usize = 64 << 10;

/// Holds metadata, as it would be stored, against [`USER_METADATA_BYTES_MAX`].
pub(crate) fn check_user_metadata_size(metadata: &Map<String, Value>) -> Result<(), StoreError> {
    // A map of JSON values is JSON.
    let bytes = serde_json::to_vec(metadata).map_or(usize::MAX, |json| json.len());
    if bytes <= USER_METADATA_BYTES_MAX {
        return Ok(());
    }
    Err(StoreError::invalid(format!(
        "`user_metadata` would have {bytes} bytes of JSON; at most {USER_METADATA_BYTES_MAX} are \
         allowed."
    )))
}

impl MetadataChange {
    /// The metadata after the change.
    pub(crate) fn apply(self, mut current: Map<String, Value>) -> Map<String, Value> {
        match self {
            Self::Clear => Map::new(),
            Self::Replace(new) => without_empty_values(new),
            Self::Merge(changes) => {
                for (key, value) in changes {
                    if value.is_null() {
                        current.remove(&key);
                    } else if !is_empty(&value) {
                        current.insert(key, value);
                    }
                }
                current
            }
        }
    }
}

/// Drops null, `""` and `[]` members.
pub(crate) fn without_empty_values(mut metadata: Map<String, Value>) -> Map<String, Value> {
    metadata.retain(|_, value| !value.is_null() && !is_empty(value));
    metadata
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn replace_keeps_only_the_new_members_that_say_something() {
        let new = map(json!({"a": "", "b": [], "c": null, "d": 0, "e": false, "f": ["x"]}));
        let result = MetadataChange::Replace(new).apply(map(json!({"old": 1})));
        assert_eq!(result, map(json!({"d": 0, "e": false, "f": ["x"]})));
        assert!(MetadataChange::Replace(Map::new()).apply(map(json!({"old": 1}))).is_empty());
    }

    #[test]
    fn merge_sets_deletes_and_leaves_alone() {
        let current = map(json!({"keep": 1, "drop": 2, "blank": "was", "list": ["was"]}));
        let changes = map(json!({"drop": null, "blank": "", "list": [], "new": "n", "no": null}));
        let result = MetadataChange::Merge(changes).apply(current);
        assert_eq!(result, map(json!({"keep": 1, "blank": "was", "list": ["was"], "new": "n"})));
    }

    #[test]
    fn the_limit_holds_for_what_would_be_stored() {
        let quarter = Value::from("x".repeat(USER_METADATA_BYTES_MAX / 4));
        let mut metadata = Map::new();
        for key in ["a", "b", "c"] {
            metadata.insert(key.to_owned(), quarter.clone());
        }
        assert!(check_user_metadata_size(&metadata).is_ok());
        let merged = MetadataChange::Merge(map(json!({"d": quarter}))).apply(metadata);
        assert!(check_user_metadata_size(&merged).is_err());
    }

    #[test]
    fn clear_clears() {
        assert!(MetadataChange::Clear.apply(map(json!({"a": 1}))).is_empty());
    }
}
