//! `onespace embed`: one input, one line of JSON.

use std::fs;

use crate::support::faults::Faults;
use crate::support::pictures::{self, ONE_OF_EACH_FORMAT};
use crate::support::program::{argument, run};
use crate::support::vectors::{UNIT_TOLERANCE, largest_difference, length, normalised, vector};

/// Far above rounding, far below what another picture does to a vector.
const CLEAR_DIFFERENCE: f64 = 1e-3;

fn embedding(arguments: &[&str]) -> Vec<f64> {
    let arguments: Vec<_> = ["embed"].iter().chain(arguments).copied().collect();
    vector(&run(&arguments).json()["embedding"])
}

fn named(name: &str, picture: &str) -> String {
    format!("{name}={}", pictures::file(picture))
}

#[test]
fn text_pictures_and_both_give_unit_vectors_of_one_space() {
    let (cat, house) = (named("a", "cat.png"), named("b", "house.jpg"));
    let files = ONE_OF_EACH_FORMAT.map(pictures::file);
    let mut rows = vec![
        vec!["--text", "a cat"],
        vec!["--text", "a cat", "--image", &files[0]],
        vec!["--image", &files[0], "--image", &files[1]],
        vec!["--text", "<@a> beside <@b>", "--image", &cat, "--image", &house],
    ];
    rows.extend(files.iter().map(|file| vec!["--image", file.as_str()]));
    let mut faults = Faults::default();
    let mut spaces = Vec::new();
    for row in rows {
        let arguments: Vec<_> = ["embed"].iter().chain(&row).copied().collect();
        let answer = run(&arguments).json();
        let length = length(&vector(&answer["embedding"]));
        faults.check((length - 1.0).abs() < UNIT_TOLERANCE, || format!("{row:?}: length {length}"));
        faults.check(answer["dimension"] == 512, || format!("{row:?}: {}", answer["dimension"]));
        spaces.push(answer["space"].clone());
    }
    spaces.dedup();
    faults.check(spaces.len() == 1 && spaces[0].is_string(), || format!("spaces {spaces:?}"));
    faults.report();
}

#[test]
fn an_instruction_is_read_by_models_that_take_one() {
    let golden =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../models/tests/golden-interleaved/qwen3-vl-small");
    let of = |more: &[&str]| {
        embedding(&[&["--model", golden, "--text", "a red cat"][..], more].concat())
    };
    let (plain, asked) = (of(&[]), of(&["--instruction", "Find the picture of it"]));
    assert!(largest_difference(&plain, &asked) > CLEAR_DIFFERENCE);
    assert_eq!(plain, of(&["--instruction", "Represent the user's input."]), "the neutral one");
}

#[test]
fn the_order_of_named_pictures_changes_the_vector() {
    let (cat, house) = (named("cat", "cat.png"), named("house", "house.jpg"));
    let of = |text: &str| embedding(&["--text", text, "--image", &cat, "--image", &house]);
    let one = of("<@cat> to the left of <@house>");
    assert_eq!(one, of("<@cat> to the left of <@house>"), "the same twice");
    let other = of("<@house> to the left of <@cat>");
    assert!(largest_difference(&one, &other) > CLEAR_DIFFERENCE);
    let (cat, house) = (named("cat", "house.jpg"), named("house", "cat.png"));
    let names_exchanged = embedding(&[
        "--text",
        "<@house> to the left of <@cat>",
        "--image",
        &cat,
        "--image",
        &house,
    ]);
    assert_eq!(one, names_exchanged, "names are only names");
}

#[test]
fn a_shorter_vector_is_the_head_at_unit_length() {
    let file = pictures::file("cat.png");
    let whole = embedding(&["--text", "a cat", "--image", &file]);
    let mut faults = Faults::default();
    for dimension in [128, 256, 512] {
        let asked = dimension.to_string();
        let short = embedding(&["--text", "a cat", "--image", &file, "--dimension", &asked]);
        let expected = normalised(&whole[..dimension]);
        faults.check(short.len() == dimension, || format!("{dimension}: {}", short.len()));
        let difference = largest_difference(&short, &expected);
        faults.check(difference < UNIT_TOLERANCE, || format!("{dimension}: off by {difference}"));
    }
    faults.report();
}

#[test]
fn what_cannot_be_embedded_is_refused_in_a_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, content).expect("written");
        argument(&path).to_owned()
    };
    let notes = file("notes.txt", b"not a picture");
    let empty = file("empty.png", b"");
    let cut = file("cut.png", &pictures::bytes("cat.png")[..200]);
    let missing = argument(&folder.path().join("missing.png")).to_owned();
    let directory = argument(folder.path()).to_owned();
    let cat = pictures::file("cat.png");
    let (named, unusable) = (named("a", "cat.png"), format!("{}={cat}", "n".repeat(65)));
    let eleven: Vec<_> = ["--image", &cat].repeat(11);
    let rows: [(&[&str], i32, &str); 20] = [
        (&[], 2, "--text"),
        (&["--text"], 2, "--text"),
        (&["--text", ""], 1, "nothing to embed"),
        (&["--image", &missing], 1, "missing.png` cannot be read"),
        (&["--image", &directory], 1, "cannot be read"),
        (&["--image", &notes], 1, "notes.txt`: The file is not a JPEG, PNG, WebP or GIF"),
        (&["--image", &empty], 1, "empty.png`: The file is not a JPEG"),
        (&["--image", &cut], 1, "cut.png`: The PNG"),
        (&["--text", "<@b>", "--image", &named], 1, "`<@b>`"),
        (&["--text", "<@a>", "--image", &cat], 1, "`<@a>`"),
        (&["--image", &named, "--image", &named], 1, "`a` is taken"),
        (&["--image", &unusable], 1, "must be 1 to 64"),
        (&eleven, 1, "at most 10"),
        (&["--text", "x", "--dimension", "100"], 1, "128, 256, 512"),
        (&["--text", "x", "--dimension", "0"], 1, "128, 256, 512"),
        (&["--text", "x", "--instruction", "Find it."], 1, "`instruction`"),
        (&["--text", "x", "--dimension", "18446744073709551615"], 2, "--dimension"),
        (&["--text", "x", "--dimension=-128"], 2, "--dimension"),
        (&["--text", "x", "--jsonl", "-", "--output", "-"], 2, "--jsonl"),
        (&["--text", "x", "--model", &directory], 1, "cannot be loaded"),
    ];
    let mut faults = Faults::default();
    for (row, code, sentence) in rows {
        let arguments: Vec<_> = ["embed"].iter().chain(row).copied().collect();
        let ended = run(&arguments);
        let is_told = ended.stderr.starts_with("error: ") && ended.stderr.contains(sentence);
        let is_right = ended.code == Some(code) && is_told && ended.stdout.is_empty();
        faults.check(is_right, || format!("{row:?}: {ended:?}"));
    }
    faults.report();
}
