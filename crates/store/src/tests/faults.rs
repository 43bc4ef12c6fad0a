//! Every file and database operation of every call fails in turn, once and from then on. Nothing
//! is acknowledged that is not durable, nothing half-done is visible, and the next start is clean.

use std::collections::BTreeSet;
use std::time::Duration as Lease;

use serde_json::json;

use super::uploads::{new_upload, pass, put};
use super::{Fixture, check_all_assets, create, files_below, map, named, stage};
use crate::faults::FaultPlan;
use crate::*;

const EIO: i32 = 5;
const ENOSPC: i32 = 28;
/// More than any call takes; a loop that gets here would not end.
const OPERATIONS_MAX: usize = 100;

/// What a scenario acts on, prepared before faults begin.
struct Stage {
    scope: OwnerScope,
    asset: Asset,
    upload: Upload,
    pass: PartPass,
}

type Scenario = (&'static str, fn(&Store, &Stage) -> Result<(), StoreError>);

fn blob(store: &Store, bytes: &[u8]) -> Result<StagedBlob, StoreError> {
    let mut writer = store.stage_blob(1000)?;
    std::io::Write::write_all(&mut writer, bytes)?;
    writer.finish()
}

const SCENARIOS: [Scenario; 10] = [
    ("create_asset", |store, stage| {
        store.create_asset(&stage.scope, named("new"), blob(store, b"new")?).map(drop)
    }),
    ("delete_asset", |store, stage| {
        assert!(store.delete_asset(&stage.scope, &stage.asset.id)?);
        Ok(())
    }),
    ("change_user_metadata", |store, stage| {
        let change = MetadataChange::Replace(map(json!({"changed": true})));
        store.change_user_metadata(&stage.scope, &stage.asset.id, change).map(drop)
    }),
    ("put_part", |store, stage| store.put_part(&stage.pass, blob(store, b"ijkl")?).map(drop)),
    ("complete_upload", |store, stage| {
        let whole = store.assemble_upload(&stage.scope, &stage.upload.id)?;
        store.complete_upload(&stage.scope, &stage.upload.id, named("whole"), whole).map(drop)
    }),
    ("fail_upload", |store, stage| store.fail_upload(&stage.scope, &stage.upload.id)),
    ("create_task", |store, stage| {
        let input = Some(blob(store, b"input")?);
        let new = NewTask { model_name: "m".into(), request: json!({}), input };
        store.create_task(&stage.scope, new).map(drop)
    }),
    ("run_task", |store, _| {
        let claimed = store.claim_task(Lease::from_secs(9))?.unwrap();
        assert_eq!(claimed.input.as_deref(), Some(b"queued".as_slice()));
        store.finish_task(&claimed, Ok(json!([1])))
    }),
    ("create_key", |store, _| {
        let account = store.ensure_account("new")?;
        let (key, _) = store.create_key(&account, "k", None)?;
        assert!(store.authenticate(key.reveal())?.is_ok());
        Ok(())
    }),
    ("sweep", |store, _| store.sweep(time::OffsetDateTime::now_utc()).map(drop)),
];

fn prepare(f: &Fixture) -> Stage {
    let scope = f.scope("a");
    let asset = create(&f.store, &scope, "old", b"old");
    let upload = f.store.create_upload(&scope, new_upload(8, 4)).unwrap();
    let reports: Vec<_> = [(1, b"abcd"), (2, b"efgh")]
        .into_iter()
        .map(|(chunk_index, bytes)| PartReport {
            chunk_index,
            proof: put(&f.store, &scope, &upload, chunk_index, bytes),
        })
        .collect();
    f.store.report_parts(&scope, &upload.id, &reports).unwrap();
    let other = f.store.create_upload(&scope, new_upload(4, 4)).unwrap();
    let pass = pass(&f.store, &scope, &other, 1);
    let input = Some(stage(&f.store, b"queued"));
    let new = NewTask { model_name: "m".into(), request: json!({}), input };
    f.store.create_task(&scope, new).unwrap();
    Stage { scope, asset, upload, pass }
}

/// How many assets more there are when the scenario has succeeded.
fn gained(scenario: &str) -> i64 {
    match scenario {
        "create_asset" | "complete_upload" => 1,
        "delete_asset" => -1,
        _ => 0,
    }
}

/// Runs the scenario with its operation number `passes` (from 0) failing. Gives the operations,
/// or nothing if the scenario has fewer.
fn run_once(scenario: &Scenario, plan: FaultPlan) -> Option<Vec<(&'static str, bool)>> {
    let f = Fixture::new();
    let stage = prepare(&f);
    let before = check_all_assets(&f.store, &stage.scope) as i64;
    let (result, seen) = plan.run(|| (scenario.1)(&f.store, &stage));
    let context = format!("{} {seen:?} {result:?}", scenario.0);
    let failed = seen.iter().position(|(_, failed)| *failed);
    if failed.is_none() {
        result.expect("nothing failed");
        return None;
    }
    if let Err(error) = &result {
        use StoreErrorKind::{DiskFull, Io, SyncFailed};
        assert!(matches!(error.kind(), DiskFull | Io | SyncFailed), "{context}");
        assert!(!error.to_string().contains("os error"), "{context}");
    }
    let mut is_done = result.is_ok();
    let first_bad_sync = seen.iter().position(|(name, failed)| *failed && *name == "fsync");
    assert_eq!(f.store.is_healthy(), first_bad_sync.is_none(), "{context}");
    if let Some(place) = first_bad_sync {
        assert!(result.is_err(), "{context}");
        let after = &seen[place + 1..];
        assert!(!after.iter().any(|(name, _)| ["fsync", "commit"].contains(name)), "{context}");
        // Reads go on; writes are refused.
        check_all_assets(&f.store, &stage.scope);
        let refused = f.store.ensure_account("another").unwrap_err();
        assert_eq!(refused.kind(), StoreErrorKind::SyncFailed);
        assert_eq!(f.store.stage_blob(1).err().unwrap().kind(), StoreErrorKind::SyncFailed);
    } else if result.is_err() && scenario.0 != "run_task" {
        // The same again, on the same store, works. (A claimed task waits for its lease.)
        (scenario.1)(&f.store, &stage).expect(&context);
        is_done = true;
    }
    let f = f.reopen();
    assert_eq!(f.store.start_report().blobs_missing, 0, "{context}");
    assert!(files_below(&f.path().join("tmp")).is_empty(), "{context}");
    let assets = check_all_assets(&f.store, &stage.scope);
    let gain = assets as i64 - before;
    assert!(gain == gained(scenario.0) || (!is_done && gain == 0), "{context}");
    assert_eq!(files_below(&f.path().join("blobs")).len(), assets, "{context}");
    let f = f.reopen();
    assert_eq!(f.store.start_report(), StartReport::default(), "{context}");
    Some(seen)
}

fn fail_each_operation(errno: i32, is_lasting: bool) -> BTreeSet<String> {
    let mut failed_points = BTreeSet::new();
    for scenario in &SCENARIOS {
        for passes in 0..OPERATIONS_MAX {
            let plan = FaultPlan::new(passes, errno, is_lasting);
            let Some(seen) = run_once(scenario, plan) else { break };
            failed_points.insert(format!("{}: {}", scenario.0, seen[passes].0));
            assert!(passes + 1 < OPERATIONS_MAX, "{} does not end", scenario.0);
        }
    }
    failed_points
}

#[test]
fn each_operation_fails_once() {
    let points = fail_each_operation(EIO, false);
    assert!(points.len() >= 40, "{points:#?}");
}

#[test]
fn each_operation_fails_and_the_disk_stays_full() {
    fail_each_operation(ENOSPC, true);
}

#[test]
fn each_operation_of_the_first_start_and_of_a_recovery_fails_once() {
    for has_remains in [false, true] {
        for passes in 0..OPERATIONS_MAX {
            let dir = tempfile::tempdir().unwrap();
            if has_remains {
                let f = Fixture { store: Store::open(dir.path(), Access::Serve).unwrap(), dir };
                let stage = prepare(&f);
                f.store.claim_task(Lease::from_secs(999)).unwrap().unwrap();
                let orphan = f.store.disk().asset_path(stage.scope.account(), &AssetId::new());
                std::fs::create_dir_all(orphan.parent().unwrap()).unwrap();
                std::fs::write(orphan, b"x").unwrap();
                std::fs::write(f.path().join("tmp/left"), b"x").unwrap();
                let Fixture { store, dir } = f;
                drop(store);
                if !open_with_fault(dir.path(), passes) {
                    break;
                }
            } else if !open_with_fault(dir.path(), passes) {
                break;
            }
        }
    }
}

/// False when the start has fewer operations than `passes`.
fn open_with_fault(dir: &std::path::Path, passes: usize) -> bool {
    let (opened, seen) =
        FaultPlan::new(passes, EIO, false).run(|| Store::open(dir, Access::Serve).map(drop));
    let has_failed = seen.iter().any(|(_, failed)| *failed);
    assert!(has_failed || opened.is_ok(), "{seen:?}");
    if let Err(error) = opened {
        assert!(!error.to_string().contains("os error"), "{error}");
    }
    drop(Store::open(dir, Access::Serve).unwrap());
    let third = Store::open(dir, Access::Serve).unwrap();
    assert_eq!(third.start_report(), StartReport::default(), "{seen:?}");
    has_failed
}

#[test]
fn a_deletion_tries_again_with_the_room_that_a_checkpoint_makes() {
    let f = Fixture::new();
    let stage = prepare(&f);
    let full_at = |operation: &str| {
        let asset = create(&f.store, &stage.scope, "x", b"x");
        let delete = || f.store.delete_asset(&stage.scope, &asset.id);
        let passes = usize::from(operation == "commit");
        let (deleted, seen) = FaultPlan::new(passes, ENOSPC, false).run(delete);
        assert_eq!(seen[passes], (operation, true));
        assert!(seen.contains(&("checkpoint", false)), "{seen:?}");
        assert!(deleted.unwrap());
    };
    full_at("begin");
    full_at("commit");
}

/// SQLite's own report of a full disk, not a simulated one.
#[test]
fn a_full_database_refuses_writes_until_there_is_room_again() {
    let f = Fixture::new();
    let scope = f.scope("a");
    let limit = |pages: i64| {
        let set = format!("PRAGMA max_page_count = {pages}");
        f.store.database().write(|t| Ok(t.query_row(&set, [], |_| Ok(()))?)).unwrap();
    };
    limit(1);
    let filename = "x".repeat(2_000);
    let mut stored = 0;
    let error = loop {
        let created = f.store.create_asset(&scope, named(&filename), stage(&f.store, b"x"));
        match created {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
        assert!(stored < 1_000);
    };
    assert_eq!(error.kind(), StoreErrorKind::DiskFull);
    assert!(error.to_string().contains("full"), "{error}");
    assert!(f.store.is_healthy());
    assert_eq!(check_all_assets(&f.store, &scope), stored);
    assert_eq!(files_below(&f.path().join("blobs")).len(), stored);
    limit(1_000_000);
    create(&f.store, &scope, &filename, b"x");
    assert_eq!(check_all_assets(&f.store, &scope), stored + 1);
}
