//! `onespace models`: what can be served.

use serde_json::json;

use crate::support::program::{argument, run};
use crate::support::{requests, server::Server};

#[test]
fn the_embedded_model_is_listed_and_shown() {
    let shown = run(&["models", "show", "--json"]).json();
    assert_eq!(shown["dimensions"], json!([128, 256, 512]));
    assert_eq!((&shown["dimension"], &shown["images_max"]), (&json!(512), &json!(10)));
    let digest = shown["weights_sha256"].as_str().expect("a digest");
    assert!(digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{digest}");
    let named = |member: &str| shown[member].as_str().expect(member);

    let listed = run(&["models", "list"]);
    assert_eq!(listed.code, Some(0), "{}", listed.stderr);
    let lines: Vec<_> = listed.stdout.lines().collect();
    assert!(lines.len() == 2 && lines[0].starts_with("MODEL"), "{}", listed.stdout);
    let text = run(&["models", "show"]).stdout;
    for part in [named("name"), named("revision"), named("space"), "128, 256, 512"] {
        assert!(lines[1].contains(part), "{part}: {}", lines[1]);
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.contains(digest), "{text}");
}

#[test]
fn every_way_to_a_vector_names_the_same_space() {
    let space = run(&["models", "show", "--json"]).json()["space"].clone();
    assert_eq!(run(&["embed", "--text", "a cat"]).json()["space"], space);
    let answer = Server::start(&[]).embed(&requests::text("a cat"));
    assert_eq!(answer.header("x-onespace-space"), space.as_str());
}

#[test]
fn a_folder_without_a_model_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = argument(folder.path());
    for arguments in [["models", "show", path].as_slice(), &["models", "list", "--model", path]] {
        let ended = run(arguments);
        assert_eq!(ended.code, Some(1), "{arguments:?}");
        let sentence = format!("error: The model in {path} cannot be loaded.");
        assert!(ended.stderr.starts_with(&sentence), "{arguments:?}: {}", ended.stderr);
    }
}
