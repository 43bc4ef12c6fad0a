//! Kept vectors: found by their space, gone with their asset, searched exactly.

use super::{Fixture, create};
use crate::*;

const SPACE: &str = "0123456789abcdef";

fn unit(angle: f32) -> Vec<f32> {
    vec![angle.cos(), angle.sin(), 0.0]
}

fn keep(f: &Fixture, scope: &OwnerScope, name: &str, vector: &[f32]) -> AssetId {
    let id = create(&f.store, scope, name, name.as_bytes()).id;
    assert!(f.store.keep_vector(scope, &id, SPACE, vector).unwrap());
    id
}

#[test]
fn a_vector_is_kept_for_its_space_until_its_asset_goes() {
    let f = Fixture::new();
    let scope = f.scope("a");
    let id = create(&f.store, &scope, "x", b"x").id;
    let missing = |space| f.store.assets_without_vector(&scope, space, &[], 10).unwrap();
    assert_eq!(missing(SPACE), std::slice::from_ref(&id));
    assert!(f.store.keep_vector(&scope, &id, SPACE, &unit(0.3)).unwrap());
    assert!(missing(SPACE).is_empty());
    assert_eq!(missing("another space"), std::slice::from_ref(&id));
    let f = f.reopen();
    assert_eq!(f.store.kept_vector(&scope, &id, SPACE).unwrap(), Some(unit(0.3)));
    assert_eq!(f.store.kept_vector(&scope, &id, "another space").unwrap(), None);
    assert!(f.store.delete_asset(&scope, &id).unwrap());
    assert!(f.store.nearest_assets(&scope, SPACE, &unit(0.0), 5).unwrap().is_empty());
    assert!(!f.store.keep_vector(&scope, &id, SPACE, &unit(0.0)).unwrap(), "deleted meanwhile");
}

#[test]
fn the_nearest_come_first_and_no_more_than_asked_for() {
    let f = Fixture::new();
    let scope = f.scope("a");
    let angles = [0.9_f32, 0.1, 2.5, 0.4, 1.6, 0.2];
    let ids = angles.map(|angle| keep(&f, &scope, &format!("{angle}"), &unit(angle)));
    for count in 1..=angles.len() + 2 {
        let near = f.store.nearest_assets(&scope, SPACE, &unit(0.0), count).unwrap();
        let mut expected: Vec<_> = angles.iter().zip(&ids).collect();
        expected.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        expected.truncate(count);
        assert_eq!(near.len(), expected.len());
        for (hit, (angle, id)) in near.iter().zip(expected) {
            assert_eq!(&hit.id, id, "{count}");
            assert!((hit.score - angle.cos()).abs() < 1e-6);
        }
    }
}

#[test]
fn what_cannot_be_embedded_is_counted_and_tried_again_after_a_restart_only() {
    let f = Fixture::new();
    let scope = f.scope("a");
    keep(&f, &scope, "good", &unit(0.0));
    let bad = keep(&f, &scope, "bad", &[]);
    create(&f.store, &scope, "new", b"new");
    let coverage = || f.store.vector_coverage(&scope, SPACE, &[]).unwrap();
    let missing = || f.store.assets_without_vector(&scope, SPACE, &[], 10).unwrap();
    let expected = VectorCoverage { pictures: 3, embedded: 1, unusable: 1, passed_over: 0 };
    assert_eq!(coverage(), expected);
    assert_eq!(missing().len(), 1);
    assert_eq!(f.store.nearest_assets(&scope, SPACE, &unit(0.0), 9).unwrap().len(), 1);
    assert_eq!(f.store.kept_vector(&scope, &bad, SPACE).unwrap(), None);
    let none = f.store.vector_coverage(&f.scope("b"), SPACE, &[bad]).unwrap();
    assert_eq!(none, VectorCoverage::default());
    f.store.forget_unusable_pictures().unwrap();
    assert_eq!(coverage(), VectorCoverage { unusable: 0, ..expected });
    assert_eq!(missing().len(), 2);
}

#[test]
fn what_is_to_be_passed_over_does_not_stand_in_the_way_of_others() {
    let f = Fixture::new();
    let scope = f.scope("a");
    let embedded = keep(&f, &scope, "good", &unit(0.0));
    let ids = ["x", "y", "z"].map(|name| create(&f.store, &scope, name, b"bytes").id);
    let mut passed_over = vec![ids[2].clone(), embedded, AssetId::new()];
    let missing = |passed_over: &[AssetId]| {
        f.store.assets_without_vector(&scope, SPACE, passed_over, 1).unwrap()
    };
    let coverage = |passed_over: &[AssetId]| {
        f.store.vector_coverage(&scope, SPACE, passed_over).unwrap().passed_over
    };
    assert_eq!(missing(&[]), [ids[2].clone()], "the newest");
    assert_eq!(missing(&passed_over), [ids[1].clone()]);
    assert_eq!(coverage(&passed_over), 1, "neither what has a vector nor what is gone");
    passed_over.extend(ids);
    assert!(missing(&passed_over).is_empty());
    assert_eq!(coverage(&passed_over), 3);
}

#[test]
fn a_query_of_another_length_is_refused() {
    let f = Fixture::new();
    let scope = f.scope("a");
    keep(&f, &scope, "x", &unit(0.0));
    let error = f.store.nearest_assets(&scope, SPACE, &[1.0], 5).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Invalid);
}

#[test]
fn thumbnails_are_the_owners_and_go_with_their_asset() {
    let f = Fixture::new();
    let (mine, theirs) = (f.scope("a"), f.scope("b"));
    let id = create(&f.store, &mine, "x", b"x").id;
    assert!(!f.store.keep_thumbnail(&theirs, &id, b"theirs").unwrap());
    assert_eq!(f.store.kept_thumbnail(&mine, &id).unwrap(), None);
    assert!(f.store.keep_thumbnail(&mine, &id, b"small").unwrap());
    assert!(f.store.keep_thumbnail(&mine, &id, b"smaller").unwrap());
    assert_eq!(f.store.kept_thumbnail(&mine, &id).unwrap().unwrap(), b"smaller");
    assert_eq!(f.store.kept_thumbnail(&theirs, &id).unwrap(), None);
    f.store.delete_asset(&mine, &id).unwrap();
    assert_eq!(f.store.kept_thumbnail(&mine, &id).unwrap(), None);
    assert!(!f.store.keep_thumbnail(&mine, &id, b"late").unwrap());
}
