//! What the hub, the disk or the operator does not allow; nothing is left behind.

use std::fs;
use std::net::TcpListener;

use onespace_hub::HubError;

use super::fake_hub::{large, small};
use super::{Bench, REPOSITORY};

#[test]
fn every_refusal_says_what_to_do() {
    // What is refused, how, whether a token is there, and what the message must hold.
    let rows: [(&'static str, u16, &'static str, bool, &str); 9] = [
        ("/revision/", 401, "RepoNotFound", false, "check its name. A private or gated one"),
        ("/revision/", 401, "", false, "check its name"),
        ("/revision/", 404, "RepoNotFound", true, "was not found"),
        ("/revision/", 401, "", true, "does not accept the token in HF_TOKEN"),
        ("/revision/", 403, "GatedRepo", true, "is gated: accept its terms at"),
        ("/resolve/", 401, "GatedRepo", false, "is gated: accept its terms at"),
        ("/revision/", 429, "", false, "answered 429 too often"),
        ("/revision/", 500, "", false, "answered 500 too often"),
        ("/revision/", 418, "", false, "it answered 418"),
    ];
    let mut faults = Vec::new();
    for (part, status, code, has_token, named) in rows {
        let mut bench = Bench::new();
        bench.settings.token = has_token.then(|| "secret".to_owned());
        bench.hub.refuse(part, status, code);
        let error = bench.pull(REPOSITORY).expect_err("refused").to_string();
        if !error.contains(named) || error.contains("secret") || bench.target().exists() {
            faults.push(format!("{part} {status} {code}: {error}"));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn what_is_not_there_is_told_apart() {
    let bench = Bench::new();
    let error = bench.pull("maker/other").expect_err("no such model");
    assert!(matches!(error, HubError::NoSuchModel { .. }), "{error:?}");
    let error = bench.pull(&format!("{REPOSITORY}@v9")).expect_err("no such revision");
    assert!(error.to_string().contains("has no revision v9"), "{error}");
    assert!(bench.present().is_empty(), "{:?}", bench.present());
}

#[test]
fn a_repository_without_a_model_is_told() {
    let bench = Bench::new();
    let pickled = [small("config.json", "{}"), large("pytorch_model.bin", "x")];
    bench.hub.publish("maker/pickled", "main", &pickled);
    let error = bench.pull("maker/pickled").expect_err("no safetensors").to_string();
    assert!(error.contains("can run code"), "{error}");
    bench.hub.publish("maker/empty", "main", &[]);
    let error = bench.pull("maker/empty").expect_err("no config").to_string();
    assert!(error.contains("no config.json"), "{error}");
}

#[test]
fn limits_are_checked_before_anything_is_fetched() {
    let bench = Bench::new();
    let error = bench.pull_with(REPOSITORY, 1 << 20, &mut |_| {}).expect_err("too large");
    assert!(matches!(error, HubError::TooLarge { bytes_max: 1_048_576, .. }), "{error:?}");
    assert_eq!(bench.hub.asked().len(), 1);
    assert!(bench.present().is_empty());
}

#[test]
fn a_network_that_is_not_there_is_told() {
    let mut bench = Bench::new();
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port");
    bench.settings.endpoint = format!("http://{}", closed.local_addr().expect("an address"));
    drop(closed);
    let error = bench.pull(REPOSITORY).expect_err("nobody listens").to_string();
    assert!(error.contains("cannot be reached"), "{error}");
}

#[test]
fn a_page_that_is_no_hub_is_told() {
    let bench = Bench::new();
    // The storage of the hub knows nothing of models.
    let mut settings = bench.settings.clone();
    settings.endpoint = format!("{}/maker/model/resolve", bench.hub.endpoint());
    let bench = Bench { settings, ..bench };
    let error = bench.pull(REPOSITORY).expect_err("no hub").to_string();
    assert!(error.contains("was not found on"), "{error}");
}

#[test]
fn a_folder_put_there_by_hand_is_not_replaced() {
    let bench = Bench::new();
    fs::create_dir_all(bench.target()).expect("made");
    fs::write(bench.target().join("config.json"), "mine").expect("written");
    let error = bench.pull(REPOSITORY).expect_err("occupied").to_string();
    assert!(error.contains("is in the way"), "{error}");
    let kept = fs::read_to_string(bench.target().join("config.json")).expect("there");
    assert_eq!(kept, "mine");
}

#[test]
fn two_pulls_of_one_model_do_not_meet() {
    let bench = Bench::new();
    let mut second = None;
    bench
        .pull_with(REPOSITORY, u64::MAX, &mut |event| {
            // The first one holds the lock while its first file is on its way.
            if matches!(event, onespace_hub::PullEvent::Received { .. }) && second.is_none() {
                second = Some(std::thread::scope(|scope| {
                    scope.spawn(|| bench.pull(REPOSITORY)).join().expect("no panic")
                }));
            }
        })
        .expect("the first one goes on");
    let error = second.expect("asked").expect_err("locked");
    assert!(matches!(error, HubError::AlreadyPulling { .. }), "{error:?}");
}
