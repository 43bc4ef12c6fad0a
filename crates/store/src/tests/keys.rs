//! Keys: life cycle, refusals, and what is stored of them.

use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use super::{Fixture, files_below};
use crate::faults::FaultPlan;
use crate::key_text::{ApiKey, with_checksum};
use crate::{KeyRefusal, RevokeOutcome, StoreErrorKind};

#[test]
fn a_key_authenticates_for_its_account_also_after_a_restart() {
    let f = Fixture::new();
    assert!(f.store.is_first_start());
    let account = f.store.ensure_account("default").unwrap();
    assert_eq!(f.store.ensure_account("default").unwrap(), account);
    let expires_at = OffsetDateTime::now_utc() + Duration::days(365);
    let (key, record) = f.store.create_key(&account, "laptop", Some(expires_at)).unwrap();
    assert_eq!(record.prefix, format!("osk_{}", record.id));
    assert!(key.reveal().starts_with(&record.prefix));
    assert_eq!((record.account.as_str(), record.name.as_str()), ("default", "laptop"));
    assert!(record.expires_at.unwrap() <= expires_at);
    assert_eq!(record.last_used_at, None);

    let f = f.reopen();
    assert!(!f.store.is_first_start());
    let scope = f.store.authenticate(key.reveal()).unwrap().unwrap();
    assert_eq!(scope.account(), &account);
    assert_eq!(scope.key_id(), record.id);
}

#[test]
fn junk_is_refused_without_the_database() {
    let f = Fixture::new();
    let (malformed, seen) =
        FaultPlan::new(0, libc_eio(), true).run(|| f.store.authenticate("osk_junk"));
    assert_eq!(malformed.unwrap().unwrap_err(), KeyRefusal::Malformed);
    assert!(seen.is_empty(), "{seen:?}");
    // The plan bites where the database is read.
    let unknown = ApiKey::generate();
    let (failed, _) =
        FaultPlan::new(0, libc_eio(), true).run(|| f.store.authenticate(unknown.reveal()));
    assert_eq!(failed.unwrap_err().kind(), StoreErrorKind::Io);
}

fn libc_eio() -> i32 {
    5
}

#[test]
fn unknown_ids_and_wrong_secrets_are_refused_alike() {
    let f = Fixture::new();
    let account = f.store.ensure_account("a").unwrap();
    let (key, _) = f.store.create_key(&account, "k", None).unwrap();
    let other = ApiKey::generate();
    assert_eq!(f.store.authenticate(other.reveal()).unwrap().unwrap_err(), KeyRefusal::Unknown);
    let mixed = with_checksum(key.reveal()[..13].to_owned() + &other.reveal()[13..56]);
    assert!(crate::looks_like_a_key(&mixed));
    assert_eq!(f.store.authenticate(&mixed).unwrap().unwrap_err(), KeyRefusal::Unknown);
}

#[test]
fn a_key_expires_to_the_second() {
    let f = Fixture::new();
    let account = f.store.ensure_account("a").unwrap();
    let expires_at = OffsetDateTime::now_utc() + Duration::hours(1);
    let (key, _) = f.store.create_key(&account, "k", Some(expires_at)).unwrap();
    f.store.clock().advance(Duration::seconds(3_598));
    assert!(f.store.authenticate(key.reveal()).unwrap().is_ok());
    f.store.clock().advance(Duration::seconds(2));
    assert_eq!(f.store.authenticate(key.reveal()).unwrap().unwrap_err(), KeyRefusal::Expired);
}

#[test]
fn keys_are_revoked_by_id_prefix_name_or_whole_text() {
    let f = Fixture::new();
    let account = f.store.ensure_account("a").unwrap();
    let make = |name: &str| f.store.create_key(&account, name, None).unwrap();
    let (by_id, by_prefix, by_name, by_text) = (make("1"), make("2"), make("three"), make("4"));
    for (key, word) in [
        (&by_id.0, by_id.1.id.clone()),
        (&by_prefix.0, by_prefix.1.prefix.clone()),
        (&by_name.0, "three".to_owned()),
        (&by_text.0, by_text.0.reveal().to_owned()),
    ] {
        assert!(f.store.authenticate(key.reveal()).unwrap().is_ok());
        let RevokeOutcome::Revoked(record) = f.store.revoke_key(&word).unwrap() else {
            panic!("{word} names a key")
        };
        assert!(record.revoked_at.is_some());
        let refusal = f.store.authenticate(key.reveal()).unwrap().unwrap_err();
        assert_eq!(refusal, KeyRefusal::Revoked);
        assert_eq!(f.store.revoke_key(&word).unwrap(), RevokeOutcome::AlreadyRevoked);
    }
    assert_eq!(f.store.revoke_key("nobody").unwrap(), RevokeOutcome::NotFound);
    assert_eq!(f.store.revoke_key("").unwrap(), RevokeOutcome::NotFound);
}

#[test]
fn a_name_shared_by_two_working_keys_revokes_neither() {
    let f = Fixture::new();
    let account = f.store.ensure_account("a").unwrap();
    let (first, record) = f.store.create_key(&account, "same", None).unwrap();
    f.store.create_key(&account, "same", None).unwrap();
    assert_eq!(f.store.revoke_key("same").unwrap(), RevokeOutcome::Ambiguous(2));
    assert!(f.store.authenticate(first.reveal()).unwrap().is_ok());
    f.store.revoke_key(&record.id).unwrap();
    assert!(matches!(f.store.revoke_key("same").unwrap(), RevokeOutcome::Revoked(_)));
}

#[test]
fn names_and_expiries_are_checked() {
    let f = Fixture::new();
    let account = f.store.ensure_account("a").unwrap();
    let long = "é".repeat(65);
    for bad in ["", " ", " x", "x\n", long.as_str()] {
        let error = f.store.create_key(&account, bad, None).err().unwrap();
        assert_eq!(error.kind(), StoreErrorKind::Invalid, "{bad:?}");
    }
    // An account may be called by an e-mail address.
    let longest = "é".repeat(254);
    for bad in ["", " ", " x", "x\n", &format!("{longest}é")] {
        let error = f.store.ensure_account(bad).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Invalid, "{bad:?}");
    }
    assert!(f.store.ensure_account(&longest).is_ok());
    assert!(f.store.create_key(&account, &"é".repeat(64), None).is_ok());
    for bad in ["\u{200b}", "a\u{202e}b", "\u{200d}"] {
        let error = f.store.create_key(&account, bad, None).err().unwrap();
        assert_eq!(error.kind(), StoreErrorKind::Invalid, "{}", bad.escape_unicode());
    }
    let error = f.store.create_key(&account, "k", Some(datetime!(9999-12-31 23:59:59 -23:59)));
    assert_eq!(error.err().unwrap().kind(), StoreErrorKind::Invalid, "the year 10000 in UTC");
    let past = OffsetDateTime::now_utc() - Duration::seconds(1);
    let error = f.store.create_key(&account, "k", Some(past)).err().unwrap();
    assert_eq!(error.kind(), StoreErrorKind::Invalid);
    let nobody = crate::AccountId::new();
    let error = f.store.create_key(&nobody, "k", None).err().unwrap();
    assert_eq!(error.kind(), StoreErrorKind::NotFound);
    assert_eq!(f.store.list_keys().unwrap().len(), 1);
}

#[test]
fn use_is_noted_at_most_once_a_minute() {
    let f = Fixture::new();
    let account = f.store.ensure_account("a").unwrap();
    let (key, _) = f.store.create_key(&account, "k", None).unwrap();
    let last_used = || f.store.list_keys().unwrap()[0].last_used_at;
    let authenticate =
        || FaultPlan::new(usize::MAX, 0, false).run(|| f.store.authenticate(key.reveal())).1;
    assert!(authenticate().iter().any(|(operation, _)| *operation == "commit"));
    let first = last_used().unwrap();
    f.store.clock().advance(Duration::seconds(50));
    assert!(authenticate().iter().all(|(operation, _)| *operation != "commit"));
    assert_eq!(last_used(), Some(first));
    f.store.clock().advance(Duration::seconds(11));
    authenticate();
    assert!(last_used().unwrap() >= first + Duration::seconds(60));
}

#[test]
fn authentication_does_not_wait_for_a_writer() {
    let f = Fixture::new();
    let account = f.store.ensure_account("a").unwrap();
    let (key, _) = f.store.create_key(&account, "k", None).unwrap();
    let other = f.store.clone();
    f.store
        .database()
        .write(|_| {
            // Another thread, while this one holds the write lock.
            std::thread::scope(|threads| {
                threads.spawn(|| assert!(other.authenticate(key.reveal()).unwrap().is_ok()));
            });
            Ok(())
        })
        .unwrap();
}

#[test]
fn no_file_contains_the_text_of_a_key() {
    let f = Fixture::new();
    let account = f.store.ensure_account("a").unwrap();
    let (key, _) = f.store.create_key(&account, "k", None).unwrap();
    f.store.authenticate(key.reveal()).unwrap().unwrap();
    let secret = &key.reveal().as_bytes()[13..56];
    let holds = |part: &[u8]| {
        files_below(f.path()).iter().any(|path| {
            std::fs::read(path).unwrap().windows(part.len()).any(|window| window == part)
        })
    };
    for _ in 0..2 {
        assert!(!holds(secret));
        assert!(!holds(key.reveal().as_bytes()));
        assert!(holds(&key.reveal().as_bytes()[4..12]), "the search finds the public id");
        f.store.checkpoint().unwrap();
    }
}
