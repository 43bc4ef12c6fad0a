//! `onespace models`: what can be served.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

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

    let nowhere = ["--models-dir", "/nowhere"];
    let listed = run(&["models", "list", nowhere[0], nowhere[1]]);
    assert_eq!(listed.code, Some(0), "{}", listed.stderr);
    let lines: Vec<_> = listed.stdout.lines().collect();
    assert!(lines.len() == 2 && lines[0].starts_with("MODEL"), "{}", listed.stdout);
    for part in [named("name"), "128, 256, 512", "ok, embedded", "apache-2.0"] {
        assert!(lines[1].contains(part), "{part}: {}", lines[1]);
    }
    let text = run(&["models", "show"]).stdout;
    for part in [named("name"), named("revision"), named("space"), "128, 256, 512", "early"] {
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
    for arguments in
        [["models", "show", path].as_slice(), &["embed", "--text", "x", "--model", path]]
    {
        let ended = run(arguments);
        assert_eq!(ended.code, Some(1), "{arguments:?}");
        let sentence = format!("error: The model in {path} cannot be loaded.");
        assert!(ended.stderr.starts_with(&sentence), "{arguments:?}: {}", ended.stderr);
    }
}

#[test]
fn the_embedded_model_passes_every_check() {
    let verified = run(&["models", "verify", "--json"]);
    assert_eq!(verified.code, Some(0), "{}{}", verified.stdout, verified.stderr);
    let checks = verified.json_lines();
    let names: Vec<_> =
        checks.iter().map(|check| check["check"].as_str().expect("a name")).collect();
    let expected =
        ["load", "tokenizer", "unit length", "distinct", "batch", "repeated", "precision"];
    for name in expected {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    assert!(checks.iter().all(|check| check["passed"] == true), "{checks:?}");
}

/// A folder with the embedded model under another name, and without its shorter dimensions.
fn undivided_model() -> TempDir {
    let embedded = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/embedded");
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["tokenizer.json", "model.safetensors"] {
        fs::copy(embedded.join(name), folder.path().join(name)).expect("copied");
    }
    let config = fs::read(embedded.join("config.json")).expect("read");
    let mut config: Value = serde_json::from_slice(&config).expect("JSON");
    config["name"] = json!("undivided");
    config["dimensions"] = json!([512]);
    fs::write(folder.path().join("config.json"), config.to_string()).expect("written");
    folder
}

#[test]
fn two_models_answer_under_their_names() {
    let folder = undivided_model();
    let other = argument(folder.path());
    let models = ["--model", "onespace-mini", "--model", other, "--alias", "marengo3.5=undivided"];
    let server = Server::start(&models);
    let output = server.output();
    for line in [
        "onespace-mini, 512 values, also as marengo3.0",
        "undivided, 512 values, also as marengo3.5",
    ] {
        assert!(output.contains(line), "{line}: {output}");
    }
    let space = |name: &str| {
        let mut body = requests::named_pictures("<@a>", &[("a", "cat.png")]);
        body["model_name"] = json!(name);
        let answer = server.embed(&body);
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        answer.header("x-onespace-space").expect("a space").to_owned()
    };
    assert_eq!(space("marengo3.0"), space("onespace-mini"));
    assert_eq!(space("marengo3.5"), space("undivided"));
    assert_ne!(space("marengo3.0"), space("marengo3.5"));
    let mut body = requests::named_pictures("<@a>", &[("a", "cat.png")]);
    body["embedding_dimension"] = json!(256);
    for (name, status) in [("onespace-mini", 200), ("undivided", 400), ("marengo3.5", 400)] {
        body["model_name"] = json!(name);
        let answer = server.embed(&body);
        assert_eq!(answer.status, status, "{name}: {}", answer.text());
        if status == 400 {
            let text = answer.text();
            assert!(text.contains("`embedding_dimension` must be one of 512"), "{name}: {text}");
        }
    }
}

#[test]
fn models_that_cannot_be_told_apart_are_refused() {
    let folder = undivided_model();
    let other = argument(folder.path());
    let rows: [(&[&str], &str); 3] = [
        (&["--model", other, "--model", other], "Two models are both named undivided"),
        (
            &["--model", other, "--alias", "marengo3.0=mini"],
            "names the model mini, which is not loaded",
        ),
        (&["--model", other, "--alias", "marengo4=undivided"], "no model name of the API"),
    ];
    for (more, named) in rows {
        let data = tempfile::tempdir().expect("a folder");
        let arguments = ["serve", "--data-dir", argument(data.path()), "--listen", "127.0.0.1:0"];
        let ended = run(&arguments.iter().chain(more).copied().collect::<Vec<_>>());
        assert_eq!(ended.code, Some(1), "{more:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(named), "{more:?}: {}", ended.stderr);
    }
}
