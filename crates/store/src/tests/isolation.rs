//! One account never sees another's objects: every method that takes a scope answers for another
//! account's id exactly as for an id that never existed.

use std::fmt::Debug;

use serde_json::json;
use time::macros::date;

use super::uploads::{new_upload, put};
use super::{Fixture, create, map, named, page, stage};
use crate::*;

/// Methods that take a scope and no id of an existing object.
const CREATE_OR_LIST: [&str; 12] = [
    "create_asset",
    "create_upload",
    "create_task",
    "list_assets",
    "list_uploads",
    "list_tasks",
    "own_keys",
    "create_own_key",
    "usage",
    "assets_without_vector",
    "vector_coverage",
    "nearest_assets",
];

/// The answer as a text that holds no id.
fn answer<T: Debug>(result: Result<T, StoreError>) -> String {
    format!("{result:?}")
}

/// Ids of objects of all kinds.
struct Ids {
    asset: AssetId,
    upload: UploadId,
    task: TaskId,
    /// The public id of a key.
    key: String,
}

const TODAY: time::Date = date!(2026 - 11 - 22);
const SPACE: &str = "0123456789abcdef";

type Call = (&'static str, fn(&Store, &OwnerScope, &Ids) -> String);

const CALLS: [Call; 15] = [
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
    ("kept_vector", |s, scope, ids| answer(s.kept_vector(scope, &ids.asset, SPACE))),
    ("keep_vector", |s, scope, ids| answer(s.keep_vector(scope, &ids.asset, SPACE, &[1.0]))),
    ("revoke_own_key", |s, scope, ids| answer(s.revoke_own_key(scope, &ids.key))),
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
    assert!(store.keep_vector(scope, &asset, SPACE, &[0.6, 0.8]).unwrap());
    let key = store.create_own_key(scope, "private", None).unwrap().1.id;
    let mut used = UsageBatch::default();
    used.add(scope, TODAY, UsageCounts { requests: 1, ..UsageCounts::default() });
    store.add_usage(&used).unwrap();
    Owned { ids: Ids { asset, upload: upload.id.clone(), task, key }, upload }
}

#[test]
fn the_objects_of_another_account_behave_as_if_they_never_existed() {
    let f = Fixture::new();
    let (owner, stranger) = (f.scope("owner"), f.scope("stranger"));
    let Owned { ids, upload } = objects_of(&f.store, &owner);
    let never = Ids {
        asset: AssetId::new(),
        upload: UploadId::new(),
        task: TaskId::new(),
        key: "00000000".into(),
    };
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
            f.store.keep_vector(&owner, &ids.asset, SPACE, &[0.6, 0.8]).unwrap();
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
        let keys = f.store.own_keys(scope).unwrap();
        let private: Vec<_> = keys.iter().filter(|key| key.name == "private").collect();
        assert_eq!(private.len(), own.iter().len());
        assert_eq!(private.first().map(|key| &key.id), own.map(|ids| &ids.key));
        let near = f.store.nearest_assets(scope, SPACE, &[1.0, 0.0], 10_000).unwrap();
        let listed: Vec<_> = near.iter().map(|hit| &hit.id).collect();
        assert_eq!(listed, own.iter().map(|ids| &ids.asset).collect::<Vec<_>>());
        let covered = f.store.vector_coverage(scope, SPACE, &[]).unwrap().pictures;
        assert_eq!(covered, own.iter().len() as u64);
        let missing = f.store.assets_without_vector(scope, "other", &[], 10_000).unwrap();
        assert_eq!(missing, own.iter().map(|ids| ids.asset.clone()).collect::<Vec<_>>());
        let used = f.store.usage(scope, TODAY, TODAY).unwrap();
        assert_eq!(used.len(), own.iter().len());
        assert!(used.iter().all(|row| row.key_id == scope.key_id()));
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
        include_str!("../own_keys.rs"),
        include_str!("../usage.rs"),
        include_str!("../asset_vectors.rs"),
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
                || name == "sign_part"
                // Of a batch, which only remembers whose the counts are.
                || name == "add";
            assert!(is_covered, "{name} is not in the table");
            found += 1;
        }
    }
    assert_eq!(found, CALLS.len() + CREATE_OR_LIST.len() + 2);
}
