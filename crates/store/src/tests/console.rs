//! Users, links and sessions of the console, and the account's own keys.

use serde_json::json;
use time::Duration;

use super::{Fixture, create, files_below, map, named, stage};
use crate::*;

const PASSWORD: &str = "violet harbour lantern";

fn new<'a>(email: &'a str, link: Option<&'a str>) -> NewUser<'a> {
    NewUser { email, password: PASSWORD, link }
}

/// The administrator of a fresh store.
fn administrator(f: &Fixture) -> ProvenUser {
    let link = f.store.issue_set_up_link().unwrap().unwrap();
    f.store.create_user(&new("ada@example.com", Some(link.reveal())), false).unwrap().unwrap()
}

#[test]
fn the_latest_set_up_link_makes_one_administrator() {
    let f = Fixture::new();
    let first = f.store.issue_set_up_link().unwrap().unwrap();
    let second = f.store.issue_set_up_link().unwrap().unwrap();
    let join = |email, link: &str| f.store.create_user(&new(email, Some(link)), false).unwrap();
    assert_eq!(join("a@example.com", first.reveal()), Err(SignUpRefusal::LinkInvalid));
    assert_eq!(f.store.link_purpose(second.reveal()).unwrap(), Ok(LinkPurpose::SetUp));
    assert!(join("ada@example.com", second.reveal()).unwrap().user.is_admin);
    assert_eq!(join("b@example.com", second.reveal()), Err(SignUpRefusal::LinkInvalid));
    assert_eq!(f.store.link_purpose(second.reveal()).unwrap(), Err(LinkRefusal));
    assert!(f.store.issue_set_up_link().unwrap().is_none());
}

#[test]
fn links_end() {
    let f = Fixture::new();
    let set_up = f.store.issue_set_up_link().unwrap().unwrap();
    f.store.clock().advance(Duration::hours(24));
    let late = f.store.create_user(&new("a@example.com", Some(set_up.reveal())), false).unwrap();
    assert_eq!(late, Err(SignUpRefusal::LinkInvalid));
    administrator(&f);
    let (invitation, end) = f.store.issue_invitation().unwrap();
    f.store.clock().advance(Duration::days(7) - Duration::seconds(1));
    assert_eq!(f.store.link_purpose(invitation.reveal()).unwrap(), Ok(LinkPurpose::Invitation));
    f.store.clock().advance(Duration::seconds(2));
    assert!(end <= f.store.now());
    assert_eq!(f.store.link_purpose(invitation.reveal()).unwrap(), Err(LinkRefusal));
}

#[test]
fn the_administrator_owns_the_account_of_the_first_key() {
    let f = Fixture::new();
    let account = f.store.ensure_account("default").unwrap();
    let (key, _) = f.store.create_key(&account, "first", None).unwrap();
    let by_key = f.store.authenticate(key.reveal()).unwrap().unwrap();
    let user = administrator(&f);
    let secret = f.store.start_session(&user).unwrap().unwrap();
    let session = f.store.session(secret.reveal()).unwrap().unwrap();
    assert_eq!(session.scope.account(), by_key.account());
    assert_ne!(session.scope.key_id(), by_key.key_id());
    let names: Vec<_> =
        f.store.own_keys(&session.scope).unwrap().into_iter().map(|key| key.name).collect();
    assert_eq!(names, ["first"], "the console's own key is not shown");
    assert_eq!(f.store.list_keys().unwrap().len(), 1);
    let own = session.scope.key_id();
    assert!(!f.store.revoke_own_key(&session.scope, own).unwrap());
    assert_eq!(f.store.revoke_key(own).unwrap(), RevokeOutcome::NotFound);
}

#[test]
fn without_a_link_one_joins_only_where_sign_up_is_open() {
    let f = Fixture::new();
    let join = |email, open| f.store.create_user(&new(email, None), open).unwrap();
    assert_eq!(
        join("a@example.com", true),
        Err(SignUpRefusal::Closed),
        "nobody is first by chance"
    );
    administrator(&f);
    assert_eq!(join("a@example.com", false), Err(SignUpRefusal::Closed));
    assert!(!join("a@example.com", true).unwrap().user.is_admin);
    assert_eq!(join("A@Example.com", true), Err(SignUpRefusal::EmailTaken));
    f.store.ensure_account("cli@example.com").unwrap();
    assert_eq!(join("cli@example.com", true), Err(SignUpRefusal::EmailTaken), "not taken over");
    assert_eq!(join("CLI@example.com", true), Err(SignUpRefusal::EmailTaken), "in no spelling");
}

#[test]
fn an_address_means_the_account_of_its_user_however_it_is_written() {
    let f = Fixture::new();
    let ada = administrator(&f);
    let carol = f.store.create_user(&new("Carol@Example.com", None), true).unwrap().unwrap();
    for (proven, address) in [(ada, "Ada@example.com"), (carol, "carol@example.com")] {
        let secret = f.store.start_session(&proven).unwrap().unwrap();
        let session = f.store.session(secret.reveal()).unwrap().unwrap();
        let meant = f.store.ensure_account(address).unwrap();
        assert_eq!(&meant, session.scope.account(), "{address}");
        f.store.create_key(&meant, "by the command line", None).unwrap();
        assert_eq!(f.store.own_keys(&session.scope).unwrap().len(), 1);
    }
    let other = f.store.ensure_account("dora@example.com").unwrap();
    assert_eq!(f.store.ensure_account("dora@example.com").unwrap(), other, "nobody's: its own");
}

#[test]
fn addresses_that_are_not_read_as_they_are_are_refused() {
    let f = Fixture::new();
    administrator(&f);
    for email in
        ["a\u{200b}@b.c", "\u{200b}@b.c", "a@b.c\u{202e}", "a\u{200d}@b.c", "a@b .c", "@b.c"]
    {
        let refused = f.store.create_user(&new(email, None), true).unwrap_err();
        assert_eq!(refused.kind(), StoreErrorKind::Invalid, "{}", email.escape_unicode());
    }
}

#[test]
fn only_the_right_password_of_a_known_address_signs_in() {
    let f = Fixture::new();
    let user = administrator(&f);
    let sign_in = |email, password| f.store.user_with_password(email, password).unwrap();
    assert_eq!(sign_in("ada@example.com", PASSWORD), Some(user.clone()));
    assert!(!format!("{user:?}").contains("digest"), "what is stored of a password is not logged");
    assert_eq!(sign_in(" ADA@example.com ", PASSWORD), Some(user));
    assert_eq!(sign_in("ada@example.com", "wrong"), None);
    assert_eq!(sign_in("bob@example.com", PASSWORD), None);
    assert_eq!(sign_in("", ""), None);
}

#[test]
fn sessions_end_by_silence_by_age_by_sign_out_and_by_a_new_password() {
    let f = Fixture::new();
    let user = administrator(&f);
    let start = || f.store.start_session(&user).unwrap().unwrap();
    let lives = |secret: &Secret| f.store.session(secret.reveal()).unwrap().is_some();

    let silent = start();
    f.store.clock().advance(Duration::minutes(SESSION_IDLE_MINUTES_MAX) - Duration::seconds(2));
    assert!(lives(&silent));
    f.store.clock().advance(Duration::minutes(SESSION_IDLE_MINUTES_MAX) + Duration::seconds(1));
    assert!(!lives(&silent));

    let busy = start();
    for _ in 0..SESSION_HOURS_MAX * 2 - 1 {
        f.store.clock().advance(Duration::minutes(30));
        assert!(lives(&busy));
    }
    f.store.clock().advance(Duration::minutes(30));
    assert!(!lives(&busy), "however busy");

    let (left, other) = (start(), start());
    f.store.end_session(left.reveal()).unwrap();
    assert!(!lives(&left) && lives(&other));
    let changed = f.store.change_password(&user, "another long phrase").unwrap().unwrap();
    assert!(!lives(&other));
    let email = &user.user.email;
    assert!(f.store.user_with_password(email, PASSWORD).unwrap().is_none());
    let known = f.store.user_with_password(email, "another long phrase").unwrap();
    assert_eq!(known, Some(changed));
    assert!(f.store.session("").unwrap().is_none());
}

#[test]
fn the_old_password_opens_no_session_once_there_is_a_new_one() {
    let f = Fixture::new();
    let before = administrator(&f);
    // Two that proved the old password, and were not quick enough.
    let slow = f.store.user_with_password("ada@example.com", PASSWORD).unwrap().unwrap();
    let after = f.store.change_password(&before, "another long phrase").unwrap().unwrap();
    assert!(f.store.start_session(&slow).unwrap().is_none());
    assert!(f.store.change_password(&slow, "a third long phrase").unwrap().is_none());
    assert!(f.store.start_session(&after).unwrap().is_some());
    let (link, _) = f.store.issue_password_reset(&after.user.id).unwrap();
    let reset = f.store.reset_password(link.reveal(), "a fourth long phrase").unwrap().unwrap();
    assert!(f.store.start_session(&after).unwrap().is_none());
    assert!(f.store.start_session(&reset).unwrap().is_some());

    let bob = f.store.create_user(&new("bob@example.com", None), true).unwrap().unwrap();
    assert!(f.store.close_account(&bob.user.id).unwrap());
    assert!(f.store.start_session(&bob).unwrap().is_none(), "closed meanwhile");
}

#[test]
fn a_new_password_ends_the_links_that_would_set_another() {
    let f = Fixture::new();
    let user = administrator(&f);
    let (link, _) = f.store.issue_password_reset(&user.user.id).unwrap();
    f.store.change_password(&user, "another long phrase").unwrap().unwrap();
    assert_eq!(f.store.link_purpose(link.reveal()).unwrap(), Err(LinkRefusal));
    let late = f.store.reset_password(link.reveal(), "a third long phrase").unwrap();
    assert_eq!(late, Err(LinkRefusal));
}

#[test]
fn a_reset_link_sets_the_password_of_its_user_once() {
    let f = Fixture::new();
    let user = administrator(&f);
    let session = f.store.start_session(&user).unwrap().unwrap();
    let reset =
        |link: &Secret| f.store.reset_password(link.reveal(), "another long phrase").unwrap();

    let (earlier, _) = f.store.issue_password_reset(&user.user.id).unwrap();
    let (link, end) = f.store.issue_password_reset(&user.user.id).unwrap();
    assert_eq!(f.store.link_purpose(link.reveal()).unwrap(), Ok(LinkPurpose::PasswordReset));
    assert_eq!(reset(&earlier), Err(LinkRefusal), "the latest one only");
    assert!(f.store.session(session.reveal()).unwrap().is_some(), "an unused link changes nothing");
    assert!(f.store.reset_password(link.reveal(), "short").is_err());
    let joins = f.store.create_user(&new("eve@example.com", Some(link.reveal())), false).unwrap();
    assert_eq!(joins, Err(SignUpRefusal::LinkInvalid), "it makes no account");

    assert_eq!(reset(&link).unwrap().user, user.user);
    assert_eq!(reset(&link), Err(LinkRefusal));
    assert!(f.store.session(session.reveal()).unwrap().is_none());
    assert!(f.store.user_with_password(&user.user.email, PASSWORD).unwrap().is_none());
    assert!(f.store.user_with_password(&user.user.email, "another long phrase").unwrap().is_some());

    let (late, _) = f.store.issue_password_reset(&user.user.id).unwrap();
    f.store.clock().advance(end - f.store.now());
    f.store.clock().advance(Duration::hours(1));
    assert_eq!(reset(&late), Err(LinkRefusal));
    // Other links reset nothing.
    let (invitation, _) = f.store.issue_invitation().unwrap();
    assert_eq!(reset(&invitation), Err(LinkRefusal));
}

#[test]
fn a_closed_account_leaves_nothing_and_nobody_behind() {
    let f = Fixture::new();
    let admin = administrator(&f);
    let join = || f.store.create_user(&new("bob@example.com", None), true).unwrap().unwrap();
    let bob = join();
    let secret = f.store.start_session(&bob).unwrap().unwrap();
    let scope = f.store.session(secret.reveal()).unwrap().unwrap().scope;
    let (key, _) = f.store.create_own_key(&scope, "bob's", None).unwrap();
    let asset = create(&f.store, &scope, "bob.png", b"bob");
    f.store.keep_vector(&scope, &asset.id, "space", &[1.0]).unwrap();
    let mine = f.scope("default");
    let others = create(&f.store, &mine, "mine.png", b"mine");
    let emails = || -> Vec<String> {
        f.store.members().unwrap().into_iter().map(|member| member.user.email).collect()
    };
    assert_eq!(emails(), ["ada@example.com", "bob@example.com"]);

    assert!(!f.store.close_account(&admin.user.id).unwrap(), "an administrator stays");
    let held = files_below(f.path()).iter().any(|path| path.ends_with(asset.id.as_str()));
    assert!(held, "the file is there");
    assert!(f.store.close_account(&bob.user.id).unwrap());
    assert!(!f.store.close_account(&bob.user.id).unwrap());
    assert_eq!(emails(), ["ada@example.com"]);
    assert!(f.store.session(secret.reveal()).unwrap().is_none());
    assert_eq!(f.store.authenticate(key.reveal()).unwrap().unwrap_err(), KeyRefusal::Revoked);
    assert!(f.store.asset(&scope, &asset.id).unwrap().is_none());
    assert!(f.store.kept_vector(&scope, &asset.id, "space").unwrap().is_none());
    assert!(!files_below(f.path()).iter().any(|path| path.ends_with(asset.id.as_str())));
    assert!(f.store.asset(&mine, &others.id).unwrap().is_some());

    let again = f.store.start_session(&join()).unwrap().unwrap();
    let again = f.store.session(again.reveal()).unwrap().unwrap().scope;
    assert_ne!(again.account(), scope.account(), "the same address begins anew");
    assert!(f.store.own_keys(&again).unwrap().is_empty());
}

#[test]
fn a_closed_account_takes_nothing_from_requests_that_were_under_way() {
    let f = Fixture::new();
    administrator(&f);
    let bob = f.store.create_user(&new("bob@example.com", None), true).unwrap().unwrap();
    let secret = f.store.start_session(&bob).unwrap().unwrap();
    let scope = f.store.session(secret.reveal()).unwrap().unwrap().scope;
    let blob = stage(&f.store, b"late");
    let task = NewTask {
        model_name: "m".to_owned(),
        request: map(json!({})).into(),
        input: Some(stage(&f.store, b"late")),
    };
    let upload = NewUpload {
        filename: "late.png".to_owned(),
        media_type: "image".to_owned(),
        total_size: 1,
        chunk_size: 1,
        user_metadata: map(json!({})),
        expires_at: f.store.now() + Duration::hours(1),
    };
    assert!(f.store.close_account(&bob.user.id).unwrap());
    let files = files_below(f.path()).len();
    let refusals = [
        f.store.create_asset(&scope, named("late.png"), blob).map(drop),
        f.store.create_task(&scope, task).map(drop),
        f.store.create_upload(&scope, upload).map(drop),
        f.store.create_own_key(&scope, "late", None).map(drop),
    ];
    for (at, refusal) in refusals.into_iter().enumerate() {
        assert_eq!(refusal.unwrap_err().kind(), StoreErrorKind::Closed, "{at}");
    }
    // The two that were staged are gone with what was tried.
    assert_eq!(files_below(f.path()).len() + 2, files);
}

#[test]
fn a_sweep_forgets_ended_sessions_only() {
    let f = Fixture::new();
    let user = administrator(&f);
    let old = f.store.start_session(&user).unwrap().unwrap();
    f.store.clock().advance(Duration::hours(2));
    let fresh = f.store.start_session(&user).unwrap().unwrap();
    f.store.sweep(f.store.now()).unwrap();
    assert!(f.store.session(fresh.reveal()).unwrap().is_some());
    let rows: i64 = f
        .store
        .database()
        .read(|c| Ok(c.query_row("SELECT count(*) FROM console_sessions", [], |row| row.get(0))?))
        .unwrap();
    assert_eq!(rows, 1);
    assert!(f.store.session(old.reveal()).unwrap().is_none());
}

#[test]
fn no_file_contains_a_password_a_session_or_a_link() {
    let f = Fixture::new();
    let user = administrator(&f);
    let session = f.store.start_session(&user).unwrap().unwrap();
    let (link, _) = f.store.issue_invitation().unwrap();
    let holds = |part: &[u8]| {
        files_below(f.path()).iter().any(|path| {
            std::fs::read(path).unwrap().windows(part.len()).any(|window| window == part)
        })
    };
    for _ in 0..2 {
        for secret in [PASSWORD, session.reveal(), link.reveal()] {
            assert!(!holds(secret.as_bytes()));
        }
        assert!(holds(user.user.email.as_bytes()), "the search finds what is there");
        f.store.checkpoint().unwrap();
    }
}
