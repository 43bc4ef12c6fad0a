//! Where a folder came from: written beside the files of each pulled model.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::disk::open_ordinary;
use crate::error::HubError;

/// The name of the record in the folder.
pub const RECORD_FILE: &str = "onespace-source.json";
const RECORD_BYTES_MAX: u64 = 1 << 20;

/// Where a folder came from, and what was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRecord {
    /// `OWNER/NAME`.
    pub repository: String,
    /// The branch, tag or commit that was asked for; `main` if none.
    pub revision: String,
    /// The commit that it stood for.
    pub commit: String,
    /// The hub.
    pub endpoint: String,
    /// When, in RFC 3339.
    pub pulled_at: String,
    /// The files, as they were checked.
    pub files: Vec<RecordedFile>,
}

/// A file as it was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedFile {
    /// Its path in the folder.
    pub path: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// The SHA-256 of its contents, in lower-case hexadecimal.
    pub sha256: String,
}

impl SourceRecord {
    /// The record in `folder`; `None` where there is none that can be read.
    #[must_use]
    pub fn read(folder: &Path) -> Option<Self> {
        let file = open_ordinary(&folder.join(RECORD_FILE)).ok()?;
        let mut json = Vec::new();
        file.take(RECORD_BYTES_MAX).read_to_end(&mut json).ok()?;
        serde_json::from_slice(&json).ok()
    }

    /// Size of all files in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    pub(crate) fn write(&self, folder: &Path) -> Result<(), HubError> {
        let path = folder.join(RECORD_FILE);
        let unwritable = |source| HubError::storage(&path, "written", source);
        let mut json = serde_json::to_vec_pretty(self).map_err(|error| unwritable(error.into()))?;
        json.push(b'\n');
        let mut file = File::create(&path).map_err(unwritable)?;
        file.write_all(&json).and_then(|()| file.sync_all()).map_err(unwritable)
    }
}
