//! A disk that is really full: a small memory file system in a mount namespace of the test's own.

use std::io::Write;
use std::process::Command;

use super::{check_all_assets, files_below, named, page, scope};
use crate::{Access, AssetFilter, Store, StoreErrorKind};

const DIRECTORY: &str = "ONESPACE_SMALL_DISK_DIR";
const ROUNDS: usize = 10;

/// What the test below does within its namespace.
#[test]
#[ignore = "run as a child by the test below"]
fn on_a_small_disk() {
    let Ok(dir) = std::env::var(DIRECTORY) else { return };
    let dir = std::path::Path::new(&dir);
    let store = Store::open(dir, Access::Serve).unwrap();
    let scope = scope(&store, "a");
    let store_one = |size: usize| {
        let mut writer = store.stage_blob(1 << 20)?;
        writer.write_all(&vec![7; size])?;
        store.create_asset(&scope, named("x"), writer.finish()?)
    };
    let refused = || {
        let error = loop {
            if let Err(error) = store_one(300_000) {
                break error;
            }
        };
        assert_eq!(error.kind(), StoreErrorKind::DiskFull, "{error:?}");
    };
    for round in 0..ROUNDS {
        refused();
        let assets = check_all_assets(&store, &scope);
        assert_eq!(files_below(&dir.join("blobs")).len(), assets);
        assert!(files_below(&dir.join("tmp")).is_empty());
        let listed = store.list_assets(&scope, &AssetFilter::default(), page(1, 10_000)).unwrap();
        for asset in listed.items.iter().skip(round % 3) {
            assert!(store.delete_asset(&scope, &asset.id).unwrap());
        }
        store_one(300_000).unwrap();
    }
    // Now another program takes the rest.
    let filler = dir.join("filler");
    let mut file = std::fs::File::create(&filler).unwrap();
    while file.write_all(&[7; 4096]).is_ok() {}
    refused();
    let error = (0..10_000)
        .find_map(|number| store.ensure_account(&number.to_string()).err())
        .expect("the database cannot grow for ever");
    assert_eq!(error.kind(), StoreErrorKind::DiskFull, "{error:?}");
    check_all_assets(&store, &scope);
    drop(file);
    std::fs::remove_file(&filler).unwrap();
    store_one(300_000).unwrap();
    assert!(store.is_healthy());
    drop(store);
    let store = Store::open(dir, Access::Serve).unwrap();
    assert_eq!(store.start_report(), crate::StartReport::default());
    assert!(check_all_assets(&store, &scope) > 0);
}

#[test]
#[ignore = "needs user namespaces"]
fn a_full_disk_refuses_writes_serves_reads_and_lets_deletions_make_room() {
    let dir = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=300m none \"$1\" && exec \"$2\" \
                  --exact tests::small_disk::on_a_small_disk --ignored --nocapture";
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"])
        .arg(dir.path())
        .arg(std::env::current_exe().unwrap())
        .env(DIRECTORY, dir.path())
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stdout.contains("1 passed"), "{stdout}{stderr}");
}
