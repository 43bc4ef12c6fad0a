//! The embedded model against vectors that PyTorch computed from the same weights.
//!
//! The golden file is written by the training export and says itself how its inputs are made.

use std::path::PathBuf;
use std::process::Command;

use onespace_compute::{ISA_VARIABLE, Isa};
use onespace_media::PreparedImage;
use onespace_models::{EmbeddingModel, InputPart, Part, Sequence, TokenizedPart, embedded};
use serde::Deserialize;

/// Least cosine to PyTorch's vector.
const COSINE_MIN: f64 = 0.999_9;
/// Largest difference of any number of a unit vector. The file is rounded to seven decimals, and
/// both sides sum in f32 in different orders through some twenty layers.
const ABSOLUTE_ERROR_MAX: f64 = 5e-6;

const SIDE: u32 = 64;

#[derive(Deserialize)]
struct Golden {
    revision: String,
    pictures: Vec<Picture>,
    picture_checks: Vec<PictureCheck>,
    tokens: Vec<TokenRow>,
    sequences: Vec<SequenceRow>,
}

/// The picture's parameters in the formula of the file's description.
#[derive(Deserialize)]
struct Picture {
    a: u32,
    b: u32,
    d: u32,
}

#[derive(Deserialize)]
struct PictureCheck {
    row: usize,
    column: usize,
    rgb: [u8; 3],
    sum: u64,
}

#[derive(Deserialize)]
struct TokenRow {
    text: String,
    ids: Vec<u32>,
}

#[derive(Deserialize)]
struct SequenceRow {
    name: String,
    parts: Vec<GoldenPart>,
    length: usize,
    pooled: Vec<f64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum GoldenPart {
    Text(String),
    Image { image: usize },
}

fn golden() -> Golden {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/onespace_mini.json");
    let json = std::fs::read(&path).unwrap_or_else(|error| {
        panic!("{}: {error}; the training export writes it", path.display())
    });
    serde_json::from_slice(&json).expect("the golden file has the fields described here")
}

fn draw(picture: &Picture) -> PreparedImage {
    let Picture { a, b, d } = *picture;
    let mut rgb = Vec::new();
    for y in 0..SIDE {
        for x in 0..SIDE {
            for c in 0..3 {
                let texture = 31 * c * (1 + x / 8 + y / 8) + d * ((x / 16 + y / 16) % 2);
                rgb.push(u8::try_from((a * x + b * y + texture) % 256).expect("below 256"));
            }
        }
    }
    PreparedImage { width: SIDE, height: SIDE, rgb: rgb.into() }
}

fn ids(model: &dyn EmbeddingModel, text: &str) -> Vec<u32> {
    let input = model.tokenize(&[InputPart::Text(text)]).expect("any text can be tokenised");
    match input.parts.into_iter().next() {
        Some(TokenizedPart::Text(ids)) => ids,
        _ => Vec::new(),
    }
}

fn sequence(model: &dyn EmbeddingModel, golden: &Golden, row: &SequenceRow) -> Sequence {
    let part = |part: &GoldenPart| match part {
        GoldenPart::Text(text) => Part::Text(ids(model, text)),
        GoldenPart::Image { image } => Part::Image(draw(&golden.pictures[*image])),
    };
    Sequence { parts: row.parts.iter().map(part).collect() }
}

#[test]
fn the_golden_file_belongs_to_these_weights() {
    let (golden, model) = (golden(), embedded::load().unwrap());
    assert_eq!(golden.revision, model.description().revision, "export weights and golden together");
}

#[test]
fn pictures_are_drawn_as_the_file_says() {
    let golden = golden();
    assert!(!golden.pictures.is_empty());
    for (picture, check) in golden.pictures.iter().zip(&golden.picture_checks) {
        let drawn = draw(picture);
        let at = (check.row * SIDE as usize + check.column) * 3;
        assert_eq!(drawn.rgb[at..at + 3], check.rgb);
        assert_eq!(drawn.rgb.iter().map(|&byte| u64::from(byte)).sum::<u64>(), check.sum);
    }
}

#[test]
fn token_ids_are_the_same() {
    let (golden, model) = (golden(), embedded::load().unwrap());
    assert!(golden.tokens.len() >= 10, "too few texts to say anything");
    let wrong: Vec<String> = golden
        .tokens
        .iter()
        .filter_map(|row| {
            let ids = ids(&*model, &row.text);
            (ids != row.ids).then(|| format!("{:?}: {ids:?}, not {:?}", row.text, row.ids))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn vectors_are_the_same() {
    let (golden, model) = (golden(), embedded::load().unwrap());
    assert!(golden.sequences.len() >= 5, "too few sequences to say anything");
    let batch: Vec<Sequence> =
        golden.sequences.iter().map(|row| sequence(&*model, &golden, row)).collect();
    let vectors = model.embed(&batch).unwrap();
    let mut wrong = Vec::new();
    let mut largest = 0.0_f64;
    for ((row, input), vector) in golden.sequences.iter().zip(&batch).zip(&vectors) {
        assert_eq!(vector.len(), row.pooled.len());
        assert_eq!(places(&*model, input), row.length, "{}: length in places", row.name);
        let pairs = || vector.iter().zip(&row.pooled).map(|(&x, &y)| (f64::from(x), y));
        let cosine: f64 = pairs().map(|(x, y)| x * y).sum();
        let error = pairs().map(|(x, y)| (x - y).abs()).fold(0.0, f64::max);
        largest = largest.max(error);
        if cosine < COSINE_MIN || error > ABSOLUTE_ERROR_MAX {
            wrong.push(format!("{}: cosine {cosine:.7}, error {error:.2e}", row.name));
        }
    }
    println!("largest absolute error: {largest:.2e}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn places(model: &dyn EmbeddingModel, sequence: &Sequence) -> usize {
    let visual = model.image_tokens(SIDE, SIDE);
    let part = |part: &Part| match part {
        Part::Text(ids) => ids.len(),
        Part::Image(_) => visual,
    };
    1 + sequence.parts.iter().map(part).sum::<usize>()
}

/// The slower kernels, each in a process of its own: the choice is made once per process.
#[test]
fn vectors_are_the_same_on_each_instruction_set() {
    let mut failures = Vec::new();
    for isa in Isa::available() {
        let test = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "vectors_are_the_same"])
            .env(ISA_VARIABLE, isa.name())
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&test.stdout).into_owned();
        if !test.status.success() || !printed.contains("1 passed") {
            failures.push(format!("{}: {printed}", isa.name()));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
