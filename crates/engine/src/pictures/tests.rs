//! The kept pictures of a real model, a small one.

use std::path::Path;
use std::sync::Arc;

use onespace_media::PreparedImage;
use onespace_models::InputPart::{self, Image, Text};
use onespace_models::folder::{self, LoadOptions};
use onespace_models::{EmbeddingModel, Precision, Sequence};

use super::Tenant;
use crate::{Engine, EngineCounts, EngineSettings};

const CACHE_BYTES: usize = 1 << 20;

fn model() -> Arc<dyn EmbeddingModel> {
    let golden = "../models/tests/golden-interleaved/qwen3-vl-small";
    let options = LoadOptions { precision: Some(Precision::F32), ..LoadOptions::default() };
    folder::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join(golden), &options).unwrap()
}

fn engine(picture_cache_bytes_max: usize) -> Engine {
    let settings = EngineSettings { picture_cache_bytes_max, ..EngineSettings::default() };
    Engine::start(model(), settings).unwrap()
}

fn picture(seed: u8) -> PreparedImage {
    let bytes = (0..16 * 16 * 3).map(|at| (at % 251) as u8 ^ seed);
    PreparedImage { width: 16, height: 16, rgb: bytes.collect() }
}

fn sequence(engine: &Engine, parts: &[InputPart<'_>]) -> Sequence {
    engine.model().tokenize(parts).unwrap().with_pictures(&[picture(0), picture(9), picture(90)])
}

/// Found and read so far.
fn counts(engine: &Engine) -> (u64, u64) {
    let EngineCounts { pictures_found, pictures_read, .. } = engine.counts();
    (pictures_found, pictures_read)
}

#[tokio::test]
async fn a_picture_is_read_once_wherever_it_stands() {
    let (engine, tenant) = (engine(CACHE_BYTES), Tenant::new("a"));
    let requests: [&[InputPart<'_>]; 3] =
        [&[Text("a "), Image(0)], &[Image(0), Text(" is not "), Image(1)], &[Image(1), Image(0)]];
    for parts in requests {
        let kept = engine.embed_for(&tenant, sequence(&engine, parts)).await.unwrap();
        let alone = engine.embed(sequence(&engine, parts)).await.unwrap();
        assert_eq!(kept, alone, "to the bit, {parts:?}");
    }
    assert_eq!(counts(&engine), (3, 2));
    let twice = [Image(2), Image(2)];
    engine.embed_for(&tenant, sequence(&engine, &twice)).await.unwrap();
    assert_eq!(counts(&engine), (3, 3), "once, though it stands there twice");
}

#[tokio::test]
async fn another_tenant_never_finds_it() {
    let engine = engine(CACHE_BYTES);
    for (tenant, expected) in [("a", (0, 1)), ("b", (0, 2)), ("ab", (0, 3)), ("a", (1, 3))] {
        let sequence = sequence(&engine, &[Image(0)]);
        engine.embed_for(&Tenant::new(tenant), sequence).await.unwrap();
        assert_eq!(counts(&engine), expected, "{tenant}");
    }
}

#[tokio::test]
async fn the_longest_unused_goes_first() {
    let tenant = Tenant::new("a");
    let probe = engine(CACHE_BYTES);
    probe.embed_for(&tenant, sequence(&probe, &[Image(0)])).await.unwrap();
    let one = probe.counts().picture_bytes;
    assert!(one > 0);
    let room = usize::try_from(2 * one + one / 2).unwrap();
    let engine = engine(room);
    for index in [0, 1, 0, 2, 0, 1] {
        engine.embed_for(&tenant, sequence(&engine, &[Image(index)])).await.unwrap();
        assert!(engine.counts().picture_bytes <= 2 * one);
    }
    // 0 and 1 read; 0 found; 2 read for 1; 0 found; 1 read again.
    assert_eq!(counts(&engine), (2, 4));
}

#[tokio::test]
async fn without_room_nothing_is_kept_and_all_is_answered() {
    let tenant = Tenant::new("a");
    for (room, expected) in [(0, (0, 0)), (100, (0, 2))] {
        let engine = engine(room);
        for _ in 0..2 {
            let vector = engine.embed_for(&tenant, sequence(&engine, &[Image(0)])).await;
            assert!(vector.is_ok());
        }
        assert_eq!((counts(&engine), engine.counts().picture_bytes), (expected, 0), "{room}");
    }
}

#[tokio::test]
async fn a_broken_picture_fails_its_own_request_only() {
    let (engine, tenant) = (engine(CACHE_BYTES), Tenant::new("a"));
    let odd = PreparedImage { width: 12, height: 16, rgb: vec![0; 12 * 16 * 3].into() };
    let broken = engine.model().tokenize(&[Image(0)]).unwrap().with_pictures(&[odd]);
    assert!(engine.embed_for(&tenant, broken).await.is_err());
    let good = sequence(&engine, &[Image(0)]);
    assert!(engine.embed_for(&tenant, good).await.is_ok(), "the worker lives on");
}
