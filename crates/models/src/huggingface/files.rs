//! The files of a folder. Read, not trusted.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::model_files::{WEIGHTS_FILE, open_ordinary};
use crate::weights::{Shard, Weights};
use crate::{LoadError, LoadErrorKind};

/// Names of the shards of a model.
const INDEX_FILE: &str = "model.safetensors.index.json";
const SETTINGS_BYTES_MAX: u64 = 1 << 20;
const TOKENIZER_BYTES_MAX: u64 = 64 << 20;
const INDEX_BYTES_MAX: u64 = 16 << 20;
const SHARDS_MAX: usize = 512;
/// Hexadecimal digits of a revision.
const REVISION_DIGITS: usize = 12;

/// A folder, and a hash of the settings read from it so far.
pub(crate) struct Folder<'a> {
    dir: &'a Path,
    settings: Sha256,
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl<'a> Folder<'a> {
    pub(crate) fn new(dir: &'a Path) -> Self {
        Self { dir, settings: Sha256::new() }
    }

    /// The folder's own name.
    pub(crate) fn name(&self) -> String {
        let absolute = std::path::absolute(self.dir).unwrap_or_else(|_| self.dir.to_owned());
        let name = absolute.file_name().map(|name| name.to_string_lossy().into_owned());
        name.unwrap_or_else(|| "model".to_owned())
    }

    /// A file of settings that must be there.
    pub(crate) fn settings(&mut self, file: &str) -> Result<Vec<u8>, LoadError> {
        let bytes = read(self.dir, file, SETTINGS_BYTES_MAX)?;
        self.note(file, &bytes);
        Ok(bytes)
    }

    /// As [`Self::optional_settings`], and `None` where `is_meant` says that the contents are not.
    pub(crate) fn optional_settings_if(
        &mut self,
        file: &str,
        is_meant: impl FnOnce(&[u8]) -> bool,
    ) -> Result<Option<Vec<u8>>, LoadError> {
        if let Ok(false) = self.dir.join(file).try_exists() {
            return Ok(None);
        }
        let bytes = read(self.dir, file, SETTINGS_BYTES_MAX)?;
        if !is_meant(&bytes) {
            return Ok(None);
        }
        self.note(file, &bytes);
        Ok(Some(bytes))
    }

    /// A file of settings, or `None` where there is none.
    pub(crate) fn optional_settings(&mut self, file: &str) -> Result<Option<Vec<u8>>, LoadError> {
        self.optional_settings_if(file, |_| true)
    }

    /// The tokenizer.
    pub(crate) fn tokenizer(&mut self, file: &str) -> Result<Vec<u8>, LoadError> {
        let bytes = read(self.dir, file, TOKENIZER_BYTES_MAX)?;
        self.note(file, &bytes);
        Ok(bytes)
    }

    fn note(&mut self, file: &str, bytes: &[u8]) {
        self.settings.update(file);
        self.settings.update((bytes.len() as u64).to_le_bytes());
        self.settings.update(bytes);
    }

    /// A name for the contents of everything that was read but the weights.
    pub(crate) fn revision(&self) -> String {
        let mut hash = hex::encode(self.settings.clone().finalize());
        hash.truncate(REVISION_DIGITS);
        hash
    }

    /// Opens the file of weights, or all shards.
    pub(crate) fn weights(&self) -> Result<Weights, LoadError> {
        let single = self.dir.join(WEIGHTS_FILE);
        let has_index = self.dir.join(INDEX_FILE).try_exists().unwrap_or(false);
        if single.try_exists().unwrap_or(false) || !has_index {
            return Weights::open(vec![Shard::open(&single)?]);
        }
        let index: Index = serde_json::from_slice(&read(self.dir, INDEX_FILE, INDEX_BYTES_MAX)?)
            .map_err(|error| {
                refuse_index("is not a list of shards; copy it again").caused_by(error)
            })?;
        let names: BTreeSet<&String> = index.weight_map.values().collect();
        if names.is_empty() || names.len() > SHARDS_MAX {
            let found = names.len();
            return Err(refuse_index(format!("lists {found} files; 1 to {SHARDS_MAX} are read")));
        }
        if let Some(name) = names.iter().find(|name| !is_plain(name)) {
            return Err(refuse_index(format!("names the file {name:?}, which is no plain name")));
        }
        let shards = names.iter().map(|name| Shard::open(&self.dir.join(name)));
        let weights = Weights::open(shards.collect::<Result<_, _>>()?)?;
        match index.weight_map.keys().find(|name| !weights.contains(name)) {
            None => Ok(weights),
            Some(name) => {
                Err(refuse_index(format!("lists the tensor {name}, which is in no file")))
            }
        }
    }
}

/// Whether a name leads to no other folder.
fn is_plain(name: &str) -> bool {
    let is_of_names = |c: char| !c.is_control() && !matches!(c, '/' | '\\');
    name.ends_with(".safetensors") && name.chars().all(is_of_names) && !name.starts_with('.')
}

fn refuse_index(message: impl Into<String>) -> LoadError {
    LoadError::new(LoadErrorKind::Weights, INDEX_FILE, message)
}

/// Reads a file of at most `bytes_max` bytes.
pub(crate) fn read(dir: &Path, file: &str, bytes_max: u64) -> Result<Vec<u8>, LoadError> {
    let path = dir.join(file);
    let shown = path.display().to_string();
    let unreadable = |error: std::io::Error| {
        let message = "cannot be read; check that it exists and may be read";
        LoadError::new(LoadErrorKind::File, &shown, message).caused_by(error)
    };
    let opened = open_ordinary(&path).map_err(unreadable)?;
    let length = opened.metadata().map_err(unreadable)?.len();
    let mut bytes = Vec::new();
    if length <= bytes_max {
        bytes.reserve_exact(usize::try_from(length).unwrap_or(0));
        // The file may have grown since: one byte more than allowed is enough to see it.
        opened.take(bytes_max + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    }
    if length > bytes_max || bytes.len() as u64 > bytes_max {
        let message = format!("is larger than {bytes_max} bytes; it is no file of a model");
        return Err(LoadError::new(LoadErrorKind::File, &shown, message));
    }
    Ok(bytes)
}
