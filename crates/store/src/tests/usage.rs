//! Usage is added up exactly, and survives what it should survive.

use serde_json::json;
use time::macros::date;

use super::Fixture;
use crate::faults::FaultPlan;
use crate::*;

fn counts(requests: u64, images: u64, tokens: u64, errors: u64) -> UsageCounts {
    UsageCounts { requests, images, tokens, errors }
}

fn used(f: &Fixture, scope: &OwnerScope) -> Vec<(time::Date, UsageCounts)> {
    let rows = f.store.usage(scope, date!(2026 - 01 - 01), date!(2026 - 12 - 31)).unwrap();
    assert!(rows.iter().all(|row| row.key_id == scope.key_id() && row.key_name == "test"));
    rows.into_iter().map(|row| (row.day, row.counts)).collect()
}

#[test]
fn counts_add_up_by_key_and_day() {
    let f = Fixture::new();
    let (a, b) = (f.scope("a"), f.scope("b"));
    let (monday, tuesday) = (date!(2026 - 11 - 23), date!(2026 - 11 - 24));
    for _ in 0..3 {
        let mut batch = UsageBatch::default();
        batch.add(&a, monday, counts(1, 2, 30, 0));
        batch.add(&a, monday, counts(1, 0, 0, 1));
        batch.add(&a, tuesday, counts(1, 0, 5, 0));
        batch.add(&b, monday, counts(1, 1, 1, 1));
        f.store.add_usage(&batch).unwrap();
    }
    f.store.add_usage(&UsageBatch::default()).unwrap();
    assert_eq!(used(&f, &a), [(monday, counts(6, 6, 90, 3)), (tuesday, counts(3, 0, 15, 0))]);
    assert_eq!(used(&f, &b), [(monday, counts(3, 3, 3, 3))]);
    assert!(f.store.usage(&a, tuesday, monday).unwrap().is_empty());
    assert_eq!(f.store.usage(&a, tuesday, tuesday).unwrap().len(), 1);
    f.store.sync_usage().unwrap();
    let f = f.reopen();
    assert_eq!(used(&f, &a)[0].1, counts(6, 6, 90, 3));
}

#[test]
fn a_batch_that_fails_is_not_added_in_part() {
    const EIO: i32 = 5;
    let f = Fixture::new();
    let scope = f.scope("a");
    let today = date!(2026 - 11 - 22);
    let mut batch = UsageBatch::default();
    batch.add(&scope, today, counts(1, 1, 1, 1));
    let mut failures = 0;
    loop {
        let plan = FaultPlan::new(failures, EIO, false);
        let (added, _) = plan.run(|| f.store.add_usage(&batch));
        if added.is_ok() {
            break;
        }
        failures += 1;
        assert!(used(&f, &scope).is_empty(), "after failure {failures}");
    }
    assert!(failures > 0);
    assert_eq!(used(&f, &scope), [(today, counts(1, 1, 1, 1))]);
}

#[test]
fn a_durable_write_after_counts_is_durable_again() {
    let f = Fixture::new();
    let scope = f.scope("a");
    let mut batch = UsageBatch::default();
    batch.add(&scope, date!(2026 - 11 - 22), counts(1, 0, 0, 0));
    let level = || -> i64 {
        let level = f.store.database().write(|t| {
            Ok(t.query_row("SELECT synchronous FROM pragma_synchronous", [], |row| row.get(0))?)
        });
        level.unwrap()
    };
    const FULL: i64 = 2;
    assert_eq!(level(), FULL);
    f.store.add_usage(&batch).unwrap();
    assert_eq!(level(), FULL);
}

#[test]
fn a_task_is_counted_with_its_outcome_and_once() {
    let f = Fixture::new();
    let scope = f.scope("a");
    let new = NewTask { model_name: "m".into(), request: json!({}), input: None };
    f.store.create_task(&scope, new).unwrap();
    let lease = std::time::Duration::from_secs(60);
    let claimed = f.store.claim_task(lease).unwrap().unwrap();
    let today = date!(2026 - 11 - 22);
    let mut batch = UsageBatch::default();
    batch.add(&claimed.scope, today, counts(0, 1, 10, 0));
    f.store.finish_task_and_count(&claimed, Ok(json!([1.0])), &batch).unwrap();
    f.store.finish_task_and_count(&claimed, Ok(json!([1.0])), &batch).unwrap_err();
    assert_eq!(used(&f, &scope), [(today, counts(0, 1, 10, 0))]);
}
