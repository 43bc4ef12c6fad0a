//! What a start does with the remains of an interrupted run.

use std::path::PathBuf;
use std::time::Duration as Lease;

use serde_json::json;
use time::{Duration, OffsetDateTime};

use super::{Fixture, check_all_assets, create, files_below, map, stage};
use crate::{Access, AssetId, NewTask, NewUpload, PartReport, StartReport, Store, StoreErrorKind};

#[test]
fn remains_of_interrupted_writes_are_removed_and_the_rest_is_kept() {
    let f = Fixture::new();
    let scope = f.scope("a");
    let kept = create(&f.store, &scope, "x", b"kept");
    // Killed while writing, and killed between the rename and the commit.
    std::fs::write(f.path().join("tmp").join(AssetId::new().as_str()), b"half").unwrap();
    let orphan = f.store.disk().asset_path(scope.account(), &AssetId::new());
    std::fs::create_dir_all(orphan.parent().unwrap()).unwrap();
    std::fs::write(&orphan, b"whole, but without a row").unwrap();
    // Not of this program's making.
    let foreign = orphan.with_file_name("README");
    std::fs::write(&foreign, b"mine").unwrap();

    let f = f.reopen();
    assert_eq!(f.store.start_report(), StartReport { blobs_missing: 0, files_removed: 2 });
    assert!(!orphan.exists() && foreign.exists());
    assert_eq!(f.store.read_asset(&scope, &kept.id).unwrap().unwrap().1, b"kept");
    // Again, nothing is left to do.
    assert_eq!(f.reopen().store.start_report(), StartReport::default());
}

#[test]
fn missing_files_are_counted_and_do_not_stop_the_start() {
    let f = Fixture::new();
    let scope = f.scope("a");
    let lost = create(&f.store, &scope, "x", b"lost");
    create(&f.store, &scope, "y", b"kept");
    std::fs::remove_file(f.store.disk().asset_path(scope.account(), &lost.id)).unwrap();
    let f = f.reopen();
    assert_eq!(f.store.start_report(), StartReport { blobs_missing: 1, files_removed: 0 });
    let error = f.store.read_asset(&scope, &lost.id).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Corrupt);
    assert!(f.store.delete_asset(&scope, &lost.id).unwrap());
    assert_eq!(check_all_assets(&f.store, &scope), 1);
}

#[test]
fn a_lost_database_does_not_cost_the_files() {
    let f = Fixture::new();
    let scope = f.scope("a");
    create(&f.store, &scope, "x", b"precious");
    let blobs = f.path().join("blobs");
    let Fixture { store, dir } = f;
    drop(store);
    std::fs::remove_file(dir.path().join("onespace.db")).unwrap();
    let error = Store::open(dir.path(), Access::Serve).err().unwrap();
    assert_eq!(error.kind(), StoreErrorKind::Corrupt);
    assert!(error.to_string().contains("backup"), "{error}");
    assert_eq!(files_below(&blobs).len(), 1);
}

#[test]
fn unfinished_uploads_and_tasks_go_on_after_a_restart() {
    let f = Fixture::new();
    let scope = f.scope("a");
    let input = Some(stage(&f.store, b"input"));
    let request = json!({"input_type": "image"});
    let task =
        f.store.create_task(&scope, NewTask { model_name: "m".into(), request, input }).unwrap();
    assert_eq!(f.store.claim_task(Lease::from_secs(3600)).unwrap().unwrap().attempt, 1);
    let new = NewUpload {
        filename: "f".into(),
        media_type: "image".into(),
        total_size: 8,
        chunk_size: 4,
        user_metadata: map(json!({})),
        expires_at: OffsetDateTime::now_utc() + Duration::hours(1),
    };
    let upload = f.store.create_upload(&scope, new).unwrap();
    let token =
        |f: &Fixture, index| f.store.sign_part(&scope, &upload, index, upload.expires_at).unwrap();
    let first = f.store.verify_part(&token(&f, 1)).unwrap().unwrap();
    let etag = f.store.put_part(&first, stage(&f.store, b"abcd")).unwrap();
    let second_token = token(&f, 2);
    let part_files: Vec<PathBuf> = files_below(&f.path().join("parts"));
    // A chunk whose row was never written.
    std::fs::write(part_files[0].with_file_name("2-0000"), b"efgh").unwrap();

    let f = f.reopen();
    assert_eq!(f.store.start_report(), StartReport { blobs_missing: 0, files_removed: 1 });
    // The lease died with the process that held it.
    let claimed = f.store.claim_task(Lease::from_secs(60)).unwrap().unwrap();
    assert_eq!((claimed.task.id, claimed.attempt), (task.id, 2));
    assert_eq!(claimed.input.as_deref(), Some(b"input".as_slice()));
    // Tokens from before are still good, and so is the chunk.
    let second = f.store.verify_part(&second_token).unwrap().unwrap();
    let second_etag = f.store.put_part(&second, stage(&f.store, b"efgh")).unwrap();
    let reports = [
        PartReport { chunk_index: 1, proof: etag },
        PartReport { chunk_index: 2, proof: second_etag },
    ];
    f.store.report_parts(&scope, &upload.id, &reports).unwrap();
    let whole = f.store.assemble_upload(&scope, &upload.id).unwrap();
    assert_eq!(whole.read().unwrap(), b"abcdefgh");
}
