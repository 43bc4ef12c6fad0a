//! Compares interleaved models with the results of `transformers` in their folders:
//! `cargo run --release -p onespace-models --example parity_interleaved -- FOLDER...`, or
//! `cargo xtask parity`, which makes the folders. Ends with 1 where a gate is missed.

#![expect(clippy::print_stdout, reason = "the table is what it is for")]
#![expect(clippy::unwrap_used, reason = "what is missing here ends it")]

#[path = "../tests/distance/mod.rs"]
mod distance;
#[path = "../tests/interleaved/mod.rs"]
mod interleaved;

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use distance::distance;
use interleaved::{Reference, Request};
use onespace_models::folder::{self, LoadOptions};
use onespace_models::{EmbeddingModel, Precision, Sequence, TokenizedInput};

/// What is compared and its gate, the smaller one first: the process' peak is then that of each.
const GATES: [(Precision, f64); 2] = [(Precision::Bf16, 0.999), (Precision::F32, 0.999_99)];
/// Requests that are also embedded together.
const BATCH: usize = 3;

fn main() -> ExitCode {
    println!("| model | precision | request | places | cosine | largest relative error | s |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    let mut missed = Vec::new();
    for folder in std::env::args().skip(1) {
        let reference = Reference::read(Path::new(&folder));
        let name = reference.dir.file_name().unwrap().to_string_lossy().into_owned();
        for (precision, gate) in GATES {
            let options = LoadOptions { precision: Some(precision), ..Default::default() };
            let started = Instant::now();
            match folder::load(&reference.dir, &options) {
                Ok(model) => {
                    say_loaded(&name, precision, started);
                    let named = format!("{name} | {precision}");
                    missed.extend(compare(&named, gate, &reference, &*model));
                }
                Err(error) => missed.push(format!("{name}, {precision}: {error}")),
            }
            say_peak(&name, precision);
        }
    }
    for miss in &missed {
        println!("MISSED {miss}");
    }
    if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn say(text: &str) {
    use std::io::Write as _;
    let _written = writeln!(std::io::stderr(), "{text}");
}

fn say_loaded(name: &str, precision: Precision, started: Instant) {
    say(&format!("{name}, {precision}: loaded in {:.1} s", started.elapsed().as_secs_f64()));
}

/// The most memory that this process has had resident, where the system says so.
fn say_peak(name: &str, precision: Precision) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(peak) = status.lines().find_map(|line| line.strip_prefix("VmHWM:")) {
        say(&format!("{name}, {precision}: at most {} of memory so far", peak.trim()));
    }
}

/// Prints a line for each request; returns what differs.
fn compare(
    name: &str,
    gate: f64,
    reference: &Reference,
    model: &dyn EmbeddingModel,
) -> Vec<String> {
    let mut missed = compare_pixels(name, reference, model);
    let mut first = Vec::new();
    for (index, request) in reference.inputs.requests.iter().enumerate() {
        let sequence = reference.sequence(model, request);
        let wrong = |what: &str| format!("{name}, {}: {what}", request.name);
        let (ids, sizes) = reference.ids(model, &sequence);
        missed.extend((ids != request.ids).then(|| wrong("token ids")));
        missed.extend((sizes != request.sizes).then(|| wrong("sizes")));
        let started = Instant::now();
        let stages = model.stages(&sequence).unwrap();
        let seconds = started.elapsed().as_secs_f64();
        let stage = |name: &str| &stages.iter().find(|stage| stage.name == name).unwrap().values;
        let theirs = reference.numbers(&format!("request.{index}.positions"));
        if let Some(theirs) = theirs
            && !same_positions(stage("positions"), &theirs)
        {
            missed.push(wrong("positions"));
        }
        let pooled = stage("pooled");
        let theirs = reference.numbers(&format!("request.{index}.pooled")).unwrap();
        let found = distance(pooled, &theirs);
        println!(
            "| {name} | {} | {} | {:.9} | {:.1e} | {seconds:.1} |",
            request.name,
            ids.len(),
            found.cosine,
            found.relative
        );
        missed.extend((found.cosine < gate).then(|| wrong(&format!("{found:?}"))));
        if first.len() < BATCH {
            first.push((request, sequence, pooled.clone()));
        }
    }
    missed.extend(compare_batch(name, model, &first));
    missed
}

/// Pictures by themselves, to the bit.
fn compare_pixels(name: &str, reference: &Reference, model: &dyn EmbeddingModel) -> Vec<String> {
    let ours = |index| reference.prepare(model, (&TokenizedInput::default(), index));
    let pictures = 0..reference.inputs.pictures.len();
    let different = pictures.filter(|&index| ours(index) != reference.prepared(index));
    different.map(|index| format!("{name}: pixels of picture {index}")).collect()
}

/// `ours` is `[places, 3]`, `theirs` `[3, places]`.
fn same_positions(ours: &[f32], theirs: &[f32]) -> bool {
    let places = theirs.len() / 3;
    let same = |at: usize| (0..3).all(|axis| ours[3 * at + axis] == theirs[axis * places + at]);
    ours.len() == theirs.len() && (0..places).all(same)
}

/// The first requests together must give what each gave alone, to the bit.
fn compare_batch(
    name: &str,
    model: &dyn EmbeddingModel,
    alone: &[(&Request, Sequence, Vec<f32>)],
) -> Vec<String> {
    let batch: Vec<Sequence> = alone.iter().map(|(_, sequence, _)| sequence.clone()).collect();
    let together = model.embed(&batch).unwrap();
    let pairs = alone.iter().zip(together);
    let different = pairs.filter(|((_, _, alone), together)| alone != together);
    different.map(|((request, ..), _)| format!("{name}, {}: in a batch", request.name)).collect()
}
