//! Multipart uploads: the life cycle and its refusals.

use serde_json::json;
use time::{Duration, OffsetDateTime};

use super::{Fixture, files_below, map, named, page, stage};
use crate::{
    AssetMethod, NewAsset, NewUpload, OwnerScope, PartCounts, PartPass, PartReport, PartStatus,
    ReportOutcome, Store, StoreErrorKind, Upload, UploadStatus,
};

pub(super) fn new_upload(total_size: u64, chunk_size: u64) -> NewUpload {
    NewUpload {
        filename: "big.png".into(),
        media_type: "image".into(),
        total_size,
        chunk_size,
        user_metadata: map(json!({"kept": "yes", "empty": ""})),
        expires_at: OffsetDateTime::now_utc() + Duration::hours(24),
    }
}

pub(super) fn pass(store: &Store, scope: &OwnerScope, upload: &Upload, index: u32) -> PartPass {
    let token = store.sign_part(scope, upload, index, upload.expires_at).unwrap();
    store.verify_part(&token).unwrap().unwrap()
}

pub(super) fn put(
    store: &Store,
    scope: &OwnerScope,
    upload: &Upload,
    index: u32,
    bytes: &[u8],
) -> String {
    store.put_part(&pass(store, scope, upload, index), stage(store, bytes)).unwrap()
}

fn report(chunk_index: u32, proof: &str) -> PartReport {
    PartReport { chunk_index, proof: proof.to_owned() }
}

fn multipart() -> NewAsset {
    NewAsset { method: AssetMethod::Multipart, ..named("big.png") }
}

#[test]
fn chunks_become_the_reserved_asset() {
    let f = Fixture::new();
    let scope = f.scope("a");
    let upload = f.store.create_upload(&scope, new_upload(10, 4)).unwrap();
    assert_eq!((upload.total_chunks, upload.status), (3, UploadStatus::Active));
    assert_eq!(upload.user_metadata, map(json!({"kept": "yes"})));
    assert_eq!(f.store.upload(&scope, &upload.id).unwrap(), Some(upload.clone()));
    assert_eq!(
        f.store.list_uploads(&scope, page(1, 10)).unwrap().items,
        std::slice::from_ref(&upload)
    );

    let third = put(&f.store, &scope, &upload, 3, b"ij");
    let first = put(&f.store, &scope, &upload, 1, b"abcd");
    let second = put(&f.store, &scope, &upload, 2, b"efgh");
    let reports = [report(3, &format!("\"{third}\"")), report(1, &first), report(1, &first)];
    let outcome = f.store.report_parts(&scope, &upload.id, &reports).unwrap();
    let accepted = |processed, duplicates, total_completed| ReportOutcome::Accepted {
        processed,
        duplicates,
        total_completed,
    };
    assert_eq!(outcome, accepted(2, 1, 2));
    let counts = f.store.part_counts(&scope, &upload.id).unwrap();
    assert_eq!(counts, PartCounts { completed: 2, failed: 0, pending: 1, uploaded_size: 6 });
    let early = f.store.assemble_upload(&scope, &upload.id).err().unwrap();
    assert_eq!(early.kind(), StoreErrorKind::Conflict);
    let reports = [report(2, &second), report(3, &third)];
    let outcome = f.store.report_parts(&scope, &upload.id, &reports).unwrap();
    assert_eq!(outcome, accepted(1, 1, 3));

    let whole = f.store.assemble_upload(&scope, &upload.id).unwrap();
    assert_eq!(whole.read().unwrap(), b"abcdefghij");
    let asset = f.store.complete_upload(&scope, &upload.id, multipart(), whole).unwrap();
    assert_eq!((&asset.id, asset.method), (&upload.asset_id, AssetMethod::Multipart));
    let f = f.reopen();
    assert_eq!(f.store.read_asset(&scope, &asset.id).unwrap().unwrap().1, b"abcdefghij");
    assert!(files_below(&f.path().join("parts")).is_empty());
    let ended = f.store.upload(&scope, &upload.id).unwrap().unwrap();
    assert_eq!(ended.status, UploadStatus::Completed);
    assert_eq!(f.store.list_uploads(&scope, page(1, 10)).unwrap().total, 0);
    // The client did not get the answer and says it again.
    let outcome = f.store.report_parts(&scope, &upload.id, &reports).unwrap();
    assert_eq!(outcome, accepted(0, 2, 3));
    let blob = stage(&f.store, b"abcdefghij");
    let again = f.store.complete_upload(&scope, &upload.id, multipart(), blob).unwrap();
    assert_eq!(again, asset);
}

#[test]
fn a_chunk_may_be_put_again_until_it_is_reported() {
    let f = Fixture::new();
    let scope = f.scope("a");
    let upload = f.store.create_upload(&scope, new_upload(4, 4)).unwrap();
    let wrong = put(&f.store, &scope, &upload, 1, b"WXYZ");
    let etag = put(&f.store, &scope, &upload, 1, b"abcd");
    assert_ne!(wrong, etag);
    assert_eq!(put(&f.store, &scope, &upload, 1, b"abcd"), etag);
    assert_eq!(files_below(&f.path().join("parts")).len(), 1);
    let outcome = f.store.report_parts(&scope, &upload.id, &[report(1, &wrong)]).unwrap();
    assert_eq!(outcome, ReportOutcome::WrongProof(1));
    f.store.report_parts(&scope, &upload.id, &[report(1, &etag)]).unwrap();
    assert_eq!(put(&f.store, &scope, &upload, 1, b"abcd"), etag);
    let pass = pass(&f.store, &scope, &upload, 1);
    let error = f.store.put_part(&pass, stage(&f.store, b"WXYZ")).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Conflict);
    let whole = f.store.assemble_upload(&scope, &upload.id).unwrap();
    assert_eq!(whole.read().unwrap(), b"abcd");
    assert_eq!(files_below(&f.path().join("parts")).len(), 1);
}

#[test]
fn a_wrong_report_changes_nothing() {
    let f = Fixture::new();
    let scope = f.scope("a");
    let upload = f.store.create_upload(&scope, new_upload(10, 4)).unwrap();
    let etag = put(&f.store, &scope, &upload, 1, b"abcd");
    for (bad, outcome) in [
        (report(2, &etag), ReportOutcome::UnknownPart(2)),
        (report(0, &etag), ReportOutcome::UnknownPart(0)),
        (report(4, &etag), ReportOutcome::UnknownPart(4)),
        (report(1, ""), ReportOutcome::WrongProof(1)),
        (report(1, &etag[..31]), ReportOutcome::WrongProof(1)),
    ] {
        let reports = [report(1, &etag), bad];
        assert_eq!(f.store.report_parts(&scope, &upload.id, &reports).unwrap(), outcome);
        assert_eq!(f.store.part_counts(&scope, &upload.id).unwrap().completed, 0);
    }
}

#[test]
fn a_chunk_has_exactly_its_size() {
    let f = Fixture::new();
    let scope = f.scope("a");
    let upload = f.store.create_upload(&scope, new_upload(10, 4)).unwrap();
    for (index, size) in [(1, 4), (2, 4), (3, 2)] {
        let pass = pass(&f.store, &scope, &upload, index);
        assert_eq!((pass.bytes_max(), pass.chunk_index()), (size, index));
        for wrong in [size - 1, size + 1] {
            let blob = stage(&f.store, &vec![0; wrong as usize]);
            let error = f.store.put_part(&pass, blob).unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Invalid);
        }
    }
    assert!(files_below(&f.path().join("parts")).is_empty());
    for (total, chunk) in [(0, 1), (1, 0), (u64::MAX, 1)] {
        let error = f.store.create_upload(&scope, new_upload(total, chunk)).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Invalid);
    }
}

#[test]
fn all_chunks_are_listed_by_page() {
    let f = Fixture::new();
    let scope = f.scope("a");
    let upload = f.store.create_upload(&scope, new_upload(21, 2)).unwrap();
    let etag = put(&f.store, &scope, &upload, 2, b"ab");
    put(&f.store, &scope, &upload, 11, b"z");
    f.store.report_parts(&scope, &upload.id, &[report(2, &etag)]).unwrap();
    let parts = |wanted| f.store.parts(&scope, &upload.id, wanted).unwrap();
    let first = parts(page(1, 10));
    assert_eq!((first.items.len(), first.total), (10, 11));
    assert_eq!(first.items[1].status, PartStatus::Completed);
    assert!(first.items[1].uploaded_at.is_some());
    assert_eq!((first.items[0].status, first.items[0].uploaded_at), (PartStatus::Pending, None));
    let second = parts(page(2, 10));
    let (last, count) = (&second.items[0], second.items.len());
    assert_eq!((count, last.index, last.size), (1, 11, 1));
    assert_eq!((last.status, last.uploaded_at.is_some()), (PartStatus::Pending, true));
    for past in [page(3, 10), page(u32::MAX, 50), page(u32::MAX, u32::MAX)] {
        assert_eq!((parts(past).items.len(), parts(past).total), (0, 11));
    }
}

#[test]
fn a_failed_upload_takes_nothing_more() {
    let f = Fixture::new();
    let scope = f.scope("a");
    let upload = f.store.create_upload(&scope, new_upload(4, 4)).unwrap();
    let pass = pass(&f.store, &scope, &upload, 1);
    let etag = f.store.put_part(&pass, stage(&f.store, b"abcd")).unwrap();
    f.store.report_parts(&scope, &upload.id, &[report(1, &etag)]).unwrap();
    let whole = f.store.assemble_upload(&scope, &upload.id).unwrap();
    f.store.fail_upload(&scope, &upload.id).unwrap();
    f.store.fail_upload(&scope, &upload.id).unwrap();
    assert!(files_below(&f.path().join("parts")).is_empty());
    let error = f.store.complete_upload(&scope, &upload.id, multipart(), whole).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Conflict);
    assert_eq!(f.store.asset(&scope, &upload.asset_id).unwrap(), None);
    let error = f.store.put_part(&pass, stage(&f.store, b"abcd")).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Conflict);
    assert!(files_below(&f.path().join("parts")).is_empty());
    let outcome = f.store.report_parts(&scope, &upload.id, &[report(1, &etag)]).unwrap();
    assert_eq!(outcome, ReportOutcome::NotActive);
    let counts = f.store.part_counts(&scope, &upload.id).unwrap();
    assert_eq!(counts, PartCounts { failed: 1, ..PartCounts::default() });
    let listed = f.store.list_uploads(&scope, page(1, 10)).unwrap();
    assert_eq!(listed.items[0].status, UploadStatus::Failed);
}

#[test]
fn a_damaged_chunk_is_noticed() {
    let f = Fixture::new();
    let scope = f.scope("a");
    let upload = f.store.create_upload(&scope, new_upload(4, 4)).unwrap();
    let etag = put(&f.store, &scope, &upload, 1, b"abcd");
    f.store.report_parts(&scope, &upload.id, &[report(1, &etag)]).unwrap();
    let file = &files_below(&f.path().join("parts"))[0];
    for bytes in [Some(b"abcX".as_slice()), Some(b"abc"), None] {
        match bytes {
            Some(bytes) => std::fs::write(file, bytes).unwrap(),
            None => std::fs::remove_file(file).unwrap(),
        }
        let error = f.store.assemble_upload(&scope, &upload.id).err().unwrap();
        assert_eq!(error.kind(), StoreErrorKind::Corrupt);
        assert!(files_below(&f.path().join("tmp")).is_empty());
    }
}
