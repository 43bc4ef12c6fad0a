//! Assets one at a time.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;
use sha2::{Digest, Sha256};

use super::{Fixture, create, files_below, map, named, stage};
use crate::faults::FaultPlan;
use crate::{AssetId, AssetMethod, MetadataChange, NewAsset, StoreError, StoreErrorKind};

#[test]
fn an_asset_reads_back_as_it_was_stored_also_after_a_restart() {
    let f = Fixture::new();
    let scope = f.scope("a");
    let reserved = AssetId::new();
    let new = NewAsset {
        id: Some(reserved.clone()),
        method: AssetMethod::Url,
        user_metadata: map(json!({"n": 1.5, "none": null, "empty": "", "list": ["x"]})),
        ..named("päper.png")
    };
    let bytes = b"not really a picture".repeat(1000);
    let asset = f.store.create_asset(&scope, new, stage(&f.store, &bytes)).unwrap();
    assert_eq!(asset.id, reserved);
    assert_eq!(asset.size, bytes.len() as u64);
    assert_eq!(asset.sha256, hex::encode(Sha256::digest(&bytes)));
    assert_eq!(asset.user_metadata, map(json!({"n": 1.5, "list": ["x"]})));

    let f = f.reopen();
    assert_eq!(f.store.asset(&scope, &reserved).unwrap(), Some(asset.clone()));
    assert_eq!(f.store.read_asset(&scope, &reserved).unwrap(), Some((asset, bytes)));
    assert_eq!(f.store.start_report(), crate::StartReport::default());
}

#[test]
fn the_smallest_asset_is_empty() {
    let f = Fixture::new();
    let scope = f.scope("a");
    let blob = stage(&f.store, b"");
    assert!(blob.is_empty());
    let asset = f.store.create_asset(&scope, named("e"), blob).unwrap();
    assert_eq!(f.store.read_asset(&scope, &asset.id).unwrap().unwrap().1, b"");
}

#[test]
fn a_deleted_asset_is_gone_with_its_file() {
    let f = Fixture::new();
    let scope = f.scope("a");
    let asset = create(&f.store, &scope, "x", b"bytes");
    let blobs = f.path().join("blobs");
    assert_eq!(files_below(&blobs).len(), 1);
    assert!(f.store.delete_asset(&scope, &asset.id).unwrap());
    assert!(!f.store.delete_asset(&scope, &asset.id).unwrap());
    assert_eq!(f.store.asset(&scope, &asset.id).unwrap(), None);
    assert_eq!(f.store.read_asset(&scope, &asset.id).unwrap(), None);
    assert!(files_below(&blobs).is_empty());
}

#[test]
fn a_taken_id_is_a_conflict_and_harms_nothing() {
    let f = Fixture::new();
    let scope = f.scope("a");
    let asset = create(&f.store, &scope, "x", b"first");
    let again = NewAsset { id: Some(asset.id.clone()), ..named("y") };
    let error = f.store.create_asset(&scope, again, stage(&f.store, b"second")).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Conflict);
    assert_eq!(f.store.read_asset(&scope, &asset.id).unwrap().unwrap().1, b"first");
    assert!(files_below(&f.path().join("tmp")).is_empty());
}

#[test]
fn the_cap_is_exact_and_recoverable_as_an_error() {
    let f = Fixture::new();
    let mut writer = f.store.stage_blob(4).unwrap();
    writer.write_all(b"1234").unwrap();
    assert_eq!(writer.written(), 4);
    let error = writer.write_all(b"5").unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::FileTooLarge);
    assert_eq!(StoreError::from(error).kind(), StoreErrorKind::TooLarge);
    // What came before the refused piece is not a blob.
    assert!(writer.finish().is_err());
    assert!(files_below(&f.path().join("tmp")).is_empty());
}

#[test]
fn unused_blobs_leave_nothing() {
    let f = Fixture::new();
    let mut unfinished = f.store.stage_blob(100).unwrap();
    unfinished.write_all(b"half").unwrap();
    let staged = stage(&f.store, b"whole");
    assert_eq!(staged.read().unwrap(), b"whole");
    assert_eq!(staged.len(), 5);
    assert_eq!(files_below(&f.path().join("tmp")).len(), 2);
    drop((unfinished, staged));
    assert!(files_below(&f.path().join("tmp")).is_empty());
}

#[test]
fn damaged_files_are_noticed() {
    let f = Fixture::new();
    let scope = f.scope("a");
    let kind_after = |damage: &dyn Fn(&std::path::Path)| {
        let asset = create(&f.store, &scope, "x", b"some bytes to be damaged");
        let path = f.store.disk().asset_path(scope.account(), &asset.id);
        damage(&path);
        let error = f.store.read_asset(&scope, &asset.id).unwrap_err();
        assert!(!error.to_string().contains("bytes"), "{error}");
        error.kind()
    };
    let flip = |path: &std::path::Path| {
        let mut bytes = std::fs::read(path).unwrap();
        bytes[7] ^= 1;
        std::fs::write(path, bytes).unwrap();
    };
    let truncate = |path: &std::path::Path| std::fs::write(path, b"some").unwrap();
    let lengthen = |path: &std::path::Path| std::fs::write(path, [0; 1000]).unwrap();
    let remove = |path: &std::path::Path| std::fs::remove_file(path).unwrap();
    for damage in [&flip as &dyn Fn(&std::path::Path), &truncate, &lengthen, &remove] {
        assert_eq!(kind_after(damage), StoreErrorKind::Corrupt);
    }
}

#[test]
fn user_metadata_changes() {
    let f = Fixture::new();
    let scope = f.scope("a");
    let id = create(&f.store, &scope, "x", b"x").id;
    let metadata = || f.store.asset(&scope, &id).unwrap().unwrap().user_metadata;
    let change = |change| assert!(f.store.change_user_metadata(&scope, &id, change).unwrap());
    change(MetadataChange::Merge(map(json!({"colour": null, "size": 9_007_199_254_740_993_u64}))));
    assert_eq!(metadata(), map(json!({"size": 9_007_199_254_740_993_u64})));
    change(MetadataChange::Replace(map(json!({"a": true, "b": ""}))));
    assert_eq!(metadata(), map(json!({"a": true})));
    change(MetadataChange::Clear);
    assert_eq!(metadata(), map(json!({})));
    let nothing = f.store.change_user_metadata(&scope, &AssetId::new(), MetadataChange::Clear);
    assert!(!nothing.unwrap());
}

#[test]
fn the_row_is_committed_after_the_file_is_in_place() {
    let f = Fixture::new();
    let scope = f.scope("a");
    let (_, seen) =
        FaultPlan::new(usize::MAX, 0, false).run(|| create(&f.store, &scope, "x", b"x"));
    let operations: Vec<_> = seen.into_iter().map(|(operation, _)| operation).collect();
    let place = |wanted| operations.iter().rposition(|operation| *operation == wanted).unwrap();
    let (rename, commit) = (place("rename"), place("commit"));
    assert!(operations[..rename].contains(&"fsync"), "the bytes come first: {operations:?}");
    assert!(operations[rename..commit].contains(&"fsync"), "then the name: {operations:?}");
    assert_eq!(commit, operations.len() - 1, "then the row: {operations:?}");
}

#[test]
fn only_the_owner_of_the_process_can_read_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let data_dir = dir.path().join("new").join("data");
    let store = crate::Store::open(&data_dir, crate::Access::Serve).unwrap();
    let scope = super::scope(&store, "a");
    create(&store, &scope, "x", b"x");
    let _staged = stage(&store, b"y");
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data_dir), 0o700);
    assert_eq!(mode(&data_dir.join("blobs")), 0o700);
    let files = files_below(&data_dir);
    assert!(files.len() >= 6, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}
