//! Which model answers to which name, and by which rules of the API.

use std::collections::BTreeMap;
use std::sync::Arc;

use onespace_engine::Engine;
use onespace_models::ModelDescription;

/// The rules that a model name of the API brings with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `marengo3.0`: all input types, 500 text tokens, no dimension, no `usage`.
    Marengo30,
    /// `marengo3.5`: `multi_input` and image tasks, 2,000 text tokens, dimension and `usage`.
    Marengo35,
    /// A model's own name: everything that either of the two allows.
    Own,
}

impl Dialect {
    /// The most text tokens of a request, placeholders included, before the model's own limit.
    #[must_use]
    pub fn text_tokens_max(self) -> usize {
        match self {
            Self::Marengo30 => 500,
            Self::Marengo35 => 2_000,
            Self::Own => usize::MAX,
        }
    }

    /// Whether `embedding_dimension`, `auto_truncate` and `usage` exist.
    #[must_use]
    pub fn is_matryoshka(self) -> bool {
        self != Self::Marengo30
    }
}

/// A model under one of its names.
#[derive(Clone)]
pub struct ServedModel {
    /// The name that the request used.
    pub name: String,
    /// The rules that come with the name.
    pub dialect: Dialect,
    /// The engine that runs the model.
    pub engine: Engine,
    /// The fingerprint of the vector space, for the response header.
    pub space: Arc<str>,
}

impl ServedModel {
    /// What the model says about itself.
    #[must_use]
    pub fn description(&self) -> &ModelDescription {
        self.engine.model().description()
    }

    /// The most text tokens of a request under this name.
    #[must_use]
    pub fn text_tokens_max(&self) -> usize {
        self.dialect.text_tokens_max().min(self.description().text_tokens_max)
    }
}

/// The API's names for models.
pub const API_MODEL_NAMES: [(&str, Dialect); 2] =
    [("marengo3.0", Dialect::Marengo30), ("marengo3.5", Dialect::Marengo35)];

/// All served models by every name that a request may use.
pub struct ModelCatalog {
    by_name: BTreeMap<String, ServedModel>,
    engines: Vec<Engine>,
}

/// A name that cannot be served as asked.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// Two loaded models have the same name.
    #[error("two models are both named {0}: load only one of them")]
    DuplicateModel(String),
    /// An alias points to a model that is not loaded.
    #[error("the alias {alias} names the model {model}, which is not loaded (loaded: {loaded})")]
    UnknownModel {
        /// The API's name.
        alias: String,
        /// What it was to stand for.
        model: String,
        /// What there is.
        loaded: String,
    },
    /// An alias that is no name of the API.
    #[error("{0} is no model name of the API: the aliases are marengo3.0 and marengo3.5")]
    UnknownAlias(String),
    /// No model at all.
    #[error("no model is loaded")]
    Empty,
}

impl ModelCatalog {
    /// Names for `engines`: each model's own, and the API's names for the first one, unless
    /// `aliases` (API name, model name) say otherwise.
    ///
    /// # Errors
    ///
    /// [`CatalogError`] when a name is used twice or names nothing.
    pub fn new(engines: Vec<Engine>, aliases: &[(String, String)]) -> Result<Self, CatalogError> {
        let first = engines.first().ok_or(CatalogError::Empty)?.model().description().name.clone();
        let mut by_name = BTreeMap::new();
        for engine in &engines {
            let name = engine.model().description().name.clone();
            let served = served(&name, Dialect::Own, engine);
            if by_name.insert(name.clone(), served).is_some() {
                return Err(CatalogError::DuplicateModel(name));
            }
        }
        if let Some((alias, _)) =
            aliases.iter().find(|(alias, _)| API_MODEL_NAMES.iter().all(|(name, _)| name != alias))
        {
            return Err(CatalogError::UnknownAlias(alias.clone()));
        }
        for (alias, dialect) in API_MODEL_NAMES {
            let chosen = aliases.iter().rev().find(|(name, _)| name == alias);
            let model = chosen.map_or(&first, |(_, model)| model);
            let engine = by_name.get(model).map(|served: &ServedModel| served.engine.clone());
            let engine = engine.ok_or_else(|| CatalogError::UnknownModel {
                alias: alias.to_owned(),
                model: model.clone(),
                loaded: by_name.keys().cloned().collect::<Vec<_>>().join(", "),
            })?;
            by_name.insert(alias.to_owned(), served(alias, dialect, &engine));
        }
        Ok(Self { by_name, engines })
    }

    /// The model of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&ServedModel> {
        self.by_name.get(name)
    }

    /// The own name of the first model.
    #[must_use]
    pub fn first_name(&self) -> Option<&str> {
        self.engines.first().map(|engine| engine.model().description().name.as_str())
    }

    /// The fingerprint of the first model's space.
    #[must_use]
    pub fn first_space(&self) -> Option<&str> {
        self.first_name().and_then(|name| self.find(name)).map(|served| &*served.space)
    }

    /// Every name that a request may use.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// The engines, one for each loaded model.
    #[must_use]
    pub fn engines(&self) -> &[Engine] {
        &self.engines
    }
}

fn served(name: &str, dialect: Dialect, engine: &Engine) -> ServedModel {
    let space = engine.model().description().space_fingerprint();
    ServedModel { name: name.to_owned(), dialect, engine: engine.clone(), space: space.into() }
}
