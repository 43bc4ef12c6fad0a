//! `models`: what can be served.

use onespace_models::{EmbeddingModel, ModelDescription};
use serde_json::json;

use crate::arguments::{ModelsAction, ModelsArguments};
use crate::failure::Failure;
use crate::loaded_models;
use crate::output::{say, say_json, table};

pub(crate) fn run(arguments: ModelsArguments) -> Result<(), Failure> {
    match arguments.action {
        ModelsAction::List { models } => {
            let models = loaded_models::load_all(&models)?;
            let rows: Vec<_> = models.iter().map(|model| row(model.description())).collect();
            table(&["MODEL", "REVISION", "DIMENSIONS", "TEXT TOKENS", "IMAGES", "SPACE"], &rows)
                .iter()
                .for_each(|line| say(line));
            Ok(())
        }
        ModelsAction::Show { folder, json } => {
            let model = loaded_models::load(folder.as_deref())?;
            show(model.as_ref(), json)
        }
    }
}

fn dimensions(description: &ModelDescription) -> String {
    let sizes: Vec<_> = description.dimensions.iter().map(usize::to_string).collect();
    sizes.join(", ")
}

fn row(description: &ModelDescription) -> Vec<String> {
    vec![
        description.name.clone(),
        description.revision.clone(),
        dimensions(description),
        description.text_tokens_max.to_string(),
        description.images_max.to_string(),
        description.space_fingerprint(),
    ]
}

fn show(model: &dyn EmbeddingModel, as_json: bool) -> Result<(), Failure> {
    let description = model.description();
    let spec = &description.preprocess;
    if as_json {
        return say_json(&json!({
            "name": description.name,
            "revision": description.revision,
            "dimension": description.dimension,
            "dimensions": description.dimensions,
            "text_tokens_max": description.text_tokens_max,
            "images_max": description.images_max,
            "visual_tokens_per_image": description.visual_tokens_per_image,
            "image_px": [spec.width, spec.height],
            "precision": description.precision.name(),
            "fusion": description.fusion.name(),
            "weights_sha256": description.weights_sha256,
            "space": description.space_fingerprint(),
        }));
    }
    say(&format!("model        {} (revision {})", description.name, description.revision));
    say("modalities   text, image, and both in one sequence");
    say(&format!("fusion       {}", description.fusion.name()));
    say(&format!("dimensions   {}", dimensions(description)));
    say(&format!("text         up to {} tokens", description.text_tokens_max));
    let tokens = description.visual_tokens_per_image;
    say(&format!("images       up to {}, {tokens} tokens each", description.images_max));
    say(&format!("pictures     squashed to {} x {} pixels", spec.width, spec.height));
    say(&format!("precision    {}", description.precision.name()));
    say(&format!("weights      sha256 {}", description.weights_sha256));
    say(&format!("space        {}", description.space_fingerprint()));
    Ok(())
}
