//! Tasks: queue order, leases, attempts, lists.

use std::time::Duration as Lease;

use serde_json::{Value, json};
use time::Duration;

use super::{Fixture, files_below, page, stage};
use crate::{NewTask, OwnerScope, Store, StoreErrorKind, Task, TaskFilter, TaskId, TaskStatus};

const LEASE: Lease = Lease::from_secs(30);

fn queue(store: &Store, scope: &OwnerScope, input: Option<&[u8]>) -> Task {
    let input = input.map(|bytes| stage(store, bytes));
    let request = json!({"input_type": "image", "numbers": [1, 0.1]});
    store.create_task(scope, NewTask { model_name: "marengo3.5".into(), request, input }).unwrap()
}

#[test]
fn a_task_is_queued_run_and_found_again() {
    let f = Fixture::new();
    let scope = f.scope("a");
    let task = queue(&f.store, &scope, Some(b"picture"));
    assert_eq!(task.status, TaskStatus::Processing);
    let claimed = f.store.claim_task(LEASE).unwrap().unwrap();
    assert_eq!(claimed.scope, scope);
    assert_eq!(claimed.task, task);
    assert_eq!((claimed.attempt, claimed.input.as_deref()), (1, Some(b"picture".as_slice())));
    assert!(f.store.claim_task(LEASE).unwrap().is_none());

    let vector: Vec<f32> = (0_u16..512).map(|n| (f32::from(n) / 7.0).sin() / 16.0).collect();
    let result = json!({"data": [{"embedding": vector}]});
    f.store.finish_task(&claimed, Ok(result.clone())).unwrap();
    assert!(files_below(&f.path().join("inputs")).is_empty());
    let f = f.reopen();
    let done = f.store.task(&scope, &task.id).unwrap().unwrap();
    assert_eq!((done.status, done.error), (TaskStatus::Ready, None));
    assert_eq!(done.result, Some(result), "floats come back bit for bit");
    assert!(done.updated_at >= done.created_at);
    assert_eq!(f.store.task(&scope, &TaskId::new()).unwrap(), None);
}

#[test]
fn the_oldest_task_comes_first() {
    let f = Fixture::new();
    let (a, b) = (f.scope("a"), f.scope("b"));
    let queued: Vec<TaskId> =
        [&a, &b, &a].into_iter().map(|scope| queue(&f.store, scope, None).id).collect();
    let claimed: Vec<TaskId> =
        (0..3).map(|_| f.store.claim_task(LEASE).unwrap().unwrap().task.id).collect();
    assert_eq!(claimed, queued);
}

#[test]
fn a_lease_that_ran_out_lets_another_worker_in_and_locks_the_first_out() {
    let f = Fixture::new();
    let scope = f.scope("a");
    let task = queue(&f.store, &scope, Some(b"x"));
    let first = f.store.claim_task(LEASE).unwrap().unwrap();
    f.store.clock().advance(Duration::seconds(29));
    assert!(f.store.claim_task(LEASE).unwrap().is_none());
    f.store.clock().advance(Duration::seconds(2));
    let second = f.store.claim_task(LEASE).unwrap().unwrap();
    assert_eq!((second.attempt, second.input.is_some()), (2, true));

    let late = f.store.finish_task(&first, Ok(json!("late"))).unwrap_err();
    assert_eq!(late.kind(), StoreErrorKind::Conflict);
    f.store.finish_task(&second, Ok(json!("right"))).unwrap();
    let again = f.store.finish_task(&second, Err("again".into())).unwrap_err();
    assert_eq!(again.kind(), StoreErrorKind::Conflict);
    let done = f.store.task(&scope, &task.id).unwrap().unwrap();
    assert_eq!(done.result, Some(Value::from("right")));
}

#[test]
fn a_task_is_given_up_after_five_attempts() {
    let f = Fixture::new();
    let scope = f.scope("a");
    let task = queue(&f.store, &scope, Some(b"x"));
    for attempt in 1..=5 {
        assert_eq!(f.store.claim_task(LEASE).unwrap().unwrap().attempt, attempt);
        f.store.clock().advance(Duration::seconds(31));
    }
    assert!(f.store.claim_task(LEASE).unwrap().is_none());
    let failed = f.store.task(&scope, &task.id).unwrap().unwrap();
    assert_eq!((failed.status, failed.result), (TaskStatus::Failed, None));
    assert!(failed.error.unwrap().contains("interrupted"));
    assert!(files_below(&f.path().join("inputs")).is_empty());
}

#[test]
fn a_task_with_a_damaged_input_fails_and_the_next_one_runs() {
    let f = Fixture::new();
    let scope = f.scope("a");
    let lost = queue(&f.store, &scope, Some(b"lost"));
    let changed = queue(&f.store, &scope, Some(b"changed"));
    let good = queue(&f.store, &scope, Some(b"good"));
    let path = |task: &Task| f.store.disk().input_path(scope.account(), &task.id);
    std::fs::remove_file(path(&lost)).unwrap();
    std::fs::write(path(&changed), b"CHANGED").unwrap();
    assert_eq!(f.store.claim_task(LEASE).unwrap().unwrap().task.id, good.id);
    for task in [lost, changed] {
        let failed = f.store.task(&scope, &task.id).unwrap().unwrap();
        assert_eq!(failed.status, TaskStatus::Failed);
        assert!(failed.error.unwrap().contains("damaged"));
    }
}

#[test]
fn lists_are_filtered_newest_first_and_paged() {
    let f = Fixture::new();
    let scope = f.scope("a");
    let tasks: Vec<Task> = (0..4)
        .map(|_| {
            f.store.clock().advance(Duration::seconds(10));
            queue(&f.store, &scope, None)
        })
        .collect();
    let claimed = f.store.claim_task(LEASE).unwrap().unwrap();
    f.store.finish_task(&claimed, Err("No.".into())).unwrap();
    let list = |filter: TaskFilter, wanted| {
        let found = f.store.list_tasks(&scope, &filter, wanted).unwrap();
        let places = |task: &Task| tasks.iter().position(|other| other.id == task.id).unwrap();
        (found.items.iter().map(places).collect::<Vec<_>>(), found.total)
    };
    let all = TaskFilter::default();
    assert_eq!(list(all, page(1, 10)), (vec![3, 2, 1, 0], 4));
    assert_eq!(list(all, page(2, 3)), (vec![0], 4));
    assert_eq!(list(all, page(3, 3)), (vec![], 4));
    let failed = TaskFilter { status: Some(TaskStatus::Failed), ..all };
    assert_eq!(list(failed, page(1, 10)), (vec![0], 1));
    let between = TaskFilter {
        started_at: Some(tasks[1].created_at),
        ended_at: Some(tasks[2].created_at),
        ..all
    };
    assert_eq!(list(between, page(1, 10)), (vec![2, 1], 2));
}

#[test]
fn workers_never_share_a_task() {
    const TASKS: usize = 40;
    let f = Fixture::new();
    let scope = f.scope("a");
    for _ in 0..TASKS {
        queue(&f.store, &scope, None);
    }
    let claimed = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                while let Some(task) = f.store.claim_task(LEASE).unwrap() {
                    f.store.finish_task(&task, Ok(Value::Null)).unwrap();
                    claimed.lock().unwrap().push(task.task.id);
                }
            });
        }
    });
    let mut claimed = claimed.into_inner().unwrap();
    claimed.sort();
    claimed.dedup();
    assert_eq!(claimed.len(), TASKS);
}
