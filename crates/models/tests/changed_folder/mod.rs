//! Copies of a model's files that may be changed, and what is said about them.

#![expect(clippy::unwrap_used, reason = "what is missing here fails the test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use onespace_models::{EmbeddingModel, LoadError, LoadErrorKind};
use serde_json::Value;
use tempfile::TempDir;

/// How a test loads a folder.
pub(crate) type Load = fn(&Path) -> Result<Arc<dyn EmbeddingModel>, LoadError>;
/// A change, and the refusal that follows: its kind, and words in it.
pub(crate) type Refusal = (fn(&Copy), LoadErrorKind, &'static str);

/// A copy of a model's files that may be changed.
pub(crate) struct Copy {
    folder: TempDir,
    load: Load,
}

impl Copy {
    pub(crate) fn of(original: &Path, load: Load) -> Self {
        let copy = Self { folder: TempDir::new().unwrap(), load };
        for entry in fs::read_dir(original).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                fs::copy(&path, copy.path(path.file_name().unwrap().to_str().unwrap())).unwrap();
            }
        }
        copy
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    pub(crate) fn change(&self, file: &str, change: impl FnOnce(&mut Value)) {
        let mut json = serde_json::from_slice(&fs::read(self.path(file)).unwrap()).unwrap();
        change(&mut json);
        fs::write(self.path(file), json.to_string()).unwrap();
    }

    pub(crate) fn load(&self) -> Result<Arc<dyn EmbeddingModel>, LoadError> {
        (self.load)(self.folder.path())
    }
}

/// Loads a changed copy for each row and compares what is said about it.
pub(crate) fn assert_refused(copy: impl Fn() -> Copy, rows: &[Refusal]) {
    let mut wrong = Vec::new();
    for (change, kind, words) in rows {
        let copy = copy();
        change(&copy);
        match copy.load() {
            Ok(_) => wrong.push(format!("{words}: taken")),
            Err(error) if error.kind() == *kind && error.to_string().contains(words) => {}
            Err(error) => wrong.push(format!("{words}: {:?} {error}", error.kind())),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
