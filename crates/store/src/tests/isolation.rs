//! One account never sees another's objects: every method that takes a scope answers for another
//! account's id exactly as for an id that never existed.

use std::fmt::Debug;

use serde_json::json;

use super::uploads::{new_upload, put};
use super::{Fixture, create, map, named, page, stage};
use crate::*;

/// Methods that take a scope and no id of an existing object.
const CREATE_OR_LIST: [&str; 6] =
    ["create_asset", "create_upload", "create_task", "list_assets", "list_uploads", "list_tasks"];

/// The answer as a text that holds no id.
fn answer<T: Debug>(result: Result<T, StoreError>) -> String {
    format!("{result:?}")
}

/// Ids of objects of all kinds.
struct Ids {
    asset: AssetId,
    upload: UploadId,
    task: TaskId,
}

type Call = (&'static str, fn(&Store, &OwnerScope, &Ids) -> String);

const CALLS: [Call; 12] = [
    ("asset", |s, scope, ids| answer(s.asset(scope, &ids.asset))),
    ("read_asset", |s, scope, ids| answer(s.read_asset(scope, &ids.asset))),
    ("delete_asset", |s, scope, ids| answer(s.delete_asset(scope, &ids.asset))),
    ("change_user_metadata", |s, scope, ids| {
        let change = MetadataChange::Merge(map(json!({"mine": "now"})));
        answer(s.change_user_metadata(scope, &ids.asset, change))
    }),
    ("upload", |s, scope, ids| answer(s.upload(scope, &ids.upload))),
    ("report_parts", |s, scope, ids| {
        let report = PartReport { chunk_index: 1, proof: "x".into() };
        answer(s.report_parts(scope, &ids.upload, &[report]))
    }),
    ("parts", |s, scope, ids| answer(s.parts(scope, &ids.upload, page(1, 10)))),
    ("part_counts", |s, scope, ids| answer(s.part_counts(scope, &ids.upload))),
    ("assemble_upload", |s, scope, ids| {
        answer(s.assemble_upload(scope, &ids.upload).map(|blob| blob.len()))
    }),
    ("complete_upload", |s, scope, ids| {
        let blob = stage(s, b"abcd");
        answer(s.complete_upload(scope, &ids.upload, named("x"), blob))
    }),
    ("fail_upload", |s, scope, ids| answer(s.fail_upload(scope, &ids.upload))),
    ("task", |s, scope, ids| answer(s.task(scope, &ids.task))),
];

struct Owned {
    ids: Ids,
    upload: Upload,
}

fn objects_of(store: &Store, scope: &OwnerScope) -> Owned {
    let asset = create(store, scope, "private.png", b"private").id;
    let upload = store.create_upload(scope, new_upload(4, 4)).unwrap();
    let proof = put(store, scope, &upload, 1, b"abcd");
    store.report_parts(scope, &upload.id, &[PartReport { chunk_index: 1, proof }]).unwrap();
    let request = json!({"input_type": "image"});
    let new = NewTask { model_name: "m".into(), request, input: None };
    let task = store.create_task(scope, new).unwrap().id;
    Owned { ids: Ids { asset, upload: upload.id.clone(), task }, upload }
}

#[test]
fn the_objects_of_another_account_behave_as_if_they_never_existed() {
    let f = Fixture::new();
    let (owner, stranger) = (f.scope("owner"), f.scope("stranger"));
    let Owned { ids, upload } = objects_of(&f.store, &owner);
    let never = Ids { asset: AssetId::new(), upload: UploadId::new(), task: TaskId::new() };
    for (name, call) in CALLS {
        let of_another = call(&f.store, &stranger, &ids);
        assert_eq!(of_another, call(&f.store, &stranger, &never), "{name}");
    }
    let refused = f.store.sign_part(&stranger, &upload, 1, upload.expires_at).unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::NotFound);

    // Nothing of the owner's has changed, and the calls work for the owner.
    let asset = f.store.asset(&owner, &ids.asset).unwrap().unwrap();
    assert_eq!(asset.user_metadata, map(json!({"colour": "red"})));
    assert_eq!(f.store.upload(&owner, &ids.upload).unwrap().unwrap().status, UploadStatus::Active);
    assert!(f.store.sign_part(&owner, &upload, 1, upload.expires_at).is_ok());
    for (name, call) in CALLS {
        let of_own = call(&f.store, &owner, &ids);
        if name != "fail_upload" {
            assert_ne!(of_own, call(&f.store, &owner, &never), "{name}");
        }
        if name == "delete_asset" {
            // Put it back for the calls that follow.
            let again = NewAsset { id: Some(ids.asset.clone()), ..named("again") };
            f.store.create_asset(&owner, again, stage(&f.store, b"again")).unwrap();
        }
    }
}

#[test]
fn lists_hold_only_the_callers_objects() {
    let f = Fixture::new();
    let (a, b, empty) = (f.scope("a"), f.scope("b"), f.scope("empty"));
    let of_a = objects_of(&f.store, &a).ids;
    let of_b = objects_of(&f.store, &b).ids;
    let all = AssetFilter::default();
    let both = AssetFilter { ids: vec![of_a.asset.to_string(), of_b.asset.to_string()], ..all };
    let like = AssetFilter { filename: Some("private".into()), ..AssetFilter::default() };
    for (scope, own) in [(&a, Some(&of_a)), (&b, Some(&of_b)), (&empty, None)] {
        for filter in [&AssetFilter::default(), &both, &like] {
            let assets = f.store.list_assets(scope, filter, page(1, 50)).unwrap();
            let listed: Vec<_> = assets.items.iter().map(|asset| &asset.id).collect();
            assert_eq!(listed, own.iter().map(|ids| &ids.asset).collect::<Vec<_>>());
            assert_eq!(assets.total, listed.len() as u64);
        }
        let uploads = f.store.list_uploads(scope, page(1, 50)).unwrap();
        let listed: Vec<_> = uploads.items.iter().map(|upload| &upload.id).collect();
        assert_eq!(listed, own.iter().map(|ids| &ids.upload).collect::<Vec<_>>());
        assert_eq!(uploads.total, listed.len() as u64);
        let tasks = f.store.list_tasks(scope, &TaskFilter::default(), page(1, 50)).unwrap();
        let listed: Vec<_> = tasks.items.iter().map(|task| &task.id).collect();
        assert_eq!(listed, own.iter().map(|ids| &ids.task).collect::<Vec<_>>());
        assert_eq!(tasks.total, listed.len() as u64);
    }
}

#[test]
fn equal_files_of_two_accounts_are_stored_apart() {
    let f = Fixture::new();
    let (a, b) = (f.scope("a"), f.scope("b"));
    let of_a = create(&f.store, &a, "x", b"the same bytes");
    let of_b = create(&f.store, &b, "x", b"the same bytes");
    assert_eq!(super::files_below(&f.path().join("blobs")).len(), 2);
    assert!(f.store.delete_asset(&a, &of_a.id).unwrap());
    assert_eq!(f.store.read_asset(&b, &of_b.id).unwrap().unwrap().1, b"the same bytes");
}

/// A method added later must be added to the table above.
#[test]
fn every_method_that_takes_a_scope_is_in_the_table() {
    let sources = [
        include_str!("../assets/records.rs"),
        include_str!("../uploads/sessions.rs"),
        include_str!("../uploads/tokens.rs"),
        include_str!("../uploads/parts.rs"),
        include_str!("../uploads/reports.rs"),
        include_str!("../uploads/assembly.rs"),
        include_str!("../tasks/records.rs"),
        include_str!("../tasks/queue.rs"),
    ];
    let mut found = 0;
    for source in sources {
        for method in source.split("    pub fn ").skip(1) {
            let signature = &method[..method.find('{').unwrap()];
            if !signature.contains("scope: &OwnerScope") {
                continue;
            }
            let name = &signature[..signature.find('(').unwrap()];
            let is_covered = CALLS.iter().any(|(covered, _)| *covered == name)
                || CREATE_OR_LIST.contains(&name)
                || name == "sign_part";
            assert!(is_covered, "{name} is not in the table");
            found += 1;
        }
    }
    assert_eq!(found, CALLS.len() + CREATE_OR_LIST.len() + 1);
}
