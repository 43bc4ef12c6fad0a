//! Pulls that come to an end.

use std::fs;

use onespace_hub::{PullEvent, PullOutcome, SourceRecord, licence::Licence, sha256_of_file};

use super::fake_hub::{large, noise, small};
use super::{Bench, REPOSITORY, WEIGHTS_BYTES, model_files};

#[test]
fn a_model_arrives_whole_and_alone() {
    let bench = Bench::new();
    let mut received = 0;
    let pulled = bench
        .pull_with(REPOSITORY, u64::MAX, &mut |event| {
            if let PullEvent::Received { bytes } = event {
                received += bytes;
            }
        })
        .expect("pulled");
    assert_eq!((pulled.outcome, &pulled.folder), (PullOutcome::New, &bench.target()));
    let files = ["1_Pooling/config.json", "README.md", "config.json", "model.safetensors"];
    let files = files.into_iter().chain(["onespace-source.json", "tokenizer.json"]);
    let expected: Vec<_> = files.map(|name| format!("{REPOSITORY}/{name}")).collect();
    assert_eq!(bench.present(), expected);
    for file in model_files() {
        let found = fs::read(bench.target().join(&file.path)).ok();
        let is_wanted = !file.path.ends_with(".bin") && !file.path.ends_with(".py");
        assert_eq!(found.as_deref(), is_wanted.then_some(&*file.contents), "{}", file.path);
    }
    assert_eq!(received, pulled.record.bytes());
    let record = SourceRecord::read(&bench.target()).expect("a record");
    assert_eq!(record, pulled.record);
    assert_eq!((record.revision.as_str(), record.commit.len()), ("main", 40));
    for file in &record.files {
        let found = sha256_of_file(&bench.target().join(&file.path)).expect("readable");
        assert_eq!(found, file.sha256, "{}", file.path);
    }
    assert_eq!(Licence::find(&bench.target()).line(), "mit (README.md)");
}

#[test]
fn a_second_pull_fetches_nothing() {
    let bench = Bench::new();
    bench.pull(REPOSITORY).expect("pulled");
    let before = bench.hub.asked().len();
    let again = bench.pull(REPOSITORY).expect("pulled");
    assert_eq!(again.outcome, PullOutcome::AlreadyThere);
    let asked = bench.hub.asked();
    assert_eq!(asked.len(), before + 1, "only the description: {asked:?}");
    // What is gone is fetched again.
    fs::remove_file(bench.target().join("model.safetensors")).expect("removed");
    assert_eq!(bench.pull(REPOSITORY).expect("pulled").outcome, PullOutcome::Replaced);
    assert_eq!(bench.pull(REPOSITORY).expect("pulled").outcome, PullOutcome::AlreadyThere);
}

#[test]
fn a_pinned_revision_is_asked_for_and_recorded() {
    let bench = Bench::new();
    let mut other = model_files();
    other[4] = large("model.safetensors", noise(WEIGHTS_BYTES / 2));
    let commit = bench.hub.publish(REPOSITORY, "refs/pr/1", &other);
    for revision in ["refs/pr/1", &commit] {
        let pulled = bench.pull(&format!("{REPOSITORY}@{revision}")).expect("pulled");
        assert_eq!(pulled.record.commit, commit);
    }
    let length = |bench: &Bench| {
        fs::metadata(bench.target().join("model.safetensors")).expect("there").len()
    };
    assert_eq!(length(&bench), WEIGHTS_BYTES as u64 / 2);
    // Files that both revisions have are not fetched again, and the operator's own stays.
    fs::write(bench.target().join("onespace.json"), "{}").expect("written");
    let before = bench.hub.asked().len();
    let replaced = bench.pull(REPOSITORY).expect("pulled");
    assert_eq!((replaced.outcome, length(&bench)), (PullOutcome::Replaced, WEIGHTS_BYTES as u64));
    let asked = &bench.hub.asked()[before..];
    assert!(asked.iter().all(|asked| !asked.path.contains("tokenizer.json")), "{asked:?}");
    assert!(bench.target().join("onespace.json").exists());
    let left = bench.present();
    assert!(left.iter().all(|name| name.starts_with(REPOSITORY)), "{left:?}");
}

#[test]
fn a_token_goes_to_the_hub_and_nowhere_else() {
    let mut bench = Bench::new();
    bench.settings.token = Some("secret".to_owned());
    bench.pull(REPOSITORY).expect("pulled");
    let asked = bench.hub.asked();
    assert!(asked.iter().any(|asked| asked.at_storage));
    for asked in asked {
        let expected = (!asked.at_storage).then_some("secret");
        assert_eq!(asked.token.as_deref(), expected, "{}", asked.path);
    }
    let record = fs::read_to_string(bench.target().join("onespace-source.json")).expect("there");
    assert!(!record.contains("secret"));
}

#[test]
fn weights_in_several_files_come_with_their_index() {
    let bench = Bench::new();
    let shard = |part: usize| format!("model-0000{part}-of-00002.safetensors");
    let index = |last: usize| {
        format!(r#"{{"weight_map": {{"a": "{}", "b": "{}"}}}}"#, shard(1), shard(last))
    };
    let files = |last| {
        vec![
            small("config.json", "{}"),
            small("model.safetensors.index.json", index(last)),
            large(&shard(1), noise(100)),
            large(&shard(2), noise(200)),
        ]
    };
    bench.hub.publish("maker/shards", "main", &files(2));
    let pulled = bench.pull("maker/shards").expect("pulled");
    assert_eq!(pulled.record.files.len(), 4);
    bench.hub.publish("maker/lacking", "main", &files(3));
    let error = bench.pull("maker/lacking").expect_err("a shard is missing").to_string();
    assert!(error.contains("has no model-00003-of-00002.safetensors"), "{error}");
    assert!(!bench.models_dir().join("maker/lacking").exists());
}
