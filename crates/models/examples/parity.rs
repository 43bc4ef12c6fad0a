//! Compares models with the results of `transformers` in their folders, at every precision:
//! `cargo run --release -p onespace-models --example parity -- FOLDER...`, or `cargo xtask parity`,
//! which makes the folders. Ends with 1 where a gate is missed.

#![expect(clippy::print_stdout, reason = "the table is what it is for")]
#![expect(clippy::unwrap_used, reason = "what is missing here ends it")]

#[path = "../tests/distance/mod.rs"]
mod distance;
#[path = "../tests/reference/mod.rs"]
mod reference;

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use distance::{Distance, distance};
use onespace_models::folder::{self, LoadOptions};
use onespace_models::{EmbeddingModel, InputPart, Part, Precision, Sequence};
use reference::{Reference, ids};

/// Gates of the vectors in `f32`.
const F32_COSINE_MIN: f64 = 0.999_999;
const F32_RELATIVE_MAX: f64 = 1e-4;
/// Gate of the vectors at other precisions.
const COSINE_MIN: f64 = 0.9995;
/// What is compared, in the order of the table.
const STAGES: [&str; 4] = ["embeddings", "block 0", "last block", "pooled"];

fn main() -> ExitCode {
    println!("| model | precision | input | stage | lowest cosine | largest relative error |");
    println!("| --- | --- | --- | --- | --- | --- |");
    let mut missed = Vec::new();
    for folder in std::env::args().skip(1) {
        let reference = Reference::read(Path::new(&folder));
        let name = reference.dir.file_name().unwrap().to_string_lossy().into_owned();
        for precision in Precision::ALL {
            let options = LoadOptions { precision: Some(precision), ..Default::default() };
            let started = Instant::now();
            match folder::load(&reference.dir, &options) {
                Ok(model) => {
                    say_loaded(&name, precision, started);
                    missed.extend(compare(&name, precision, &reference, &*model));
                }
                Err(error) => missed.push(format!("{name}, {precision}: {error}")),
            }
        }
    }
    for miss in &missed {
        println!("MISSED {miss}");
    }
    if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn say_loaded(name: &str, precision: Precision, started: Instant) {
    use std::io::Write as _;
    let seconds = started.elapsed().as_secs_f64();
    let _written = writeln!(std::io::stderr(), "{name}, {precision}: loaded in {seconds:.1} s");
}

/// Prints a line for each stage; returns the gates that were missed.
fn compare(
    name: &str,
    precision: Precision,
    reference: &Reference,
    model: &dyn EmbeddingModel,
) -> Vec<String> {
    let mut missed = Vec::new();
    if precision == Precision::F32 {
        missed.extend(compare_exact(name, reference, model));
    }
    let texts = reference.inputs.texts.iter().map(|row| Part::Text(row.ids.clone())).enumerate();
    let pictures = (0..reference.inputs.pictures.len())
        .map(|index| (index, Part::Image(reference.prepared(index))));
    let mut rows: Vec<(&str, Vec<(String, Sequence)>)> = Vec::new();
    let named =
        |kind: &str, (index, part)| (format!("{kind}.{index}"), Sequence { parts: vec![part] });
    rows.push(("text", texts.map(|item| named("text", item)).collect()));
    rows.push(("image", pictures.map(|item| named("image", item)).collect()));
    rows.push(("mixed", mixed(reference, model)));
    for (kind, inputs) in rows {
        for stage in STAGES {
            if let Some(worst) = worst(reference, model, &inputs, stage) {
                println!(
                    "| {name} | {precision} | {kind} | {stage} | {:.9} | {:.1e} |",
                    worst.cosine, worst.relative
                );
                if stage == "pooled" && !passes(precision, worst) {
                    missed.push(format!("{name}, {precision}, {kind}: {worst:?}"));
                }
            }
        }
    }
    missed
}

fn passes(precision: Precision, distance: Distance) -> bool {
    if precision == Precision::F32 {
        distance.cosine >= F32_COSINE_MIN && distance.relative <= F32_RELATIVE_MAX
    } else {
        distance.cosine >= COSINE_MIN
    }
}

/// Ids and prepared pixels, which are the same at every precision.
fn compare_exact(name: &str, reference: &Reference, model: &dyn EmbeddingModel) -> Vec<String> {
    let texts = &reference.inputs.texts;
    let tokens = texts.iter().filter(|row| ids(model, &row.text) != row.ids);
    let wrong_texts: Vec<String> =
        tokens.map(|row| format!("{name}: ids of {:?}", row.text)).collect();
    let pictures = (0..reference.inputs.pictures.len())
        .filter(|&index| reference.prepare(model, index) != reference.prepared(index));
    let wrong_pictures: Vec<String> =
        pictures.map(|index| format!("{name}: pixels of picture {index}")).collect();
    let (right_texts, right_pictures) =
        (texts.len() - wrong_texts.len(), reference.inputs.pictures.len() - wrong_pictures.len());
    println!("| {name} | | text | ids | {right_texts} of {} equal | |", texts.len());
    let pictures = reference.inputs.pictures.len();
    println!("| {name} | | image | pixels | {right_pictures} of {pictures} equal | |");
    let chunks = model.description().text_chunks(ids(model, &reference.inputs.long_text).len());
    let wrong_chunks =
        (chunks != reference.inputs.chunks).then(|| format!("{name}: {chunks} chunks"));
    wrong_texts.into_iter().chain(wrong_pictures).chain(wrong_chunks).collect()
}

/// The mixed inputs and the long text.
fn mixed(reference: &Reference, model: &dyn EmbeddingModel) -> Vec<(String, Sequence)> {
    let pictures: Vec<_> =
        (0..reference.inputs.pictures.len()).map(|index| reference.prepare(model, index)).collect();
    let sequence =
        |parts: &[InputPart<'_>]| model.tokenize(parts).unwrap().with_pictures(&pictures);
    let long = sequence(&[InputPart::Text(&reference.inputs.long_text)]);
    let mut inputs = vec![("long.0".to_owned(), long)];
    for (index, mixed) in reference.inputs.mixed.iter().enumerate() {
        let text = mixed.text.map(|text| reference.inputs.texts[text].text.as_str());
        let images = mixed.pictures.iter().copied().map(InputPart::Image);
        let parts: Vec<_> = images.chain(text.map(InputPart::Text)).collect();
        inputs.push((format!("mixed.{index}"), sequence(&parts)));
    }
    inputs
}

/// The largest distance of one stage over all inputs that the reference has it of.
fn worst(
    reference: &Reference,
    model: &dyn EmbeddingModel,
    inputs: &[(String, Sequence)],
    stage: &str,
) -> Option<Distance> {
    let found = inputs.iter().filter_map(|(name, sequence)| {
        let theirs = reference.numbers(&format!("{name}.{stage}"))?;
        if stage == "pooled" {
            let vectors = model.embed(std::slice::from_ref(sequence)).unwrap();
            return Some(distance(&vectors[0], &theirs));
        }
        let stages = model.stages(sequence).unwrap();
        let ours = stages.into_iter().find(|found| found.name == stage)?;
        Some(distance(&ours.values, &theirs))
    });
    found.reduce(|a, b| Distance {
        cosine: a.cosine.min(b.cosine),
        relative: a.relative.max(b.relative),
    })
}
