//! What `config.json` says about a model without loading it: enough for a list.

use std::io::Read;
use std::path::Path;

use onespace_hub::open_ordinary;
use onespace_models::ARCHITECTURES;
use serde_json::Value;

const CONFIG_BYTES_MAX: u64 = 1 << 20;

/// Architecture and vector lengths of a model.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outline {
    /// `model_type`, or this program's own `architecture`.
    pub(super) architecture: String,
    /// Whether this program runs it.
    pub(super) is_loadable: bool,
    /// Lengths that vectors may have; none where only loading tells.
    pub(super) dimensions: Vec<usize>,
}

impl Outline {
    /// The outline of the model in `folder`; `None` where `config.json` does not give one.
    pub(super) fn read(folder: &Path) -> Option<Self> {
        let mut json = Vec::new();
        let file = open_ordinary(&folder.join("config.json")).ok()?;
        file.take(CONFIG_BYTES_MAX).read_to_end(&mut json).ok()?;
        Self::of(&serde_json::from_slice(&json).ok()?)
    }

    fn of(config: &Value) -> Option<Self> {
        let architecture = config.get("architecture").or_else(|| config.get("model_type"))?;
        let architecture: String =
            architecture.as_str()?.chars().filter(char::is_ascii_graphic).take(64).collect();
        let is_loadable = ARCHITECTURES.contains(&architecture.as_str());
        let dimensions = dimensions(&architecture, config).unwrap_or_default();
        Some(Self { architecture, is_loadable, dimensions })
    }
}

/// Where each architecture says how long its vectors are. Keys that are absent stand for the
/// defaults of `transformers` 5.23 (`configuration_clip.py`, `configuration_siglip.py`).
fn dimensions(architecture: &str, config: &Value) -> Option<Vec<usize>> {
    let number = |value: Option<&Value>| value?.as_u64().and_then(|n| usize::try_from(n).ok());
    let text = config.get("text_config");
    match architecture {
        "clip" => Some(vec![number(config.get("projection_dim")).unwrap_or(512)]),
        "siglip" | "siglip2" => {
            let text = |key| number(text.and_then(|text| text.get(key)));
            Some(vec![text("projection_size").or_else(|| text("hidden_size")).unwrap_or(768)])
        }
        _ => {
            let sizes = config.get("dimensions")?.as_array()?;
            sizes.iter().map(|size| number(Some(size))).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Outline;

    #[test]
    fn each_architecture_is_asked_in_its_own_words() {
        let rows = [
            (json!({"architecture": "onespace_fusion", "dimensions": [1, 2]}), Some(vec![1, 2])),
            (json!({"model_type": "clip", "projection_dim": 640}), Some(vec![640])),
            (json!({"model_type": "clip"}), Some(vec![512])),
            (
                json!({"model_type": "siglip", "text_config": {"hidden_size": 1152}}),
                Some(vec![1152]),
            ),
            (json!({"model_type": "siglip"}), Some(vec![768])),
            (json!({"model_type": "bert"}), Some(vec![])),
            (json!({"model_type": 1}), None),
            (json!([]), None),
        ];
        for (config, expected) in rows {
            let found = Outline::of(&config).map(|outline| outline.dimensions);
            assert_eq!(found, expected, "{config}");
        }
    }
}
