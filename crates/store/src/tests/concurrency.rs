//! Many threads on one store.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::uploads::{new_upload, put};
use super::{Fixture, check_all_assets, create, files_below, named, page, stage};
use crate::{AssetFilter, PartReport, StoreErrorKind};

/// Whoever sees a row can read its file, whole, while others create and delete.
#[test]
fn a_row_is_never_visible_before_its_file_is_in_place() {
    const WRITERS: usize = 4;
    const ASSETS_EACH: usize = 25;
    let f = Fixture::new();
    let scope = f.scope("a");
    let is_over = AtomicBool::new(false);
    let reads = AtomicUsize::new(0);
    std::thread::scope(|threads| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (store, scope) = (f.store.clone(), scope.clone());
                threads.spawn(move || {
                    for number in 0..ASSETS_EACH {
                        let bytes = format!("{writer}/{number}").repeat(2_000);
                        let asset = create(&store, &scope, "x", bytes.as_bytes());
                        if number % 3 == 0 {
                            assert!(store.delete_asset(&scope, &asset.id).unwrap());
                        }
                    }
                })
            })
            .collect();
        for _ in 0..6 {
            threads.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let newest = f.store.list_assets(&scope, &AssetFilter::default(), page(1, 4));
                    for asset in newest.unwrap().items {
                        // `None` if it was deleted since; an error would be a missing file.
                        f.store.read_asset(&scope, &asset.id).unwrap();
                        reads.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        for writer in writers {
            writer.join().unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
    });
    let left = WRITERS * (ASSETS_EACH - ASSETS_EACH.div_ceil(3));
    assert_eq!(check_all_assets(&f.store, &scope), left);
    assert_eq!(files_below(&f.path().join("blobs")).len(), left);
    assert!(reads.load(Ordering::Relaxed) > left);
    assert_eq!(f.reopen().store.start_report(), crate::StartReport::default());
}

#[test]
fn one_of_many_creations_under_one_id_wins_and_keeps_its_bytes() {
    let f = Fixture::new();
    let scope = f.scope("a");
    for _ in 0..10 {
        let id = crate::AssetId::new();
        let winners = std::sync::Mutex::new(Vec::new());
        std::thread::scope(|threads| {
            for number in 0..4_u8 {
                let (f, scope, id, winners) = (&f, &scope, &id, &winners);
                threads.spawn(move || {
                    let new = crate::NewAsset { id: Some(id.clone()), ..named("x") };
                    match f.store.create_asset(scope, new, stage(&f.store, &[number; 100])) {
                        Ok(_) => winners.lock().unwrap().push(number),
                        Err(error) => assert_eq!(error.kind(), StoreErrorKind::Conflict),
                    }
                });
            }
        });
        let winners = winners.into_inner().unwrap();
        assert_eq!(winners.len(), 1);
        let (_, bytes) = f.store.read_asset(&scope, &id).unwrap().unwrap();
        assert_eq!(bytes, [winners[0]; 100]);
    }
}

#[test]
fn an_upload_completed_by_several_requests_becomes_one_asset() {
    let f = Fixture::new();
    let scope = f.scope("a");
    for _ in 0..10 {
        let upload = f.store.create_upload(&scope, new_upload(8, 4)).unwrap();
        let reports: Vec<_> = [(1, b"abcd"), (2, b"efgh")]
            .into_iter()
            .map(|(chunk_index, bytes)| PartReport {
                chunk_index,
                proof: put(&f.store, &scope, &upload, chunk_index, bytes),
            })
            .collect();
        std::thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| {
                    f.store.report_parts(&scope, &upload.id, &reports).unwrap();
                    let whole = stage(&f.store, b"abcdefgh");
                    let asset = f.store.complete_upload(&scope, &upload.id, named("x"), whole);
                    assert_eq!(asset.unwrap().id, upload.asset_id);
                });
            }
        });
        let (_, bytes) = f.store.read_asset(&scope, &upload.asset_id).unwrap().unwrap();
        assert_eq!(bytes, b"abcdefgh");
    }
    assert_eq!(check_all_assets(&f.store, &scope), 10);
}

#[test]
fn a_panic_in_a_write_undoes_it_and_stops_nobody() {
    let f = Fixture::new();
    let account = f.store.ensure_account("a").unwrap();
    let store = f.store.clone();
    let panicked = std::thread::spawn(move || {
        store.database().write::<()>(|transaction| {
            transaction.execute("DELETE FROM accounts", [])?;
            panic!("on purpose")
        })
    });
    assert!(panicked.join().is_err());
    assert_eq!(f.store.ensure_account("a").unwrap(), account);
    assert!(f.store.create_key(&account, "k", None).is_ok());
}
