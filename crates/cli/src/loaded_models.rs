//! The models of a run: found by name or folder, loaded, and given their names in the API.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use onespace_engine::{Engine, EngineError, EngineSettings};
use onespace_hub::licence::Licence;
use onespace_hub::models_dir::LocalState;
use onespace_hub::{ModelReference, ModelsDir, SourceRecord};
use onespace_models::folder::LoadOptions;
use onespace_models::{EmbeddingModel, Precision};
use onespace_server::catalog::{ModelCatalog, NamedEngine};

use crate::arguments::{ModelArguments, ModelsDirArguments, PrecisionFor, default_models_dir};
use crate::failure::Failure;

/// The name of the embedded model.
pub(crate) const EMBEDDED: &str = "onespace-mini";
/// Under which terms the embedded model is.
pub(crate) const EMBEDDED_LICENCE: &str = "apache-2.0 (part of this program)";

/// Where a model is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Embedded,
    Folder(PathBuf),
}

/// A model, ready to run.
pub(crate) struct LoadedModel {
    /// How it was asked for; nothing where it was not.
    pub(crate) asked: Option<String>,
    pub(crate) model: Arc<dyn EmbeddingModel>,
    /// Where it is; nothing for the embedded one.
    pub(crate) folder: Option<PathBuf>,
    /// The terms that stand in its folder.
    pub(crate) licence: String,
    /// Where it was pulled from.
    pub(crate) source: Option<SourceRecord>,
    /// How long it took to load, in seconds.
    pub(crate) load_s: f64,
}

/// Finds a model: `onespace-mini`, a name in the folder of models, or any folder.
pub(crate) fn find(asked: &str, dir: &ModelsDirArguments) -> Result<Place, Failure> {
    if asked == EMBEDDED {
        return Ok(Place::Embedded);
    }
    let models = ModelsDir::new(dir.models_dir.clone());
    let is_path = Path::new(asked).is_absolute() || asked.starts_with('.');
    if !is_path {
        let entries = models.entries();
        let reference: Option<ModelReference> = asked.parse().ok();
        let name = reference.map_or_else(|| asked.to_owned(), |found| found.repository.to_string());
        let mut found =
            entries.into_iter().filter(|model| model.name == name || model.name == asked);
        if let Some(model) = found.find(|model| model.state == LocalState::Whole) {
            return Ok(Place::Folder(model.path));
        }
    }
    if Path::new(asked).is_dir() {
        return Ok(Place::Folder(PathBuf::from(asked)));
    }
    Err(absent(asked, dir))
}

/// What to do about a model that is not here.
fn absent(asked: &str, dir: &ModelsDirArguments) -> Failure {
    let models_dir = match dir.models_dir == default_models_dir() {
        true => String::new(),
        false => format!(" --models-dir {}", dir.models_dir.display()),
    };
    let place = dir.models_dir.display();
    if asked.trim().is_empty() {
        return Failure::new(format!(
            "--model is empty. Give it a folder, or a name that `onespace models list{models_dir}` shows."
        ));
    }
    match asked.parse::<ModelReference>() {
        Ok(_) => Failure::new(format!(
            "The model {asked} is not in {place}. Nothing is downloaded unasked: get it with\n\n  \
             onespace models pull {asked}{models_dir}\n"
        )),
        Err(_) => Failure::new(format!(
            "There is no folder {asked}, and no model of that name in {place}. See what there is \
             with `onespace models list{models_dir}`."
        )),
    }
}

/// Loads the embedded model.
pub(crate) fn embedded(precision: Option<Precision>) -> Result<Arc<dyn EmbeddingModel>, Failure> {
    onespace_models::embedded::load_at(precision.unwrap_or(Precision::F32))
        .map_err(|error| Failure::because("The embedded model cannot be loaded.", error))
}

fn from_folder(
    folder: &Path,
    precision: Option<Precision>,
) -> Result<Arc<dyn EmbeddingModel>, Failure> {
    let options = LoadOptions { precision, ..LoadOptions::default() };
    onespace_models::folder::load(folder, &options).map_err(|error| {
        let folder = folder.display();
        Failure::because(format!("The model in {folder} cannot be loaded."), error)
    })
}

/// Loads the model that was asked for, or the embedded one.
pub(crate) fn load_named(
    asked: Option<&str>,
    dir: &ModelsDirArguments,
    precision: Option<Precision>,
) -> Result<LoadedModel, Failure> {
    let place = asked.map_or(Ok(Place::Embedded), |asked| find(asked, dir))?;
    let started = Instant::now();
    let (model, licence, folder) = match &place {
        Place::Embedded => (embedded(precision)?, EMBEDDED_LICENCE.to_owned(), None),
        Place::Folder(folder) => {
            let model = from_folder(folder, precision)?;
            (model, Licence::find(folder).line(), Some(folder.clone()))
        }
    };
    let has = model.description().precision;
    if let Some(wanted) = precision.filter(|wanted| *wanted != has) {
        let name = &model.description().name;
        return Err(Failure::new(format!(
            "{name} cannot compute in {wanted}, only in {has}: leave --precision out, or choose that."
        )));
    }
    Ok(LoadedModel {
        asked: asked.map(str::to_owned),
        source: folder.as_deref().and_then(SourceRecord::read),
        load_s: started.elapsed().as_secs_f64(),
        model,
        folder,
        licence,
    })
}

/// Loads every model that was asked for, one after the other: each needs memory of its own while
/// it is packed.
pub(crate) fn load_all(asked: &ModelArguments) -> Result<Vec<LoadedModel>, Failure> {
    let models: Vec<_> = match asked.models.as_slice() {
        [] => vec![None],
        models => models.iter().map(|model| Some(model.as_str())).collect(),
    };
    // A name that is not there is told before anything large is loaded.
    for asked_for in models.iter().flatten() {
        find(asked_for, &asked.dir)?;
    }
    check_precisions(&asked.precisions, &asked.models)?;
    if let Some(threads) = asked.threads {
        // Models compute on the global pool, wherever they are called from.
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build_global()
            .map_err(|error| Failure::because("The models' threads cannot be started.", error))?;
    }
    models
        .into_iter()
        .map(|model| {
            let precision = precision_of(&asked.precisions, model.unwrap_or(EMBEDDED));
            if let Some(model) = model.filter(|model| *model != EMBEDDED) {
                tracing::info!(model, "loading");
            }
            load_named(model, &asked.dir, precision)
        })
        .collect()
}

/// The last word on a model: that by its name, or else that for all.
fn precision_of(precisions: &[PrecisionFor], model: &str) -> Option<Precision> {
    let last =
        |name: Option<&str>| precisions.iter().rev().find(|choice| choice.model.as_deref() == name);
    last(Some(model)).or_else(|| last(None)).and_then(|asked| asked.choice.0)
}

/// A precision for a model that is not asked for is a mistake.
fn check_precisions(precisions: &[PrecisionFor], models: &[String]) -> Result<(), Failure> {
    let unknown = precisions
        .iter()
        .filter_map(|choice| choice.model.as_deref())
        .find(|name| *name != EMBEDDED && models.iter().all(|model| model != name));
    unknown.map_or(Ok(()), |name| {
        Err(Failure::new(format!(
            "--precision names the model {name}, which is not among those of --model; write it as \
             it stands there."
        )))
    })
}

/// Starts an engine for every model, and gives them their names: its own, and the one that it was
/// asked for by.
pub(crate) fn start(
    models: &[LoadedModel],
    aliases: &[(String, String)],
    settings: &EngineSettings,
) -> Result<ModelCatalog, Failure> {
    let engine = |loaded: &LoadedModel| -> Result<NamedEngine, EngineError> {
        let engine = Engine::start(Arc::clone(&loaded.model), settings.clone())?;
        Ok(NamedEngine { engine, names: further_names(loaded) })
    };
    let engines = models.iter().map(engine).collect::<Result<Vec<_>, _>>().map_err(
        |error: onespace_engine::EngineError| {
            Failure::because("The model's worker cannot be started.", error)
        },
    )?;
    ModelCatalog::new(engines, aliases).map_err(|error| Failure::new(sentence(&error.to_string())))
}

fn sentence(text: &str) -> String {
    format!("{}{}.", text[..1].to_uppercase(), &text[1..])
}

/// Names that clients may use besides the model's own: how it was asked for, unless that is a path
/// of this machine, and how its maker calls it.
fn further_names(loaded: &LoadedModel) -> Vec<String> {
    let asked = loaded.asked.clone().filter(|asked| {
        !Path::new(asked).is_absolute() && !asked.starts_with('.') && !Path::new(asked).is_dir()
    });
    let repository = loaded.source.as_ref().map(|source| source.repository.clone());
    asked.into_iter().chain(repository).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_user_wrote_is_quoted_as_it_was_written() {
        let error = onespace_server::catalog::CatalogError::UnknownAlias("mini".to_owned());
        assert!(sentence(&error.to_string()).starts_with("`mini` is no model name"));
    }

    #[test]
    fn models_are_found_by_name_and_by_folder() {
        let root = tempfile::tempdir().expect("a folder");
        let models_dir = root.path().join("models");
        for name in ["openai/clip-vit-base-patch32", "own"] {
            let folder = models_dir.join(name);
            std::fs::create_dir_all(&folder).expect("made");
            std::fs::write(folder.join("config.json"), "{}").expect("written");
        }
        let dir = ModelsDirArguments { models_dir: models_dir.clone() };
        let clip = Place::Folder(models_dir.join("openai/clip-vit-base-patch32"));
        let elsewhere = root.path().to_str().expect("a path").to_owned();
        let rows = [
            (EMBEDDED, Ok(Place::Embedded)),
            ("openai/clip-vit-base-patch32", Ok(clip.clone())),
            ("clip-b32", Ok(clip)),
            ("own", Ok(Place::Folder(models_dir.join("own")))),
            (&elsewhere, Ok(Place::Folder(root.path().to_owned()))),
            ("openai", Err("no model of that name")),
            ("bge-vl-base", Err("onespace models pull bge-vl-base --models-dir")),
            ("a/b@v1", Err("onespace models pull a/b@v1 --models-dir")),
            ("../own", Err("There is no folder ../own")),
            ("", Err("--model is empty")),
            ("no such model", Err("There is no folder no such model")),
        ];
        for (asked, expected) in rows {
            match (find(asked, &dir), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{asked}"),
                (Err(failure), Err(named)) => {
                    let line = failure.lines().remove(0);
                    assert!(line.contains(named), "{asked}: {line}");
                }
                (found, _) => panic!("{asked}: {found:?}"),
            }
        }
    }

    #[test]
    fn the_precision_of_a_model_wins_over_that_of_all() {
        let choices: Vec<PrecisionFor> =
            ["f32", "b=auto", "a=f32"].map(|text| text.parse().expect("a choice")).into();
        assert_eq!(precision_of(&choices, "a"), Some(Precision::F32));
        assert_eq!(precision_of(&choices, "b"), None);
        assert_eq!(precision_of(&choices, "c"), Some(Precision::F32));
        assert!(check_precisions(&choices, &["a".into(), "b".into()]).is_ok());
        let failure = check_precisions(&choices, &["a".into()]).expect_err("b is not loaded");
        assert!(failure.lines()[0].contains("the model b"));
    }
}
