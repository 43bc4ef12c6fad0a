//! Part tokens: who and what they let in, and when they stop.

use time::{Duration, OffsetDateTime};

use super::Fixture;
use super::uploads::{new_upload, pass};
use crate::StoreErrorKind;
use crate::faults::FaultPlan;

#[test]
fn a_token_carries_scope_upload_and_chunk() {
    let f = Fixture::new();
    let scope = f.scope("a");
    let upload = f.store.create_upload(&scope, new_upload(10, 4)).unwrap();
    let token = f.store.sign_part(&scope, &upload, 2, upload.expires_at).unwrap();
    assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.'), "{token}");
    let pass = f.store.verify_part(&token).unwrap().unwrap();
    assert_eq!(pass.scope(), &scope);
    assert_eq!((&pass.upload().id, pass.chunk_index()), (&upload.id, 2));
    for index in [0, 4, u32::MAX] {
        let error = f.store.sign_part(&scope, &upload, index, upload.expires_at).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Invalid);
    }
}

#[test]
fn any_change_makes_a_token_worthless_without_a_database_read() {
    let f = Fixture::new();
    let scope = f.scope("a");
    let upload = f.store.create_upload(&scope, new_upload(10, 4)).unwrap();
    let token = f.store.sign_part(&scope, &upload, 2, upload.expires_at).unwrap();
    let mut forged: Vec<String> = (0..token.len())
        .map(|place| {
            let mut bytes = token.clone().into_bytes();
            bytes[place] = if bytes[place] == b'1' { b'2' } else { b'1' };
            String::from_utf8(bytes).unwrap()
        })
        .collect();
    forged.extend(["".into(), ".".into(), "...".into(), "é.1.2.ff".into(), "a".repeat(1 << 20)]);
    forged.extend([format!("{token}.{token}"), format!("{token}0"), token[1..].to_owned()]);
    let elsewhere = Fixture::new();
    let same_text = elsewhere.store.sign_part(&scope, &upload, 2, upload.expires_at).unwrap();
    forged.push(same_text);
    for text in forged {
        let (verified, seen) =
            FaultPlan::new(usize::MAX, 0, false).run(|| f.store.verify_part(&text).unwrap());
        assert!(verified.is_none() && seen.is_empty(), "{:.80}", text);
    }
    assert!(f.store.verify_part(&token).unwrap().is_some());
}

#[test]
fn a_token_ends_with_its_time_its_session_its_upload_and_its_key() {
    let f = Fixture::new();
    let scope = f.scope("a");
    let works = |token: &str| f.store.verify_part(token).unwrap().is_some();
    let upload = f.store.create_upload(&scope, new_upload(10, 4)).unwrap();
    let in_an_hour = OffsetDateTime::now_utc() + Duration::hours(1);
    let short = f.store.sign_part(&scope, &upload, 1, in_an_hour).unwrap();
    let in_a_year = OffsetDateTime::now_utc() + Duration::days(365);
    let long = f.store.sign_part(&scope, &upload, 1, in_a_year).unwrap();
    f.store.clock().advance(Duration::minutes(59));
    assert!(works(&short) && works(&long));
    f.store.clock().advance(Duration::minutes(1));
    assert!(!works(&short) && works(&long));
    let late = pass(&f.store, &scope, &upload, 1);
    f.store.clock().advance(Duration::hours(23));
    assert!(!works(&long));
    let error = f.store.put_part(&late, super::stage(&f.store, b"abcd")).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Conflict);

    let mut new = new_upload(4, 4);
    new.expires_at = OffsetDateTime::now_utc() + Duration::days(9);
    let failed = f.store.create_upload(&scope, new.clone()).unwrap();
    let token = f.store.sign_part(&scope, &failed, 1, failed.expires_at).unwrap();
    assert!(works(&token));
    f.store.fail_upload(&scope, &failed.id).unwrap();
    assert!(!works(&token));

    let revoked = f.store.create_upload(&scope, new).unwrap();
    let token = f.store.sign_part(&scope, &revoked, 1, revoked.expires_at).unwrap();
    assert!(works(&token));
    f.store.revoke_key(scope.key_id()).unwrap();
    assert!(!works(&token));
}
