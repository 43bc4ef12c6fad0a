//! The folder of models: `OWNER/NAME` for each pulled one, any other name for those put there by
//! hand, and `.incoming` for what is on its way.

use std::fs;
use std::path::{Path, PathBuf};

use crate::name::RepositoryName;
use crate::selection::CONFIG_FILE;

/// Where models are while they arrive. No model can have that name.
const INCOMING: &str = ".incoming";

/// The folder of models.
#[derive(Clone, Debug)]
pub struct ModelsDir {
    root: PathBuf,
}

/// What is in the folder under one name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LocalModel {
    /// `OWNER/NAME`, or the name of the folder.
    pub name: String,
    /// Where it is, or will be.
    pub path: PathBuf,
    /// Whether all of it is there.
    pub state: LocalState,
}

/// How much of a model is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LocalState {
    /// All of it.
    Whole,
    /// A pull of it has not ended; so many bytes have arrived.
    Incomplete {
        /// Bytes that have arrived.
        arrived_bytes: u64,
    },
}

impl ModelsDir {
    /// Names a folder; it need not exist.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a pulled model is.
    #[must_use]
    pub fn folder_of(&self, repository: &RepositoryName) -> PathBuf {
        self.root.join(repository.owner()).join(repository.name())
    }

    /// Where it is while it arrives.
    #[must_use]
    pub fn incoming_of(&self, repository: &RepositoryName) -> PathBuf {
        self.incoming().join(incoming_name(repository))
    }

    pub(crate) fn incoming(&self) -> PathBuf {
        self.root.join(INCOMING)
    }

    /// Everything in the folder, by name: models that are whole, and pulls that have not ended.
    #[must_use]
    pub fn entries(&self) -> Vec<LocalModel> {
        let mut found = Vec::new();
        for (name, path) in folders(&self.root) {
            if path.join(CONFIG_FILE).is_file() {
                found.push(LocalModel { name, path, state: LocalState::Whole });
                continue;
            }
            let inner = folders(&path).into_iter();
            found.extend(inner.filter(|(_, path)| path.join(CONFIG_FILE).is_file()).map(
                |(inner, path)| LocalModel {
                    name: format!("{name}/{inner}"),
                    path,
                    state: LocalState::Whole,
                },
            ));
        }
        found.extend(folders(&self.incoming()).into_iter().filter_map(|(name, path)| {
            let repository: RepositoryName = name.replacen("--", "/", 1).parse().ok()?;
            let state = LocalState::Incomplete { arrived_bytes: bytes_below(&path) };
            let path = self.folder_of(&repository);
            Some(LocalModel { name: repository.to_string(), path, state })
        }));
        found.sort();
        found
    }
}

/// One name for a repository, without a separator of paths.
pub(crate) fn incoming_name(repository: &RepositoryName) -> String {
    format!("{}--{}", repository.owner(), repository.name())
}

/// The folders in `folder` whose names are text and not hidden.
fn folders(folder: &Path) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    entries
        .filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())))
        .filter(|(name, path)| !name.starts_with('.') && path.is_dir())
        .collect()
}

/// Bytes of all files below `folder`. Links to files count as the files, links to folders do not.
#[must_use]
pub fn bytes_below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    entries
        .map(|entry| {
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            match fs::metadata(entry.path()) {
                Ok(_) if is_folder => bytes_below(&entry.path()),
                Ok(metadata) if metadata.is_file() => metadata.len(),
                _ => 0,
            }
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_models_and_unfinished_pulls_are_told_apart() {
        let root = tempfile::tempdir().expect("a folder");
        let file = |path: &str, bytes: usize| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, vec![0; bytes]).expect("written");
        };
        file("a/b/config.json", 1);
        file("own/config.json", 1);
        file("no-model/readme.txt", 1);
        file(".incoming/a--c/model.safetensors.part", 7);
        file(".incoming/a--c.lock", 0);
        let models = ModelsDir::new(root.path().to_owned());
        let found: Vec<_> =
            models.entries().into_iter().map(|model| (model.name, model.state)).collect();
        let expected = [
            ("a/b".to_owned(), LocalState::Whole),
            ("a/c".to_owned(), LocalState::Incomplete { arrived_bytes: 7 }),
            ("own".to_owned(), LocalState::Whole),
        ];
        assert_eq!(found, expected);
        let missing = ModelsDir::new(root.path().join("missing"));
        assert!(missing.entries().is_empty());
    }
}
