//! Figures, printed on demand:
//! `cargo test -p onespace-store -- --ignored --nocapture measure`.

use std::time::{Duration, Instant};

use super::{Fixture, create};
use crate::key_text::ApiKey;
use crate::{Access, Store, looks_like_a_key};

fn report(what: &str, mut samples: Vec<Duration>) {
    samples.sort();
    let at = |share: f64| samples[((samples.len() - 1) as f64 * share) as usize];
    println!("{what}: p50 {:?}, p99 {:?}, n {}", at(0.5), at(0.99), samples.len());
}

fn timed(count: usize, mut work: impl FnMut()) -> Vec<Duration> {
    (0..count)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect()
}

#[test]
#[ignore = "measures, does not test"]
fn measure() {
    let f = Fixture::new();
    let account = f.store.ensure_account("a").unwrap();
    let (key, _) = f.store.create_key(&account, "k", None).unwrap();
    let scope = f.store.authenticate(key.reveal()).unwrap().unwrap();
    for size in [10_000, 1_000_000] {
        let bytes = vec![7; size];
        let what = format!("create_asset of {size} bytes, staging included");
        report(&what, timed(300, || drop(create(&f.store, &scope, "x", &bytes))));
    }
    let newest = crate::AssetFilter::default();
    let list = || drop(f.store.list_assets(&scope, &newest, super::page(1, 50)).unwrap());
    report("list_assets, 50 of 600", timed(300, list));
    let right = || assert!(f.store.authenticate(key.reveal()).unwrap().is_ok());
    report("authenticate, right key", timed(20_000, right));
    let unknown = ApiKey::generate();
    let wrong = || assert!(f.store.authenticate(unknown.reveal()).unwrap().is_err());
    report("authenticate, unknown key", timed(20_000, wrong));
    let junk = format!("{}x", &key.reveal()[..61]);
    report("junk refused by its checksum", timed(20_000, || assert!(!looks_like_a_key(&junk))));
    let Fixture { store, dir } = f;
    let start = Instant::now();
    drop(store);
    println!("close: {:?}", start.elapsed());
    let start = Instant::now();
    let store = Store::open(dir.path(), Access::Serve).unwrap();
    println!("open with 600 assets: {:?}", start.elapsed());
    drop(store);
}
