//! The models of a run: from folders, or the embedded one.

use std::path::Path;
use std::sync::Arc;

use onespace_engine::{Engine, EngineSettings};
use onespace_models::EmbeddingModel;
use onespace_server::catalog::ModelCatalog;

use crate::arguments::ModelArguments;
use crate::failure::Failure;

/// Loads the model in `folder`, or the embedded one.
pub(crate) fn load(folder: Option<&Path>) -> Result<Arc<dyn EmbeddingModel>, Failure> {
    match folder {
        None => onespace_models::embedded::load()
            .map_err(|error| Failure::because("The embedded model cannot be loaded.", error)),
        Some(folder) => onespace_models::folder::load(folder).map_err(|error| {
            let folder = folder.display();
            Failure::because(format!("The model in {folder} cannot be loaded."), error)
        }),
    }
}

/// Loads every model that was asked for.
pub(crate) fn load_all(asked: &ModelArguments) -> Result<Vec<Arc<dyn EmbeddingModel>>, Failure> {
    if asked.models.is_empty() {
        return Ok(vec![load(None)?]);
    }
    asked.models.iter().map(|folder| load(Some(folder))).collect()
}

/// Starts an engine for every model, and gives them their names.
pub(crate) fn start(
    asked: &ModelArguments,
    aliases: &[(String, String)],
    settings: &EngineSettings,
) -> Result<ModelCatalog, Failure> {
    let engines = load_all(asked)?
        .into_iter()
        .map(|model| Engine::start(model, settings.clone()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| Failure::because("The model's worker cannot be started.", error))?;
    ModelCatalog::new(engines, aliases).map_err(|error| Failure::new(error.to_string()))
}
