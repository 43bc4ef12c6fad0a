//! Tests of the store through its public methods, with the clock and faults in the test's hand.

mod asset_vectors;
mod assets;
mod concurrency;
mod console;
mod crash;
mod faults;
mod isolation;
mod keys;
mod listing;
mod measure;
mod opening;
mod part_tokens;
mod recovery;
mod small_disk;
mod sweep;
mod tasks;
mod uploads;
mod usage;

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::*;

/// A store in a directory that goes away with it.
pub(super) struct Fixture {
    pub(super) store: Store,
    pub(super) dir: TempDir,
}

impl Fixture {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), Access::Serve).unwrap();
        Self { store, dir }
    }

    /// Closes the store and opens it again.
    pub(super) fn reopen(self) -> Self {
        let Self { store, dir } = self;
        drop(store);
        let store = Store::open(dir.path(), Access::Serve).unwrap();
        Self { store, dir }
    }

    pub(super) fn scope(&self, account: &str) -> OwnerScope {
        scope(&self.store, account)
    }

    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }
}

/// A scope of the account, by way of a fresh key.
pub(super) fn scope(store: &Store, account: &str) -> OwnerScope {
    let id = store.ensure_account(account).unwrap();
    let (key, _) = store.create_key(&id, "test", None).unwrap();
    store.authenticate(key.reveal()).unwrap().unwrap()
}

pub(super) fn stage(store: &Store, bytes: &[u8]) -> StagedBlob {
    let mut writer = store.stage_blob(bytes.len() as u64).unwrap();
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

pub(super) fn map(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

pub(super) fn named(filename: &str) -> NewAsset {
    NewAsset {
        id: None,
        method: AssetMethod::Direct,
        filename: filename.to_owned(),
        file_type: "image/png".to_owned(),
        user_metadata: map(json!({"colour": "red"})),
        technical_metadata: map(json!({"image_width": 3})),
    }
}

pub(super) fn create(store: &Store, scope: &OwnerScope, filename: &str, bytes: &[u8]) -> Asset {
    store.create_asset(scope, named(filename), stage(store, bytes)).unwrap()
}

pub(super) fn page(page: u32, page_limit: u32) -> PageRequest {
    PageRequest { page, page_limit }
}

/// All plain files below a directory.
pub(super) fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let Ok(entries) = std::fs::read_dir(dir) else { return files };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files
}

/// Every asset that the account lists reads back whole; their number.
pub(super) fn check_all_assets(store: &Store, scope: &OwnerScope) -> usize {
    let listed = store.list_assets(scope, &AssetFilter::default(), page(1, 10_000)).unwrap();
    for asset in &listed.items {
        let (_, bytes) = store.read_asset(scope, &asset.id).unwrap().unwrap();
        assert_eq!(bytes.len() as u64, asset.size);
    }
    listed.items.len()
}
