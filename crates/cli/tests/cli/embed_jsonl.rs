//! `onespace embed --jsonl`: a line in, a line out, in order, whatever a line says.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::faults::Faults;
use crate::support::pictures;
use crate::support::program::{Finished, argument, finish, onespace, run};
use crate::support::vectors::{UNIT_TOLERANCE, length, vector};

/// Embeds `input` from stdin to stdout.
fn piped(input: &[u8], more: &[&str]) -> Finished {
    let mut command = onespace(&["embed", "--jsonl", "-", "--output", "-"]);
    command.args(more);
    finish(command, input)
}

fn members(line: &Value) -> Vec<&str> {
    line.as_object().expect("an object").keys().map(String::as_str).collect()
}

fn joined(lines: &[String]) -> Vec<u8> {
    lines.join("\n").into_bytes()
}

#[test]
fn lines_keep_their_order_and_every_kind_of_id() {
    let cat = pictures::file("cat.png");
    let ids = [
        json!("one"),
        json!(""),
        json!(7),
        json!(-3),
        json!(1.5),
        json!(u64::MAX),
        json!(true),
        json!(null),
        json!([1, "b"]),
        json!({ "k": [2] }),
    ];
    // More lines than are worked on at once, and slow ones before quick ones.
    let lines: Vec<_> = (0..300)
        .map(|index| {
            let id = &ids[index % ids.len()];
            match index % 7 {
                0 => json!({ "id": id, "image": cat }).to_string(),
                _ => json!({ "id": id, "text": format!("line {index}") }).to_string(),
            }
        })
        .chain([json!({ "text": "without an id" }).to_string()])
        .collect();
    let ended = piped(&joined(&lines), &[]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let answers = ended.json_lines();
    assert_eq!(answers.len(), 301);
    let mut faults = Faults::default();
    for (index, answer) in answers.iter().enumerate() {
        let expected = if index == 300 { &Value::Null } else { &ids[index % ids.len()] };
        let is_right = &answer["id"] == expected && members(answer) == ["embedding", "id"];
        faults.check(is_right, || format!("line {index}: {expected}, {}", answer["id"]));
    }
    // Equal lines have equal vectors, and the texts all differ: a swap within a kind would show.
    let alone = run(&["embed", "--text", "line 299"]).json();
    faults.check(answers[299]["embedding"] == alone["embedding"], || "line 299".to_owned());
    faults.report();
}

/// Lines that cannot be embedded: the line, the id that its answer has, and what its error names.
fn bad_lines(folder: &Path) -> Vec<(Vec<u8>, Value, &'static str)> {
    let notes = folder.join("notes.txt");
    fs::write(&notes, "not a picture").expect("written");
    let missing = folder.join("missing.png");
    let cat = pictures::file("cat.png");
    let multi = |id: u32, text: &str, sources: Value| json!({ "id": id, "multi_input": { "input_text": text, "media_sources": sources } });
    let eleven = vec![json!({ "path": cat }); 11];
    let long = "word ".repeat(3_000);
    let rows = [
        (json!({ "id": 1, "image": missing }), json!(1), "missing.png` cannot be read"),
        (json!({ "id": [2], "image": notes }), json!([2]), "not a JPEG"),
        (json!({ "id": 3, "image": folder }), json!(3), "cannot be read"),
        (json!({ "id": 4, "text": "a", "image": cat }), json!(4), "exactly one"),
        (json!({ "id": 5 }), json!(5), "exactly one"),
        (json!({ "id": 6, "text": "a", "colour": "red" }), json!(6), "colour"),
        (json!({ "id": 7, "text": "" }), json!(7), "nothing to embed"),
        (json!({ "id": 8, "text": 8 }), json!(8), "known forms"),
        (json!({ "id": 9, "text": long }), json!(9), "tokens"),
        (multi(10, "<@b>", json!([{ "name": "a", "path": cat }])), json!(10), "`<@b>`"),
        (multi(11, "x", json!([{ "name": "a" }])), json!(11), "path"),
        (multi(12, "x", json!([{ "path": cat, "url": "x" }])), json!(12), "url"),
        (multi(13, "x", json!(eleven)), json!(13), "at most 10"),
        (json!({ "id": 14, "multi_input": {} }), json!(14), "nothing to embed"),
        (json!(["id", "text", null, null]), json!(null), "object"),
        (json!("text"), json!(null), "object"),
        (json!(null), json!(null), "object"),
    ];
    let raw: [(&[u8], &'static str); 4] = [
        (b"not json", "object"),
        (b"{\"id\": 1, \"text\": \"cut", "not valid JSON"),
        (b"{\"id\": 1, \"text\": \"\xff\"}", "not valid JSON"),
        (b"\0", "object"),
    ];
    let rows = rows.map(|(line, id, names)| (line.to_string().into_bytes(), id, names));
    let raw = raw.map(|(line, names)| (line.to_vec(), Value::Null, names));
    rows.into_iter().chain(raw).collect()
}

#[test]
fn a_bad_line_has_its_error_and_never_stops_the_rest() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows = bad_lines(folder.path());
    let mut input = Vec::new();
    for (index, (line, ..)) in rows.iter().enumerate() {
        input.extend_from_slice(line);
        let good = json!({ "id": format!("good {index}"), "text": "a cat" });
        input.extend_from_slice(format!("\n{good}\n").as_bytes());
    }
    let ended = piped(&input, &[]);
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    let told = format!("error: {} of {} lines could not be embedded", rows.len(), 2 * rows.len());
    assert!(ended.stderr.starts_with(&told), "{}", ended.stderr);
    let answers = ended.json_lines();
    assert_eq!(answers.len(), 2 * rows.len());
    let mut faults = Faults::default();
    for (index, ((line, id, names), pair)) in rows.iter().zip(answers.chunks(2)).enumerate() {
        let shown = || String::from_utf8_lossy(&line[..line.len().min(120)]).into_owned();
        let error = pair[0]["error"].as_str().unwrap_or_default();
        let is_right = members(&pair[0]) == ["error", "id"] && pair[0]["id"] == *id;
        faults.check(is_right && error.contains(names), || format!("{}: {}", shown(), pair[0]));
        let is_embedded =
            members(&pair[1]) == ["embedding", "id"] && pair[1]["id"] == format!("good {index}");
        faults.check(is_embedded, || format!("after {}: {}", shown(), pair[1]));
    }
    faults.report();
}

#[test]
fn blank_lines_and_foreign_line_ends_do_not_matter() {
    let input = b"\n{\"id\":1,\"text\":\"a\"}\r\n  \t\r\n\n{\"id\":2,\"text\":\"b\"}";
    let ended = piped(input, &["--dimension", "128"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let answers = ended.json_lines();
    let ids: Vec<_> = answers.iter().map(|answer| answer["id"].clone()).collect();
    assert_eq!(ids, [json!(1), json!(2)]);
    for answer in &answers {
        let vector = vector(&answer["embedding"]);
        assert_eq!(vector.len(), 128);
        assert!((length(&vector) - 1.0).abs() < UNIT_TOLERANCE);
    }
    let ended = piped(b"\n \n", &[]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""), "nothing in, nothing out");
}

#[test]
fn alone_and_in_bulk_give_the_same_numbers() {
    let folder = tempfile::tempdir().expect("a folder");
    let (cat, house) = (pictures::file("cat.png"), pictures::file("house.jpg"));
    let (a, b) = (format!("a={cat}"), format!("b={house}"));
    let sources = json!([{ "name": "a", "path": cat }, { "name": "b", "path": house }]);
    let multi = json!({ "input_text": "<@a> and then <@b>", "media_sources": sources });
    let inputs: [(&[&str], Value); 4] = [
        (&["--text", "a small boat"], json!({ "text": "a small boat" })),
        (&["--image", &cat], json!({ "image": cat })),
        (
            &["--text", "<@a> and then <@b>", "--image", &a, "--image", &b],
            json!({ "multi_input": multi }),
        ),
        (&["--image", &house], json!({ "multi_input": { "media_sources": [{ "path": house }] } })),
    ];
    let mut lines = Vec::new();
    for (_, line) in &inputs {
        let filler = (0..40).map(|index| "word ".repeat(1 + 3 * index));
        lines.extend(filler.map(|text| json!({ "text": text }).to_string()));
        lines.push(line.to_string());
    }
    let (input, output) = (folder.path().join("in.jsonl"), folder.path().join("out.jsonl"));
    fs::write(&input, joined(&lines)).expect("written");
    let ended = run(&["embed", "--jsonl", argument(&input), "--output", argument(&output)]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""), "{}", ended.stderr);
    let answers = fs::read_to_string(&output).expect("an output");
    let mut faults = Faults::default();
    for (answer, (arguments, _)) in answers.lines().skip(40).step_by(41).zip(&inputs) {
        let in_bulk: Value = serde_json::from_str(answer).expect("JSON");
        let arguments: Vec<_> = ["embed"].iter().chain(*arguments).copied().collect();
        let alone = run(&arguments).json();
        faults.check(in_bulk["embedding"] == alone["embedding"], || format!("{arguments:?}"));
    }
    faults.report();
}

#[test]
fn files_that_cannot_be_used_end_the_run_with_a_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| argument(&folder.path().join(name)).to_owned();
    let content = "{\"id\":1,\"text\":\"a\"}\n";
    fs::write(path("in.jsonl"), content).expect("written");
    let rows = [
        (path("in.jsonl"), path("nowhere/out.jsonl"), "nowhere/out.jsonl cannot be written."),
        (path("in.jsonl"), path(""), "cannot be written."),
        (path("in.jsonl"), "/dev/full".to_owned(), "/dev/full cannot be written."),
        (path("in.jsonl"), path("in.jsonl"), "in.jsonl is the input"),
        (path("missing.jsonl"), path("out.jsonl"), "missing.jsonl cannot be read."),
        (path(""), "/dev/null".to_owned(), "cannot be read."),
    ];
    let mut faults = Faults::default();
    for (input, output, sentence) in rows {
        let ended = run(&["embed", "--jsonl", &input, "--output", &output]);
        let is_told = ended.stderr.starts_with("error: ") && ended.stderr.contains(sentence);
        faults.check(ended.code == Some(1) && is_told, || format!("{input} {output}: {ended:?}"));
    }
    let kept = fs::read_to_string(path("in.jsonl")).expect("the input is there");
    faults.check(kept == content, || "the input was overwritten".to_owned());
    faults.report();
}
