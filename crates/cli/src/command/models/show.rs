//! `models show`: what a model takes and gives, and under which terms.

use onespace_models::{ModelDescription, Precision};
use serde_json::json;

use crate::arguments::ModelsDirArguments;
use crate::failure::Failure;
use crate::loaded_models::{self, LoadedModel};
use crate::output::{say, say_json};

pub(super) fn run(
    model: Option<&str>,
    dir: &ModelsDirArguments,
    precision: Option<Precision>,
    as_json: bool,
) -> Result<(), Failure> {
    let loaded = loaded_models::load_named(model, dir, precision)?;
    if as_json {
        return say_json(&as_value(&loaded));
    }
    lines(&loaded).iter().for_each(|(name, value)| say(&format!("{name:12} {value}")));
    Ok(())
}

fn as_value(loaded: &LoadedModel) -> serde_json::Value {
    let description = loaded.model.description();
    let spec = &description.preprocess;
    json!({
        "name": description.name,
        "revision": description.revision,
        "folder": loaded.folder,
        "licence": loaded.licence,
        "source": loaded.source,
        "modalities": ["text", "image"],
        "dimension": description.dimension,
        "dimensions": description.dimensions,
        "text_tokens_max": description.text_tokens_max,
        "text_chunk_tokens": description.text_chunk_tokens,
        "images_max": description.images_max,
        "visual_tokens_per_image": description.image_tokens_max,
        "pictures": spec.geometry_name(),
        "image_mean": spec.mean,
        "image_std": spec.std,
        "precision": description.precision.name(),
        "fusion": description.fusion.name(),
        "weights_sha256": description.weights_sha256,
        "space": description.space_fingerprint(),
    })
}

fn lines(loaded: &LoadedModel) -> Vec<(&'static str, String)> {
    let description = loaded.model.description();
    let spec = &description.preprocess;
    let mut lines =
        vec![("model", format!("{} (revision {})", description.name, description.revision))];
    if let Some(folder) = &loaded.folder {
        lines.push(("folder", folder.display().to_string()));
    }
    if let Some(source) = &loaded.source {
        lines.push(("source", format!("{} at {}", source.repository, source.commit)));
    }
    lines.push(("licence", loaded.licence.clone()));
    lines.extend([
        ("modalities", "text, image, and both together".to_owned()),
        ("fusion", fusion(description)),
        ("dimensions", dimensions(description)),
        ("text", text_limit(description)),
        (
            "images",
            format!(
                "up to {}, up to {} tokens each",
                description.images_max, description.image_tokens_max
            ),
        ),
        ("pictures", spec.geometry_name()),
        ("colours", format!("mean {:?}, deviation {:?}", spec.mean, spec.std)),
        ("precision", description.precision.name().to_owned()),
        ("weights", format!("sha256 {}", description.weights_sha256)),
        ("space", description.space_fingerprint()),
    ]);
    lines
}

fn fusion(description: &ModelDescription) -> String {
    use onespace_models::Fusion;
    match description.fusion {
        Fusion::Early => "early: words and pictures are read in one sequence".to_owned(),
        Fusion::Late { text_weight } => {
            format!("late: vectors are averaged, the text's counts {text_weight}")
        }
        Fusion::LateSum => "late: vectors are summed, as the model was trained for".to_owned(),
        _ => description.fusion.name().to_owned(),
    }
}

/// The lengths that vectors may have, the model's own last.
pub(crate) fn dimensions(description: &ModelDescription) -> String {
    let sizes: Vec<_> = description.dimensions.iter().map(usize::to_string).collect();
    sizes.join(", ")
}

fn text_limit(description: &ModelDescription) -> String {
    let tokens = description.text_tokens_max;
    match description.text_chunk_tokens {
        Some(chunk) => format!("up to {tokens} tokens, in chunks of {chunk} that are averaged"),
        None => format!("up to {tokens} tokens"),
    }
}
