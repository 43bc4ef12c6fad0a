//! `embed --jsonl`: a line in, a line out, in order; one bad line never stops the rest.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use futures_util::StreamExt as _;
use futures_util::stream;
use indicatif::{ProgressBar, ProgressStyle};
use onespace_server::offline::{OfflineEmbedder, OfflineImage, OfflineInput};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::failure::Failure;

/// Lines that are worked on at once: enough to fill batches.
const LINES_IN_WORK: usize = 128;

/// One line of the input.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(default)]
    id: Value,
    text: Option<String>,
    image: Option<PathBuf>,
    multi_input: Option<MultiInput>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MultiInput {
    input_text: Option<String>,
    #[serde(default)]
    media_sources: Vec<MediaSource>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MediaSource {
    name: Option<String>,
    path: PathBuf,
}

/// Embeds every line of `input` into `output`.
pub(super) async fn run(
    embedder: &OfflineEmbedder,
    input: &Path,
    output: &Path,
    dimension: Option<usize>,
) -> Result<(), Failure> {
    let progress = progress_bar(line_count(input));
    let lines = open(input)?.split(b'\n');
    refuse_the_input(input, output)?;
    let mut sink = create(output)?;
    let mut answers = stream::iter(lines)
        .filter(|line| {
            let blank = line.as_ref().is_ok_and(|line| line.trim_ascii().is_empty());
            std::future::ready(!blank)
        })
        .map(|line| answer(embedder, line, dimension))
        .buffered(LINES_IN_WORK);
    let (mut done, mut failed) = (0u64, 0u64);
    while let Some(answer) = answers.next().await {
        // A fault of the file, not of a line: what comes after it can never be read.
        let answer = answer.map_err(|error| unreadable(input, error))?;
        failed += u64::from(answer.get("error").is_some());
        done += 1;
        write_line(&mut sink, &answer, output)?;
        progress.inc(1);
    }
    sink.flush().map_err(|error| unwritable(output, error))?;
    progress.finish_and_clear();
    if failed > 0 {
        return Err(Failure::partial(format!(
            "{failed} of {done} lines could not be embedded; each has its `error` in the output."
        )));
    }
    Ok(())
}

async fn answer(
    embedder: &OfflineEmbedder,
    line: io::Result<Vec<u8>>,
    dimension: Option<usize>,
) -> io::Result<Value> {
    let line = line?;
    let (id, input) = match parse(&line) {
        Ok(parsed) => parsed,
        Err(fault) => return Ok(json!({ "id": id_of(&line), "error": fault })),
    };
    Ok(match embedder.embed(input, dimension).await {
        Ok(embedding) => json!({ "id": id, "embedding": embedding }),
        Err(error) => json!({ "id": id, "error": error.to_string() }),
    })
}

fn parse(line: &[u8]) -> Result<(Value, OfflineInput), String> {
    // serde would also take an array, as the members in their order.
    if !line.trim_ascii_start().starts_with(b"{") {
        return Err("a line must be a JSON object".into());
    }
    let line: Line = serde_json::from_slice(line)
        .map_err(|error| format!("the line is not in one of the known forms: {error}"))?;
    let picture = |source: MediaSource| OfflineImage { name: source.name, path: source.path };
    let input = match (line.text, line.image, line.multi_input) {
        (Some(text), None, None) => OfflineInput { text: Some(text), images: Vec::new() },
        (None, Some(path), None) => {
            OfflineInput { text: None, images: vec![OfflineImage { name: None, path }] }
        }
        (None, None, Some(multi)) => OfflineInput {
            text: multi.input_text,
            images: multi.media_sources.into_iter().map(picture).collect(),
        },
        _ => return Err("a line needs exactly one of `text`, `image` and `multi_input`".into()),
    };
    Ok((line.id, input))
}

/// The id of a line that is JSON at least.
fn id_of(line: &[u8]) -> Value {
    serde_json::from_slice::<Value>(line)
        .ok()
        .and_then(|mut value| value.get_mut("id").map(Value::take))
        .unwrap_or_default()
}

fn open(input: &Path) -> Result<Box<dyn BufRead>, Failure> {
    if input == Path::new("-") {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    let file = File::open(input).map_err(|error| unreadable(input, error))?;
    Ok(Box::new(BufReader::new(file)))
}

fn unreadable(input: &Path, error: io::Error) -> Failure {
    Failure::because(format!("{} cannot be read.", input.display()), error)
}

/// Making the output empties it, which must not happen to the input.
fn refuse_the_input(input: &Path, output: &Path) -> Result<(), Failure> {
    let input = input.canonicalize().ok().filter(|input| input.is_file());
    if input.is_some() && input == output.canonicalize().ok() {
        let output = output.display();
        return Err(Failure::new(format!("{output} is the input; name another --output.")));
    }
    Ok(())
}

fn create(output: &Path) -> Result<Box<dyn Write>, Failure> {
    if output == Path::new("-") {
        return Ok(Box::new(BufWriter::new(io::stdout())));
    }
    let file = File::create(output).map_err(|error| unwritable(output, error))?;
    Ok(Box::new(BufWriter::new(file)))
}

fn unwritable(output: &Path, error: io::Error) -> Failure {
    Failure::because(format!("{} cannot be written.", output.display()), error)
}

fn write_line(sink: &mut dyn Write, answer: &Value, output: &Path) -> Result<(), Failure> {
    writeln!(sink, "{answer}").map_err(|error| unwritable(output, error))
}

/// How many lines there are, for the progress bar; unknown for stdin.
fn line_count(input: &Path) -> Option<u64> {
    if input == Path::new("-") {
        return None;
    }
    let lines = BufReader::new(File::open(input).ok()?).split(b'\n');
    Some(lines.map_while(Result::ok).filter(|line| !line.trim_ascii().is_empty()).count() as u64)
}

/// A bar on stderr where a person looks at it, else nothing.
fn progress_bar(lines: Option<u64>) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = |template| ProgressStyle::with_template(template).ok();
    let (bar, style) = match lines {
        Some(lines) => (
            ProgressBar::new(lines),
            style("{wide_bar} {human_pos}/{human_len} lines, {per_sec}, {eta} left"),
        ),
        None => (ProgressBar::new_spinner(), style("{spinner} {human_pos} lines, {per_sec}")),
    };
    style.into_iter().for_each(|style| bar.set_style(style));
    bar
}
