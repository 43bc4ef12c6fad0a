//! The periodic sweep.

use serde_json::json;
use time::{Duration, OffsetDateTime};

use super::uploads::{new_upload, put};
use super::{Fixture, check_all_assets, create, files_below, stage};
use crate::{NewTask, PartStatus, StoreErrorKind, SweepReport, TaskFilter, UploadStatus};

#[test]
fn a_sweep_removes_what_has_had_its_time_and_nothing_else() {
    let f = Fixture::new();
    let scope = f.scope("a");
    create(&f.store, &scope, "x", b"stays");
    let upload = f.store.create_upload(&scope, new_upload(8, 4)).unwrap();
    put(&f.store, &scope, &upload, 1, b"abcd");
    let new_task = || NewTask { model_name: "m".into(), request: json!({}), input: None };
    let done = f.store.create_task(&scope, new_task()).unwrap();
    let claimed = f.store.claim_task(std::time::Duration::from_secs(9)).unwrap().unwrap();
    f.store.finish_task(&claimed, Ok(json!([1.0]))).unwrap();
    let waiting = f.store.create_task(&scope, new_task()).unwrap();
    let held = stage(&f.store, b"in use");
    std::fs::write(f.path().join("tmp").join("orphan"), b"left").unwrap();

    let now = OffsetDateTime::now_utc();
    let report = f.store.sweep(now).unwrap();
    assert_eq!(report, SweepReport { files_removed: 1, ..SweepReport::default() });
    assert_eq!(held.read().unwrap(), b"in use");

    f.store.clock().advance(Duration::hours(25));
    let report = f.store.sweep(now + Duration::hours(25)).unwrap();
    assert_eq!(report, SweepReport { uploads_expired: 1, ..SweepReport::default() });
    assert!(files_below(&f.path().join("parts")).is_empty());
    let ended = f.store.upload(&scope, &upload.id).unwrap().unwrap();
    assert_eq!(ended.status, UploadStatus::Expired);
    let parts = f.store.parts(&scope, &upload.id, super::page(1, 10)).unwrap();
    assert!(parts.items.iter().all(|part| part.status == PartStatus::Failed));

    let report = f.store.sweep(now + Duration::days(9)).unwrap();
    assert_eq!(report, SweepReport { tasks_removed: 1, ..SweepReport::default() });
    assert_eq!(f.store.upload(&scope, &upload.id).unwrap(), None);
    assert_eq!(f.store.task(&scope, &done.id).unwrap(), None);
    let left = f.store.list_tasks(&scope, &TaskFilter::default(), super::page(1, 10)).unwrap();
    assert_eq!(left.items.iter().map(|task| &task.id).collect::<Vec<_>>(), [&waiting.id]);
    assert_eq!(check_all_assets(&f.store, &scope), 1);
}

#[test]
fn only_the_server_sweeps() {
    let f = Fixture::new();
    let administrator = crate::Store::open(f.path(), crate::Access::Administer).unwrap();
    let error = administrator.sweep(OffsetDateTime::now_utc()).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Locked);
}
