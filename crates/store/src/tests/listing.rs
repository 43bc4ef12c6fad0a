//! Lists of assets: filters, order, pages.

use super::{Fixture, create, named, page, stage};
use crate::{Asset, AssetFilter, AssetId, NewAsset, OwnerScope, Store};

fn names(store: &Store, scope: &OwnerScope, filter: &AssetFilter) -> Vec<String> {
    let found = store.list_assets(scope, filter, page(1, 50)).unwrap();
    assert_eq!(found.total, found.items.len() as u64);
    found.items.into_iter().map(|asset| asset.filename).collect()
}

#[test]
fn file_names_match_in_part_and_in_any_case() {
    let f = Fixture::new();
    let scope = f.scope("a");
    for name in ["100%_done.png", "100 done.png", "Übung ΣΟΦΟΣ.JPG", "back\\slash", "straße"]
    {
        create(&f.store, &scope, name, b"x");
    }
    let matching = |part: &str| {
        let filter = AssetFilter { filename: Some(part.to_owned()), ..AssetFilter::default() };
        names(&f.store, &scope, &filter)
    };
    assert_eq!(matching("100").len(), 2);
    assert_eq!(matching("%"), ["100%_done.png"]);
    assert_eq!(matching("_"), ["100%_done.png"]);
    assert_eq!(matching("1%d"), [""; 0]);
    assert_eq!(matching("\\"), ["back\\slash"]);
    assert_eq!(matching("DONE.p").len(), 2);
    assert_eq!(matching("übung"), ["Übung ΣΟΦΟΣ.JPG"]);
    assert_eq!(matching("σοφος"), ["Übung ΣΟΦΟΣ.JPG"]);
    assert_eq!(matching("STRASSE"), ["straße"]);
    assert_eq!(matching("' OR 1=1 --"), [""; 0]);
    assert_eq!(matching("").len(), 5);
}

#[test]
fn ids_and_types_filter_together() {
    let f = Fixture::new();
    let scope = f.scope("a");
    let make = |name: &str, file_type: &str| {
        let new = NewAsset { file_type: file_type.to_owned(), ..named(name) };
        f.store.create_asset(&scope, new, stage(&f.store, b"x")).unwrap().id.to_string()
    };
    let picture = make("picture", "image/webp");
    make("film", "video/mp4");
    make("song", "audio/wav");
    let text = make("text", "text/plain");
    make("pdf", "application/pdf");
    let list = |ids: &[&str], types: &[&str]| {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let filter = AssetFilter { ids: owned(ids), types: owned(types), filename: None };
        names(&f.store, &scope, &filter)
    };
    assert_eq!(list(&[], &["document"]), ["pdf", "text"]);
    assert_eq!(list(&[], &["audio", "video"]), ["song", "film"]);
    assert_eq!(list(&[], &["nonsense"]), [""; 0]);
    assert_eq!(list(&[&picture, &text], &[]), ["text", "picture"]);
    assert_eq!(list(&[&picture, &text], &["image"]), ["picture"]);
    assert_eq!(list(&["no id", AssetId::new().as_str()], &[]), [""; 0]);
}

#[test]
fn pages_past_the_end_are_empty_and_know_the_total() {
    let f = Fixture::new();
    let scope = f.scope("a");
    for number in 0..5 {
        create(&f.store, &scope, &number.to_string(), b"x");
    }
    for (wanted, count) in [
        (page(1, 2), 2),
        (page(3, 2), 1),
        (page(4, 2), 0),
        (page(u32::MAX, u32::MAX), 0),
        (page(0, 10), 5),
        (page(1, 0), 0),
    ] {
        let found = f.store.list_assets(&scope, &AssetFilter::default(), wanted).unwrap();
        assert_eq!((found.items.len(), found.total), (count, 5), "{wanted:?}");
    }
}

/// Whatever the times of creation (equal ones among them), the list is newest first, the same
/// each time, and the pages of any size put together are the whole.
#[test]
fn the_order_is_newest_first_and_stable() {
    const ASSETS: u64 = 60;
    let f = Fixture::new();
    let scope = f.scope("a");
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for number in 0..ASSETS {
        let id = create(&f.store, &scope, &number.to_string(), b"x").id;
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(number);
        let created_at = 1_700_000_000_000_000 + (random >> 60) as i64;
        let sql = "UPDATE assets SET created_at = ?2 WHERE id = ?1";
        f.store.database().write(|t| Ok(t.execute(sql, (&id, created_at))?)).unwrap();
    }
    let pages = |limit: u32| -> Vec<Asset> {
        (1..=ASSETS.div_ceil(limit.into()) as u32)
            .flat_map(|number| {
                let wanted = page(number, limit);
                f.store.list_assets(&scope, &AssetFilter::default(), wanted).unwrap().items
            })
            .collect()
    };
    let whole = pages(50);
    assert_eq!(whole.len() as u64, ASSETS);
    for pair in whole.windows(2) {
        let number = |asset: &Asset| asset.filename.parse::<u64>().unwrap();
        let is_after = pair[0].created_at > pair[1].created_at
            || (pair[0].created_at == pair[1].created_at && number(&pair[0]) > number(&pair[1]));
        assert!(is_after, "{pair:?}");
    }
    for limit in 1..=17 {
        assert_eq!(pages(limit), whole, "{limit}");
    }
}
