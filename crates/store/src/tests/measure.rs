//! Figures, printed on demand:
//! `cargo test -p onespace-store -- --ignored --nocapture measure`.

use std::time::{Duration, Instant};

use time::macros::date;

use super::{Fixture, create};
use crate::key_text::ApiKey;
use crate::{Access, OwnerScope, Store, UsageBatch, UsageCounts, looks_like_a_key};

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

/// What an answer waits for its count: as it is, and if each batch were synced.
fn measure_usage(f: &Fixture, scope: &OwnerScope) {
    let mut batch = UsageBatch::default();
    let counts = UsageCounts { requests: 1, images: 2, tokens: 300, errors: 0 };
    batch.add(scope, date!(2026 - 11 - 22), counts);
    report("add_usage", timed(2_000, || f.store.add_usage(&batch).unwrap()));
    let synced = || f.store.database().write(|t| crate::usage::add_all(t, &batch)).unwrap();
    report("add_usage, if it were synced", timed(300, synced));
    let both = || {
        f.store.add_usage(&batch).unwrap();
        f.store.sync_usage().unwrap();
    };
    report("add_usage and sync_usage", timed(300, both));
}

#[test]
#[ignore = "measures, does not test"]
fn measure_search() {
    const VALUES: usize = 512;
    let f = Fixture::new();
    let scope = super::scope(&f.store, "a");
    for count in 0..2_000_u32 {
        let id = create(&f.store, &scope, "x", &count.to_le_bytes()).id;
        f.store.keep_vector(&scope, &id, "space", &[0.044; VALUES]).unwrap();
    }
    let search = || drop(f.store.nearest_assets(&scope, "space", &[0.044; VALUES], 24).unwrap());
    report("nearest_assets, 2,000 vectors of 512 values", timed(100, search));
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
    measure_usage(&f, &scope);
    let Fixture { store, dir } = f;
    let start = Instant::now();
    drop(store);
    println!("close: {:?}", start.elapsed());
    let start = Instant::now();
    let store = Store::open(dir.path(), Access::Serve).unwrap();
    println!("open with 600 assets: {:?}", start.elapsed());
    drop(store);
}
