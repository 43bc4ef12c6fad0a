//! What the members of user metadata mean when they change.

use serde_json::{Map, Value};

use super::MetadataChange;

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
    fn clear_clears() {
        assert!(MetadataChange::Clear.apply(map(json!({"a": 1}))).is_empty());
    }
}
