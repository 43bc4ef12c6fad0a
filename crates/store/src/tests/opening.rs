//! Opening a data directory: locks, versions, two processes.

use std::sync::Barrier;

use super::{Fixture, create, files_below, named, stage};
use crate::{Access, AssetFilter, KeyRefusal, Store, StoreErrorKind};

fn open_error(dir: &std::path::Path, access: Access) -> crate::StoreError {
    Store::open(dir, access).err().expect("opening is refused")
}

#[test]
fn a_second_server_is_refused_until_the_first_has_gone() {
    let f = Fixture::new();
    let error = open_error(f.path(), Access::Serve);
    assert_eq!(error.kind(), StoreErrorKind::Locked);
    assert!(error.to_string().contains(f.path().to_str().unwrap()), "{error}");
    let f = f.reopen();
    assert_eq!(open_error(f.path(), Access::Serve).kind(), StoreErrorKind::Locked);
}

#[test]
fn keys_made_and_revoked_beside_a_server_count_in_it_at_once() {
    let f = Fixture::new();
    let administrator = Store::open(f.path(), Access::Administer).unwrap();
    for _ in 0..20 {
        let account = administrator.ensure_account("a").unwrap();
        let (key, record) = administrator.create_key(&account, "k", None).unwrap();
        let scope = f.store.authenticate(key.reveal()).unwrap().unwrap();
        create(&f.store, &scope, "x", b"x");
        administrator.revoke_key(&record.id).unwrap();
        let refusal = f.store.authenticate(key.reveal()).unwrap().unwrap_err();
        assert_eq!(refusal, KeyRefusal::Revoked);
    }
    drop(administrator);
    assert_eq!(f.store.list_keys().unwrap().len(), 20);
    assert_eq!(f.reopen().store.list_keys().unwrap().len(), 20);
}

#[test]
fn an_administrator_stores_no_files() {
    let f = Fixture::new();
    let scope = f.scope("a");
    let administrator = Store::open(f.path(), Access::Administer).unwrap();
    let error = administrator.stage_blob(10).err().unwrap();
    assert_eq!(error.kind(), StoreErrorKind::Locked);
    let blob = stage(&f.store, b"x");
    let error = administrator.create_asset(&scope, named("x"), blob).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Locked);
    assert_eq!(administrator.verify_part("x").unwrap_err().kind(), StoreErrorKind::Locked);
    administrator.checkpoint().unwrap();
}

#[test]
fn keys_can_be_made_before_the_first_server_runs() {
    let dir = tempfile::tempdir().unwrap();
    let administrator = Store::open(dir.path(), Access::Administer).unwrap();
    assert!(administrator.is_first_start());
    let account = administrator.ensure_account("a").unwrap();
    let (key, _) = administrator.create_key(&account, "k", None).unwrap();
    drop(administrator);
    let server = Store::open(dir.path(), Access::Serve).unwrap();
    assert!(!server.is_first_start());
    assert!(server.authenticate(key.reveal()).unwrap().is_ok());
}

#[test]
fn many_processes_may_open_a_new_directory_together() {
    const OPENERS: usize = 6;
    for _ in 0..5 {
        let dir = tempfile::tempdir().unwrap();
        let start = Barrier::new(OPENERS);
        std::thread::scope(|threads| {
            for opener in 0..OPENERS {
                let (dir, start) = (dir.path(), &start);
                threads.spawn(move || {
                    start.wait();
                    let access = if opener == 0 { Access::Serve } else { Access::Administer };
                    let store = Store::open(dir, access).unwrap();
                    store.ensure_account("same").unwrap();
                });
            }
        });
        let store = Store::open(dir.path(), Access::Serve).unwrap();
        let count = "SELECT count(*) FROM accounts";
        let accounts: i64 =
            store.database().read(|c| Ok(c.query_row(count, [], |row| row.get(0))?)).unwrap();
        assert_eq!(accounts, 1);
    }
}

#[test]
fn databases_of_others_and_of_the_future_are_refused() {
    let f = Fixture::new();
    let set = |f: &Fixture, pragma: &str, value: i64| {
        f.store.database().write(|t| Ok(t.pragma_update(None, pragma, value)?)).unwrap();
    };
    set(&f, "user_version", 99);
    let Fixture { store, dir } = f;
    drop(store);
    for access in [Access::Serve, Access::Administer] {
        let error = open_error(dir.path(), access);
        assert_eq!(error.kind(), StoreErrorKind::Version);
        assert!(error.to_string().contains("99"), "{error}");
    }
    let f = Fixture::new();
    set(&f, "application_id", 1);
    let Fixture { store, dir } = f;
    drop(store);
    assert_eq!(open_error(dir.path(), Access::Serve).kind(), StoreErrorKind::Version);
}

#[test]
fn a_database_of_the_second_version_is_brought_up_to_date() {
    let f = Fixture::new();
    let scope = f.scope("a");
    let id = create(&f.store, &scope, "x", b"x").id;
    f.store.keep_vector(&scope, &id, "space", &[]).unwrap();
    let closed = f.store.ensure_account("b").unwrap();
    let back = "DROP INDEX asset_vectors_unusable; ALTER TABLE accounts DROP COLUMN closed_at; \
                UPDATE accounts SET name = 'closed-' || id WHERE name = 'b'; \
                PRAGMA user_version = 2;";
    f.store.database().write(|t| Ok(t.execute_batch(back)?)).unwrap();
    let f = f.reopen();
    let missing = f.store.assets_without_vector(&scope, "space", &[], 10).unwrap();
    assert_eq!(missing, [id], "what could not be embedded is tried again");
    let refused = f.store.create_key(&closed, "late", None).err().unwrap();
    assert_eq!(refused.kind(), StoreErrorKind::Closed);
    assert!(f.store.create_own_key(&scope, "k", None).is_ok());
}

#[test]
fn a_file_that_is_no_database_is_refused_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("onespace.db");
    let text = "something else entirely, longer than a header of one hundred bytes. ".repeat(9);
    std::fs::write(&path, &text).unwrap();
    let error = open_error(dir.path(), Access::Serve);
    assert_eq!(error.kind(), StoreErrorKind::Corrupt);
    assert!(!error.to_string().contains("database disk image"), "{error}");
    assert_eq!(std::fs::read_to_string(path).unwrap(), text);
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let error = open_error(&file.join("data"), Access::Serve);
    assert_eq!(error.kind(), StoreErrorKind::Io);
    assert!(error.to_string().contains("file/data"), "{error}");
}

#[test]
fn a_damaged_part_secret_is_refused_with_the_way_out() {
    let f = Fixture::new();
    let secret = f.path().join("part-signing.key");
    let Fixture { store, dir } = f;
    drop(store);
    std::fs::write(&secret, "short").unwrap();
    let error = open_error(dir.path(), Access::Serve);
    assert_eq!(error.kind(), StoreErrorKind::Corrupt);
    assert!(error.to_string().contains("Delete it"), "{error}");
    std::fs::remove_file(&secret).unwrap();
    assert!(Store::open(dir.path(), Access::Serve).is_ok());
}

#[test]
fn a_checkpoint_empties_the_log() {
    let f = Fixture::new();
    let scope = f.scope("a");
    create(&f.store, &scope, "x", b"x");
    let log = f.path().join("onespace.db-wal");
    assert!(log.metadata().unwrap().len() > 0);
    f.store.checkpoint().unwrap();
    assert_eq!(log.metadata().unwrap().len(), 0);
    assert_eq!(
        f.store.list_assets(&scope, &AssetFilter::default(), super::page(1, 9)).unwrap().total,
        1
    );
    assert!(files_below(f.path()).len() >= 5);
}
