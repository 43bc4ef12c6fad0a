//! Small dual encoders against what `transformers` 5.23.0 made of the same files, stored in
//! `golden-dual/` by `parity/write.py --golden`.

#![expect(clippy::unwrap_used, reason = "what is missing here fails the test")]

mod closeness;
mod distance;
mod reference;

use std::path::Path;
use std::sync::Arc;

use closeness::{assert_none, too_far};
use onespace_models::folder::{self, LoadOptions};
use onespace_models::{EmbeddingModel, InputPart, Part, Precision, Sequence};
use reference::{Reference, ids};

const ARCHITECTURES: [&str; 4] = ["clip-small", "clip-small-gelu", "siglip-small", "siglip2-small"];

fn cases() -> Vec<(&'static str, Reference, Arc<dyn EmbeddingModel>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden-dual");
    ARCHITECTURES
        .into_iter()
        .map(|name| {
            let reference = Reference::read(&root.join(name));
            let options = LoadOptions { precision: Some(Precision::F32), ..Default::default() };
            let model = folder::load(&reference.dir, &options).unwrap();
            (name, reference, model)
        })
        .collect()
}

#[test]
fn token_ids_are_the_same() {
    let mut wrong = Vec::new();
    for (name, reference, model) in cases() {
        for row in &reference.inputs.texts {
            let ours = ids(&*model, &row.text);
            if ours != row.ids {
                wrong.push(format!("{name}, {:?}: {ours:?}, not {:?}", row.text, row.ids));
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
            let (ours, theirs) = (reference.prepare(&*model, index), reference.prepared(index));
            if ours != theirs {
                let apart = ours.rgb.iter().zip(&*theirs.rgb).map(|(a, b)| a.abs_diff(*b));
                let (a, b) = ((ours.width, ours.height), (theirs.width, theirs.height));
                wrong.push(format!("{name}, picture {index}: {a:?}, {b:?}, {:?}", apart.max()));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn states_and_vectors_of_texts_are_the_same() {
    let mut wrong = Vec::new();
    for (name, reference, model) in cases() {
        println!("{name}");
        let mut compared = 0;
        for (index, row) in reference.inputs.texts.iter().enumerate() {
            if reference.numbers(&format!("text.{index}.pooled")).is_none() {
                continue;
            }
            let sequence = Sequence { parts: vec![Part::Text(row.ids.clone())] };
            for stage in model.stages(&sequence).unwrap() {
                let stored = format!("text.{index}.{}", stage.name);
                wrong.extend(too_far(&stored, &stage.values, reference.numbers(&stored)));
            }
            let vectors = model.embed(&[sequence]).unwrap();
            let stored = format!("text.{index}.pooled");
            wrong.extend(too_far(&stored, &vectors[0], reference.numbers(&stored)));
            compared += 1;
        }
        assert!(compared >= 2, "{name}: too few texts to say anything");
    }
    assert_none(&wrong);
}

#[test]
fn states_and_vectors_of_pictures_are_the_same() {
    let mut wrong = Vec::new();
    for (name, reference, model) in cases() {
        println!("{name}");
        for index in 0..reference.inputs.pictures.len() {
            let sequence = Sequence { parts: vec![Part::Image(reference.prepared(index))] };
            for stage in model.stages(&sequence).unwrap() {
                let stored = format!("image.{index}.{}", stage.name);
                wrong.extend(too_far(&stored, &stage.values, reference.numbers(&stored)));
            }
            let vectors = model.embed(&[sequence]).unwrap();
            let stored = format!("image.{index}.pooled");
            wrong.extend(too_far(&stored, &vectors[0], reference.numbers(&stored)));
        }
    }
    assert_none(&wrong);
}

#[test]
fn fused_and_chunked_vectors_are_the_same() {
    let mut wrong = Vec::new();
    for (name, reference, model) in cases() {
        println!("{name}");
        for (index, mixed) in reference.inputs.mixed.iter().enumerate() {
            let text = mixed.text.map(|text| reference.inputs.texts[text].text.as_str());
            let images = mixed.pictures.iter().copied().map(InputPart::Image);
            let parts: Vec<_> = images.chain(text.map(InputPart::Text)).collect();
            let pictures: Vec<_> = (0..reference.inputs.pictures.len())
                .map(|index| reference.prepare(&*model, index))
                .collect();
            let sequence = model.tokenize(&parts).unwrap().with_pictures(&pictures);
            let vectors = model.embed(&[sequence]).unwrap();
            let stored = format!("mixed.{index}.pooled");
            wrong.extend(too_far(&stored, &vectors[0], reference.numbers(&stored)));
        }
        let input = model.tokenize(&[InputPart::Text(&reference.inputs.long_text)]).unwrap();
        let chunks = model.description().text_chunks(input.text_tokens());
        assert_eq!(chunks, reference.inputs.chunks, "{name}: chunks");
        let vectors = model.embed(&[input.with_pictures(&[])]).unwrap();
        let stored = "long.0.pooled";
        wrong.extend(too_far(stored, &vectors[0], reference.numbers(stored)));
    }
    assert_none(&wrong);
}
