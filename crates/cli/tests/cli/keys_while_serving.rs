//! `onespace keys` beside a running server: effective at once, and secrets stay secret.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use crate::support::faults::Faults;
use crate::support::http::Answer;
use crate::support::program::{argument, run};
use crate::support::requests;
use crate::support::server::Server;
use crate::support::waiting::until;

fn made(server: &Server, arguments: &[&str]) -> String {
    let data = ["--json", "--data-dir", argument(server.data_dir())];
    let arguments: Vec<_> =
        ["keys", "create"].iter().chain(arguments).chain(&data).copied().collect();
    run(&arguments).json()["key"].as_str().expect("a key").to_owned()
}

fn revoke(server: &Server, key: &str) {
    let ended = run(&["keys", "revoke", key, "--data-dir", argument(server.data_dir())]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

fn asked_with(server: &Server, key: &str) -> Answer {
    server.get("/v1.3/assets", key)
}

#[test]
fn making_and_revoking_work_at_once() {
    let server = Server::start(&[]);
    assert_eq!(asked_with(&server, server.key()).status, 200);
    let key = made(&server, &["second"]);
    assert_eq!(asked_with(&server, &key).status, 200, "a new key");
    revoke(&server, "second");
    let refused = asked_with(&server, &key);
    assert_eq!(refused.status, 401, "a revoked key");
    assert!(refused.text().contains("was revoked"), "{}", refused.text());
    assert_eq!(asked_with(&server, server.key()).status, 200, "the other key");
}

#[test]
fn a_key_stops_working_when_its_time_is_over() {
    let server = Server::start(&[]);
    let (short, forever) = (
        made(&server, &["short", "--expires", "1s"]),
        made(&server, &["long", "--expires", "never"]),
    );
    let refused = until("the key has expired", || {
        Some(asked_with(&server, &short)).filter(|answer| answer.status != 200)
    });
    assert_eq!(refused.status, 401);
    assert!(refused.text().contains("has expired"), "{}", refused.text());
    assert_eq!(asked_with(&server, &forever).status, 200);
    let list = run(&["keys", "list", "--json", "--data-dir", argument(server.data_dir())]);
    let states: Vec<_> = list.json_lines().iter().map(|key| key["state"].clone()).collect();
    assert_eq!(states, ["active", "expired", "active"]);
}

#[test]
fn the_first_start_announces_a_key_and_no_later_one_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut first = Server::start_on(folder.path(), &[]);
    let key = first.key().to_owned();
    assert_eq!(first.output().matches(&key).count(), 1);
    first.signal(Signal::TERM);
    assert_eq!(first.exit_code(), Some(0));
    let second = Server::start_on(folder.path(), &[]);
    assert!(!second.announces_a_key(), "{}", second.output());
    assert!(second.output().contains("onespace keys create NAME"), "{}", second.output());
    assert_eq!(asked_with(&second, &key).status, 200);
}

/// All files below `folder`.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let (folders, mut found): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    found.extend(folders.iter().flat_map(|folder| files(folder)));
    found
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn no_file_and_no_log_line_holds_a_key_or_a_text() {
    const TEXT: &str = "an unmistakable heliotrope";
    let mut server = Server::start(&["--log", "trace"]);
    let (made, revoked) = (made(&server, &["made"]), made(&server, &["revoked"]));
    revoke(&server, &revoked);
    for key in [server.key(), &made, &revoked] {
        asked_with(&server, key);
    }
    assert_eq!(server.embed(&requests::text(TEXT)).status, 200);
    assert_eq!(server.embed(&requests::named_pictures(TEXT, &[("a", "cat.png")])).status, 200);
    // One letter off: a fixed last letter would, once in 62 keys, be the right one.
    let wrong =
        format!("{}{}", &made[..made.len() - 1], if made.ends_with('x') { 'y' } else { 'x' });
    assert_eq!(asked_with(&server, &wrong).status, 401);

    // The secret alone, without the public start of the key.
    let keys = [server.key().to_owned(), made, revoked, wrong];
    let secrets: Vec<_> =
        keys.iter().map(|key| key[13..].to_owned()).chain([TEXT.into()]).collect();
    let mut faults = Faults::default();
    let mut look = |when: &str, server: &Server| {
        let found = files(server.data_dir());
        faults.check(found.len() > 1, || format!("{when}: no files"));
        for (path, secret) in found.iter().flat_map(|path| secrets.iter().map(move |s| (path, s))) {
            let bytes = fs::read(path).unwrap_or_default();
            faults.check(!holds(&bytes, secret), || format!("{when}: {}", path.display()));
        }
    };
    look("while it runs", &server);
    server.signal(Signal::TERM);
    assert_eq!(server.exit_code(), Some(0));
    look("after its end", &server);
    let log = server.log();
    faults.check(log.contains("/v1.3/embed-v2"), || "requests are not logged".to_owned());
    for line in log.lines() {
        let is_clean = secrets.iter().all(|secret| !line.contains(secret));
        faults.check(is_clean, || format!("log: {line}"));
    }
    faults.report();
}
