//! Small interleaved models against what `transformers` 5.23.0 made of the same files, stored in
//! `golden-interleaved/` by `parity/write.py --golden-interleaved`.

#![expect(clippy::unwrap_used, reason = "what is missing here fails the test")]

mod closeness;
mod distance;
mod interleaved;

use std::path::Path;
use std::sync::Arc;

use closeness::{COSINE_MIN, RELATIVE_MAX, assert_none, too_far};
use distance::distance;
use interleaved::Reference;
use onespace_models::folder::{self, LoadOptions};
use onespace_models::{EmbeddingModel, Part, Precision, Sequence};

/// The second one's tokenizer ends no text, and its files have the newer spelling.
const ARCHITECTURES: [&str; 3] = ["qwen3-vl-small", "qwen3-vl-small-open", "embeddinggemma2-small"];
/// The same of vectors at other precisions.
const COARSE_COSINE_MIN: f64 = 0.999;
/// Largest difference of cosines and sines: two units in the last place of a number near 1.
const TABLE_MAX: f32 = 1.2e-7;

fn model(reference: &Reference, precision: Precision) -> Arc<dyn EmbeddingModel> {
    let options = LoadOptions { precision: Some(precision), ..Default::default() };
    folder::load(&reference.dir, &options).unwrap()
}

fn cases() -> Vec<(&'static str, Reference, Arc<dyn EmbeddingModel>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden-interleaved");
    let case = |name| {
        let reference = Reference::read(&root.join(name));
        let model = model(&reference, Precision::F32);
        (name, reference, model)
    };
    ARCHITECTURES.into_iter().map(case).collect()
}

#[test]
fn token_ids_and_sizes_are_the_same() {
    let mut wrong = Vec::new();
    for (name, reference, model) in cases() {
        for request in &reference.inputs.requests {
            let sequence = reference.sequence(&*model, request);
            let (ids, sizes) = reference.ids(&*model, &sequence);
            if ids != request.ids {
                let (case, theirs) = (&request.name, &request.ids);
                wrong.push(format!("{name}, {case}:\n{ids:?}, not\n{theirs:?}"));
            }
            if sizes != request.sizes {
                wrong.push(format!("{name}, {}: {sizes:?}", request.name));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn prepared_pictures_are_the_same_to_the_bit() {
    let mut wrong = Vec::new();
    for (name, reference, model) in cases() {
        for index in 0..reference.inputs.pictures.len() {
            let ours = reference.prepare(&*model, (&Default::default(), index));
            let theirs = reference.prepared(index);
            if ours != theirs {
                wrong.push(format!("{name}, picture {index}: {}x{}", ours.width, ours.height));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn positions_and_their_tables_are_the_same() {
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for (name, reference, model) in cases() {
        for (index, request) in reference.inputs.requests.iter().enumerate() {
            let stages = model.stages(&reference.sequence(&*model, request)).unwrap();
            let stage = |name| &stages.iter().find(|stage| stage.name == name).unwrap().values;
            let stored = |what: &str| reference.numbers(&format!("request.{index}.{what}"));
            // Places are positions in the other model.
            let Some(theirs) = stored("positions") else { continue };
            compared += 1;
            let places = theirs.len() / 3;
            let ours = stage("positions");
            let same =
                |at: usize| (0..3).all(|axis| ours[3 * at + axis] == theirs[axis * places + at]);
            if ours.len() != theirs.len() || !(0..places).all(same) {
                wrong.push(format!("{name}, {}: positions", request.name));
            }
            for table in ["cosines", "sines"] {
                let Some(theirs) = stored(table) else { continue };
                let pairs = stage(table).iter().zip(&theirs);
                let apart = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                if apart > TABLE_MAX || stage(table).len() != theirs.len() {
                    wrong.push(format!("{name}, {}: {table} {apart:e}", request.name));
                }
            }
        }
    }
    assert_eq!(compared, 2 * 14, "every request of two models");
    assert_none(&wrong);
}

#[test]
fn states_of_pictures_are_the_same() {
    let names = [
        "embeddings",
        "block 0",
        "last block",
        "deepstack 0",
        "deepstack 1",
        "deepstack 2",
        "merged",
    ];
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for (name, reference, model) in cases() {
        println!("{name}");
        let alone = reference.inputs.requests.iter().find(|one| one.name == "image only").unwrap();
        let input = reference.tokenize(&*model, alone);
        for index in 0..reference.inputs.pictures.len() {
            if reference.numbers(&format!("image.{index}.merged")).is_none() {
                continue;
            }
            let pictures = [reference.prepared(index)];
            for stage in model.stages(&input.with_pictures(&pictures)).unwrap() {
                if names.contains(&stage.name) {
                    let stored = format!("image.{index}.{}", stage.name);
                    wrong.extend(too_far(&stored, &stage.values, reference.numbers(&stored)));
                    compared += 1;
                }
            }
        }
    }
    // Nothing of the third model's tower is stacked.
    let stages = 2 * names.len() + names.len() - 3;
    assert_eq!(compared, 2 * stages, "every stage of two pictures of each model");
    assert_none(&wrong);
}

#[test]
fn states_of_sequences_are_the_same() {
    let names = ["layer 0", "layer 1", "layer 2", "last layer"];
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for (name, reference, model) in cases() {
        println!("{name}");
        for (index, request) in reference.inputs.requests.iter().enumerate() {
            if reference.numbers(&format!("request.{index}.last layer")).is_none() {
                continue;
            }
            for stage in model.stages(&reference.sequence(&*model, request)).unwrap() {
                let stored = match stage.name {
                    "text embeddings" => "embeddings",
                    name if names.contains(&name) => name,
                    _ => continue,
                };
                let stored = format!("request.{index}.{stored}");
                if reference.numbers(&stored).is_none() {
                    continue;
                }
                wrong.extend(too_far(&stored, &stage.values, reference.numbers(&stored)));
                compared += 1;
            }
        }
    }
    let stages = 2 * (names.len() + 1) + names.len();
    assert_eq!(compared, 2 * stages, "every stage of two requests of each model");
    assert_none(&wrong);
}

#[test]
fn vectors_are_the_same_at_every_precision() {
    let mut wrong = Vec::new();
    for (name, reference, exact) in cases() {
        for precision in Precision::ALL {
            println!("{name}, {precision}");
            let model = if precision == Precision::F32 {
                Arc::clone(&exact)
            } else {
                model(&reference, precision)
            };
            for (index, request) in reference.inputs.requests.iter().enumerate() {
                let stored = format!("request.{index}.pooled");
                let vectors = model.embed(&[reference.sequence(&*model, request)]).unwrap();
                let theirs = reference.numbers(&stored).unwrap();
                let found = distance(&vectors[0], &theirs);
                println!("{:24} {:.9} {:.1e}", request.name, found.cosine, found.relative);
                let close = if precision == Precision::F32 {
                    found.cosine >= COSINE_MIN && found.relative <= RELATIVE_MAX
                } else {
                    found.cosine >= COARSE_COSINE_MIN
                };
                // Eight bits are for those who ask for them.
                if !close && precision != Precision::Int8 {
                    wrong.push(format!("{name}, {precision}, {}: {found:?}", request.name));
                }
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn alone_or_in_a_batch_encoded_or_not_is_the_same_to_the_bit() {
    for (name, reference, model) in cases() {
        let requests = &reference.inputs.requests;
        let sequences: Vec<Sequence> =
            requests.iter().map(|request| reference.sequence(&*model, request)).collect();
        let together = model.embed(&sequences).unwrap();
        for ((request, sequence), together) in requests.iter().zip(&sequences).zip(&together) {
            let alone = model.embed(std::slice::from_ref(sequence)).unwrap();
            assert_eq!(&alone[0], together, "{name}, {}: alone or in a batch", request.name);
            let encoded = encoded(&*model, sequence);
            let again = model.embed(&[encoded]).unwrap();
            assert_eq!(&again[0], together, "{name}, {}: with encoded pictures", request.name);
        }
    }
}

/// The sequence with every picture encoded by itself.
fn encoded(model: &dyn EmbeddingModel, sequence: &Sequence) -> Sequence {
    let part = |part: &Part| match part {
        Part::Image(image) => {
            let mut encoded = model.encode_images(&[image]).unwrap().unwrap();
            Part::Encoded(encoded.remove(0))
        }
        other => other.clone(),
    };
    Sequence { parts: sequence.parts.iter().map(part).collect() }
}
