//! What the vectors of a loaded model must keep.

use std::time::{Duration, Instant};

use indicatif::DecimalBytes;
use onespace_models::{EmbeddingModel, InputPart, Sequence, TokenizedPart};

use super::inputs::{Inputs, PLAIN_TEXTS};
use super::{Check, memory};
use crate::failure::Failure;
use crate::loaded_models::LoadedModel;

/// How far a length may be from 1.
const NORM_TOLERANCE: f64 = 1e-3;
/// Least cosine between a vector alone and in a mixed batch.
const BATCH_COSINE_MIN: f64 = 0.999_99;
/// Least cosine between the vectors of a precision and those of f32.
const PRECISION_COSINE_MIN: f64 = 0.9995;
/// Most cosine between the vectors of two different inputs, as good as equal.
const DISTINCT_COSINE_MAX: f64 = 0.999_9;

/// Runs everything: alone, together, again, and at f32 (`exact`, where the model is not).
pub(super) fn run(
    loaded: &LoadedModel,
    exact: Option<&dyn EmbeddingModel>,
) -> Result<Vec<Check>, Failure> {
    let model = loaded.model.as_ref();
    let inputs = Inputs::of(model)?;
    // Once beforehand, so that nothing is timed that happens only once.
    embed(model, &inputs.all)?;
    let (alone, times) = alone(model, &inputs.all)?;
    let mut checks = vec![
        tokenizer(loaded)?,
        unit_length(&alone),
        distinct(&alone),
        batch(&alone, &embed(model, &inputs.all)?),
        repeated(&alone, &self::alone(model, &inputs.all)?.0),
    ];
    checks.push(match exact {
        None => Check::passed("precision", "f32: nothing to compare"),
        Some(exact) => precision(&alone, &self::alone(exact, &inputs.all)?.0),
    });
    checks.push(speed(&inputs, &times));
    checks.extend(memory::peak_bytes().map(|bytes| {
        Check::passed("memory", format!("{} at most, checks included", DecimalBytes(bytes)))
    }));
    Ok(checks)
}

fn embed(model: &dyn EmbeddingModel, batch: &[Sequence]) -> Result<Vec<Vec<f32>>, Failure> {
    model.embed(batch).map_err(|error| Failure::because("The model cannot embed.", error))
}

/// Each sequence in a call of its own, and how long that took.
fn alone(
    model: &dyn EmbeddingModel,
    sequences: &[Sequence],
) -> Result<(Vec<Vec<f32>>, Vec<Duration>), Failure> {
    let mut vectors = Vec::with_capacity(sequences.len());
    let mut times = Vec::with_capacity(sequences.len());
    for sequence in sequences {
        let started = Instant::now();
        vectors.extend(embed(model, std::slice::from_ref(sequence))?);
        times.push(started.elapsed());
    }
    Ok((vectors, times))
}

/// Plain texts must come back out of their token ids, case and blanks aside.
fn tokenizer(loaded: &LoadedModel) -> Result<Check, Failure> {
    let unreadable = |error: Box<dyn std::error::Error + Send + Sync>| {
        Failure::because("tokenizer.json cannot be read.", error)
    };
    let tokenizer = match &loaded.folder {
        None => tokenizers::Tokenizer::from_bytes(onespace_models::embedded::tokenizer_json()),
        Some(folder) => tokenizers::Tokenizer::from_file(folder.join("tokenizer.json")),
    };
    let tokenizer = tokenizer.map_err(unreadable)?;
    let mut tokens = 0;
    let mut lost = Vec::new();
    for text in PLAIN_TEXTS {
        let input = loaded
            .model
            .tokenize(&[InputPart::Text(text)])
            .map_err(|error| Failure::because("A text cannot be tokenised.", error))?;
        let ids: Vec<u32> = input.parts.iter().flat_map(text_ids).copied().collect();
        tokens += ids.len();
        let decoded = tokenizer.decode(&ids, true).map_err(unreadable)?;
        if letters(&decoded) != letters(text) {
            lost.push(text);
        }
    }
    let figure = match lost.first() {
        None => format!("{} texts, {tokens} tokens, all read back", PLAIN_TEXTS.len()),
        Some(text) => {
            format!("{} of {} not read back, such as {text:?}", lost.len(), PLAIN_TEXTS.len())
        }
    };
    let advice = "tokenizer.json is not the one that the model was trained with: pull it again";
    Ok(Check::of(lost.is_empty(), "tokenizer", figure, advice))
}

fn text_ids(part: &TokenizedPart) -> &[u32] {
    match part {
        TokenizedPart::Text(ids) => ids,
        TokenizedPart::Image(_) => &[],
    }
}

/// Letters and digits in lower case; `</w>` is how CLIP's tokenizer writes the end of a word.
fn letters(text: &str) -> String {
    let text = text.replace("</w>", " ").to_lowercase();
    text.chars().filter(|character| character.is_alphanumeric()).collect()
}

fn unit_length(vectors: &[Vec<f32>]) -> Check {
    let off = vectors.iter().map(|vector| (dot(vector, vector).sqrt() - 1.0).abs());
    let off = off.fold(0.0, f64::max);
    let figure =
        format!("{} vectors of {}, off by {off:.1e} at most", vectors.len(), vectors[0].len());
    let advice = "report it: no vector of another length may leave";
    Check::of(off <= NORM_TOLERANCE, "unit length", figure, advice)
}

/// A model that gives the same vector for everything has lost its weights or its inputs.
fn distinct(vectors: &[Vec<f32>]) -> Check {
    let pairs = vectors
        .iter()
        .enumerate()
        .flat_map(|(index, a)| vectors[..index].iter().map(move |b| cosine(a, b)));
    let closest = pairs.fold(-1.0, f64::max);
    let figure = format!("different inputs have a cosine of {closest:.4} at most");
    let advice = "the weights are not those of a trained model, or do not fit config.json";
    Check::of(closest < DISTINCT_COSINE_MAX, "distinct", figure, advice)
}

fn batch(alone: &[Vec<f32>], together: &[Vec<f32>]) -> Check {
    let least = least_cosine(alone, together);
    let figure = match alone == together {
        true => format!("alone and among {}: equal to the last bit", alone.len()),
        false => format!("alone and among {}: cosine {least:.7} at least", alone.len()),
    };
    let advice = "report it: what else is in a batch must not matter";
    Check::of(least >= BATCH_COSINE_MIN, "batch", figure, advice)
}

fn repeated(first: &[Vec<f32>], second: &[Vec<f32>]) -> Check {
    let figure = match first == second {
        true => "the same input again: equal to the last bit".to_owned(),
        false => {
            format!("the same input again: cosine {:.7} at least", least_cosine(first, second))
        }
    };
    let advice = "report it, with the processor's model: the same request must give the same bytes";
    Check::of(first == second, "repeated", figure, advice)
}

fn precision(chosen: &[Vec<f32>], exact: &[Vec<f32>]) -> Check {
    let least = least_cosine(chosen, exact);
    let mean =
        chosen.iter().zip(exact).map(|(a, b)| cosine(a, b)).sum::<f64>() / chosen.len() as f64;
    let figure = format!("against f32: cosine {least:.6} at least, {mean:.6} on average");
    let advice = "choose a finer precision with --precision; vectors of this one are not as good as \
                  f32";
    Check::of(least >= PRECISION_COSINE_MIN, "precision", figure, advice)
}

fn speed(inputs: &Inputs, times: &[Duration]) -> Check {
    let texts = median_ms(&times[..inputs.texts]);
    let pictures = &times[inputs.texts..inputs.texts + inputs.pictures];
    let figure = match pictures {
        [] => format!("text {texts:.1} ms, one at a time"),
        pictures => {
            format!("text {texts:.1} ms, picture {:.1} ms, one at a time", median_ms(pictures))
        }
    };
    Check::passed("speed", figure)
}

fn median_ms(times: &[Duration]) -> f64 {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.get(times.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1e3)
}

fn least_cosine(a: &[Vec<f32>], b: &[Vec<f32>]) -> f64 {
    a.iter().zip(b).map(|(a, b)| cosine(a, b)).fold(1.0, f64::min)
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_can_fail() {
        let one = |a: f32, b: f32| vec![vec![a, b]];
        let two = |a: [f32; 2], b: [f32; 2]| vec![a.to_vec(), b.to_vec()];
        let (x, y, near) = ([1.0, 0.0], [0.0, 1.0], one(0.999, 0.0447));
        assert!(unit_length(&two(x, y)).passed);
        assert!(!unit_length(&two(x, [1.1, 0.0])).passed);
        assert!(distinct(&two(x, y)).passed);
        assert!(!distinct(&two(x, x)).passed);
        assert!(batch(&one(1.0, 0.0), &one(1.0, 0.0)).passed);
        assert!(!batch(&one(1.0, 0.0), &near).passed);
        assert!(repeated(&one(1.0, 0.0), &one(1.0, 0.0)).passed);
        assert!(!repeated(&one(1.0, 0.0), &one(1.0, 1e-9)).passed);
        assert!(precision(&one(1.0, 0.0), &one(1.0, 0.0)).passed);
        assert!(!precision(&one(1.0, 0.0), &near).passed);
        assert!(!precision(&two(x, y), &two(y, y)).passed);
    }
}
