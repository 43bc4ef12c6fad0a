//! Which model answers to which name, and by which rules of the API.

use std::collections::{BTreeMap, BTreeSet};
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

fn is_api_name(name: &str) -> bool {
    API_MODEL_NAMES.iter().any(|(api_name, _)| *api_name == name)
}

/// All served models by every name that a request may use.
pub struct ModelCatalog {
    by_name: BTreeMap<String, ServedModel>,
    engines: Vec<Engine>,
}

/// An engine, and what its model may be called besides its own name.
pub struct NamedEngine {
    /// The engine.
    pub engine: Engine,
    /// Further names: how the operator, or its maker, calls it.
    pub names: Vec<String>,
}

impl From<Engine> for NamedEngine {
    fn from(engine: Engine) -> Self {
        Self { engine, names: Vec::new() }
    }
}

/// A name that cannot be served as asked.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// Two loaded models have the same name.
    #[error(
        "two models are both named {0}: load only one of them, or give one another `name` in its \
         folder's onespace.json"
    )]
    DuplicateModel(String),
    /// A model is named like an alias.
    #[error(
        "a model is named {0}, which is a name of the API: give it another `name` in its folder's \
         onespace.json"
    )]
    ReservedName(String),
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
    #[error("`{0}` is no model name of the API: the aliases are marengo3.0 and marengo3.5")]
    UnknownAlias(String),
    /// No model at all.
    #[error("no model is loaded")]
    Empty,
}

impl ModelCatalog {
    /// Names for `engines`: each model's own and its further ones, and the API's names for the first
    /// one, unless `aliases` (API name, model name) say otherwise.
    ///
    /// # Errors
    ///
    /// [`CatalogError`] when a name is used twice or names nothing.
    pub fn new<E: Into<NamedEngine>>(
        engines: Vec<E>,
        aliases: &[(String, String)],
    ) -> Result<Self, CatalogError> {
        let engines: Vec<NamedEngine> = engines.into_iter().map(Into::into).collect();
        let own_name = |named: &NamedEngine| named.engine.model().description().name.clone();
        let first = engines.first().map(own_name).ok_or(CatalogError::Empty)?;
        let mut catalog = Self {
            by_name: BTreeMap::new(),
            engines: engines.iter().map(|named| named.engine.clone()).collect(),
        };
        for named in &engines {
            let name = own_name(named);
            if is_api_name(&name) {
                return Err(CatalogError::ReservedName(name));
            }
            catalog.add(name, &named.engine)?;
        }
        for named in &engines {
            let further = named.names.iter().filter(|name| **name != own_name(named));
            let further: BTreeSet<_> = further.collect();
            for name in further {
                catalog.add(name.clone(), &named.engine)?;
            }
        }
        if let Some((alias, _)) = aliases.iter().find(|(alias, _)| !is_api_name(alias)) {
            return Err(CatalogError::UnknownAlias(alias.clone()));
        }
        for (alias, dialect) in API_MODEL_NAMES {
            let chosen = aliases.iter().rev().find(|(name, _)| name == alias);
            let engine = catalog.loaded(alias, chosen.map_or(&first, |(_, model)| model))?;
            let served = served(alias, dialect, &engine);
            catalog.by_name.insert(alias.to_owned(), served);
        }
        Ok(catalog)
    }

    fn add(&mut self, name: String, engine: &Engine) -> Result<(), CatalogError> {
        let served = served(&name, Dialect::Own, engine);
        match self.by_name.insert(name.clone(), served) {
            Some(_) => Err(CatalogError::DuplicateModel(name)),
            None => Ok(()),
        }
    }

    /// The engine that `alias` is to stand for.
    fn loaded(&self, alias: &str, model: &str) -> Result<Engine, CatalogError> {
        let own = self.by_name.get(model).filter(|served| served.dialect == Dialect::Own);
        own.map(|served| served.engine.clone()).ok_or_else(|| CatalogError::UnknownModel {
            alias: alias.to_owned(),
            model: model.to_owned(),
            loaded: self.own_names().join(", "),
        })
    }

    fn own_names(&self) -> Vec<&str> {
        let own = self.by_name.values().filter(|served| served.dialect == Dialect::Own);
        own.map(|served| served.name.as_str()).collect()
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
