//! Connections that break, stall and lie; what arrived is not fetched twice.

use std::fs;

use onespace_hub::HubError;

use super::fake_hub::Fault;
use super::{Bench, REPOSITORY, WEIGHTS_BYTES};

/// Parts that are left, and whether the model is there.
fn left(bench: &Bench) -> (Vec<u64>, bool) {
    let parts = bench.present().into_iter().filter(|name| name.ends_with(".part"));
    let length = |name: String| fs::metadata(bench.models_dir().join(name)).expect("there").len();
    (parts.map(length).collect(), bench.target().exists())
}

#[test]
fn a_broken_connection_is_gone_on_with() {
    let bench = Bench::new();
    bench.hub.fail(&[Fault::CutAfter(300_000), Fault::CutAfter(1_000), Fault::Status(503)]);
    bench.pull(REPOSITORY).expect("pulled");
    let ranges = [None, Some(300_000), Some(301_000), Some(301_000)];
    assert_eq!(bench.hub.ranges(), ranges);
}

#[test]
fn a_silent_connection_is_given_up_and_gone_on_with() {
    let bench = Bench::new();
    bench.hub.fail(&[Fault::HoldAfter(500_000)]);
    bench.pull(REPOSITORY).expect("pulled");
    assert_eq!(bench.hub.ranges(), [None, Some(500_000)]);
}

#[test]
fn after_too_many_faults_the_next_pull_goes_on() {
    let bench = Bench::new();
    bench.hub.fail(&[Fault::CutAfter(100_000), Fault::Status(500), Fault::CutAfter(0)]);
    let error = bench.pull(REPOSITORY).expect_err("three faults");
    let HubError::Interrupted { file, received: 100_000, bytes, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!((file.as_str(), *bytes), ("model.safetensors", WEIGHTS_BYTES as u64));
    assert_eq!(left(&bench), (vec![100_000], false));
    bench.pull(REPOSITORY).expect("pulled");
    assert_eq!(bench.hub.ranges().last(), Some(&Some(100_000)));
    assert_eq!(left(&bench), (vec![], true));
}

#[test]
fn a_hub_without_ranges_is_asked_for_all() {
    let bench = Bench::new();
    bench.hub.fail(&[Fault::CutAfter(400_000), Fault::IgnoreRange]);
    bench.pull(REPOSITORY).expect("pulled");
    assert_eq!(bench.hub.ranges(), [None, Some(400_000)]);
}

#[test]
fn another_content_is_refused_and_removed() {
    for fault in [Fault::Corrupt, Fault::TooLong] {
        let bench = Bench::new();
        bench.hub.fail(&[fault]);
        let error = bench.pull(REPOSITORY).expect_err("not what was announced");
        let is_right =
            matches!(&error, HubError::WrongDigest { file, .. } if file == "model.safetensors");
        assert!(is_right, "{fault:?}: {error:?}");
        assert_eq!(left(&bench), (vec![], false), "{fault:?}");
        bench.pull(REPOSITORY).expect("the next pull");
    }
}

#[test]
fn what_was_left_damaged_is_fetched_again() {
    let bench = Bench::new();
    bench.hub.fail(&[Fault::CutAfter(100_000), Fault::CutAfter(0), Fault::CutAfter(0)]);
    bench.pull(REPOSITORY).expect_err("interrupted");
    let mut parts = bench.present().into_iter().filter(|name| name.ends_with(".part"));
    let part = bench.models_dir().join(parts.next().expect("a part"));
    let mut bytes = fs::read(&part).expect("read");
    bytes[50_000] ^= 1;
    fs::write(&part, bytes).expect("written");
    bench.pull(REPOSITORY).expect("pulled");
    let ranges = bench.hub.ranges();
    assert_eq!(ranges[ranges.len() - 2..], [Some(100_000), None]);
}

#[test]
fn a_part_of_another_content_is_not_gone_on_with() {
    let bench = Bench::new();
    bench.hub.fail(&[Fault::CutAfter(100_000), Fault::CutAfter(0), Fault::CutAfter(0)]);
    bench.pull(REPOSITORY).expect_err("interrupted");
    let mut files = super::model_files();
    files[4] = super::large("model.safetensors", vec![7; WEIGHTS_BYTES]);
    bench.hub.publish(REPOSITORY, "main", &files);
    bench.pull(REPOSITORY).expect("pulled");
    assert_eq!(bench.hub.ranges().last(), Some(&None));
    assert_eq!(left(&bench), (vec![], true));
}
