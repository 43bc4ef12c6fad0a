//! `onespace keys`: make, list and revoke, without a server.

use std::path::Path;

use serde_json::Value;

use crate::support::faults::Faults;
use crate::support::program::{Finished, argument, run};

/// `osk_`, the id, `_`, the secret and a checksum.
const KEY_CHARS: usize = 62;
/// `osk_` and the id.
const PREFIX_CHARS: usize = 12;

fn keys(data_dir: &Path, arguments: &[&str]) -> Finished {
    let data = ["--data-dir", argument(data_dir)];
    let arguments: Vec<_> = ["keys"].iter().chain(arguments).chain(&data).copied().collect();
    run(&arguments)
}

fn made(data_dir: &Path, arguments: &[&str]) -> Value {
    let arguments: Vec<_> = ["create", "--json"].iter().chain(arguments).copied().collect();
    keys(data_dir, &arguments).json()
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_else(|| panic!("no {member}: {value}"))
}

#[test]
fn a_key_is_printed_once_alone_on_stdout() {
    let folder = tempfile::tempdir().expect("a folder");
    let ended = keys(folder.path(), &["create", "laptop"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let key = ended.stdout.strip_suffix('\n').expect("a line");
    assert!(key.len() == KEY_CHARS && key.starts_with("osk_"), "{key}");
    assert!(ended.stderr.contains("Key `laptop` of account `default`, expires: 2"));
    assert!(!ended.stderr.contains(key));
    let forever = keys(folder.path(), &["create", "forever", "--expires", "never"]);
    assert!(forever.stderr.contains("expires: never"), "{}", forever.stderr);

    for arguments in [["list"].as_slice(), &["list", "--json"]] {
        let listed = keys(folder.path(), arguments);
        assert_eq!(listed.code, Some(0), "{}", listed.stderr);
        assert!(listed.stdout.contains(&key[..PREFIX_CHARS]), "{}", listed.stdout);
        assert!(!listed.stdout.contains(&key[PREFIX_CHARS..]), "a secret is listed");
    }
    let table = keys(folder.path(), &["list"]).stdout;
    let lines: Vec<_> = table.lines().collect();
    assert!(lines[0].starts_with("PREFIX") && lines.len() == 3, "{table}");
    assert!(lines[1].contains("laptop") && lines[1].contains("active"), "{table}");
}

#[test]
fn json_says_everything_about_a_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = made(folder.path(), &["laptop", "--account", "research"]);
    let secret = text(&key, "key");
    assert_eq!(text(&key, "prefix"), &secret[..PREFIX_CHARS]);
    assert_eq!(text(&key, "prefix"), format!("osk_{}", text(&key, "id")));
    assert_eq!((text(&key, "name"), text(&key, "account")), ("laptop", "research"));
    assert_eq!(text(&key, "state"), "active");
    assert_eq!((&key["revoked_at"], &key["last_used_at"]), (&Value::Null, &Value::Null));
    // Twelve months later: the same day of the next year, or the 28th for the 29th of February.
    let (created, expires) = (text(&key, "created_at"), text(&key, "expires_at"));
    let year: u32 = created[..4].parse().expect("a year");
    assert_eq!(expires[..4], (year + 1).to_string());
    assert!(expires[5..10] == created[5..10] || &created[5..10] == "02-29", "{key}");
    let forever = made(folder.path(), &["forever", "--expires", "never"]);
    assert_eq!(forever["expires_at"], Value::Null);

    let listed = keys(folder.path(), &["list", "--json"]).json_lines();
    assert_eq!(listed.len(), 2);
    for (listed, made) in listed.iter().zip([&key, &forever]) {
        let mut made = made.clone();
        made.as_object_mut().expect("an object").remove("key");
        assert_eq!(listed, &made);
    }
}

#[test]
fn a_key_is_revoked_by_any_of_its_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut faults = Faults::default();
    for by in ["id", "prefix", "name", "key"] {
        let key = made(folder.path(), &[&format!("by {by}")]);
        let ended = keys(folder.path(), &["revoke", text(&key, by)]);
        let is_told = ended.stdout.contains(&format!("Key `by {by}`"));
        faults.check(ended.code == Some(0) && is_told, || format!("{by}: {ended:?}"));
        let again = keys(folder.path(), &["revoke", text(&key, by)]);
        let is_told = again.stderr.contains("was revoked before");
        faults.check(again.code == Some(0) && is_told, || format!("{by} again: {again:?}"));
    }
    let key = made(folder.path(), &["as JSON"]);
    let revoked = keys(folder.path(), &["revoke", "as JSON", "--json"]).json();
    faults.check(revoked["id"] == key["id"] && revoked["state"] == "revoked", || {
        format!("{revoked}")
    });
    for key in keys(folder.path(), &["list", "--json"]).json_lines() {
        let is_revoked = key["state"] == "revoked" && key["revoked_at"].is_string();
        faults.check(is_revoked, || format!("{key}"));
    }
    faults.report();
}

#[test]
fn a_name_of_several_keys_revokes_none_of_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let twins = [made(folder.path(), &["twin"]), made(folder.path(), &["twin"])];
    let ended = keys(folder.path(), &["revoke", "twin"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("2 keys are named `twin`"), "{}", ended.stderr);
    let states = |key: &Value| text(key, "state").to_owned();
    let listed = keys(folder.path(), &["list", "--json"]).json_lines();
    assert_eq!(listed.iter().map(states).collect::<Vec<_>>(), ["active", "active"]);
    // One that was revoked before does not make the name of the other ambiguous.
    assert_eq!(keys(folder.path(), &["revoke", text(&twins[0], "prefix")]).code, Some(0));
    assert_eq!(keys(folder.path(), &["revoke", "twin"]).code, Some(0));
}

#[test]
fn what_cannot_be_done_is_refused_in_a_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    let long = "n".repeat(65);
    let rows: [(&[&str], i32, &str); 9] = [
        (&["create"], 2, "NAME"),
        (&["create", ""], 2, "1 to 64"),
        (&["create", &long], 2, "1 to 64"),
        (&["create", "x", "--account", ""], 1, "1 to 254"),
        (&["create", "x", "--expires", "0d"], 2, "12mo, 30d, 1y, 6h"),
        (&["create", "x", "--expires", "5 minutes"], 2, "12mo, 30d, 1y, 6h"),
        (&["revoke", "nobody"], 1, "`nobody`; `onespace keys list`"),
        (&["revoke", "osk_00000000"], 1, "`osk_00000000`"),
        (&["revoke"], 2, "KEY"),
    ];
    let mut faults = Faults::default();
    for (arguments, code, sentence) in rows {
        let ended = keys(folder.path(), arguments);
        let is_told = ended.stderr.starts_with("error: ") && ended.stderr.contains(sentence);
        faults.check(ended.code == Some(code) && is_told, || format!("{arguments:?}: {ended:?}"));
    }
    let listed = keys(folder.path(), &["list", "--json"]);
    faults.check(listed.stdout.is_empty(), || format!("keys were made: {}", listed.stdout));
    faults.report();
}
