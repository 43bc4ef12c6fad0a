//! `embed --jsonl`: a line in, a line out, in order; one bad line never stops the rest.

mod line;

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, IsTerminal, Write};
use std::path::Path;

use futures_util::stream;
use futures_util::{Stream, StreamExt as _};
use indicatif::{ProgressBar, ProgressStyle};
use onespace_server::offline::{OfflineEmbedder, OfflineVector};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::failure::Failure;

/// Lines that are worked on at once: enough to fill batches.
const LINES_IN_WORK: usize = 128;
/// What some editors put before the first line.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Embeds every line of `input` into `output`.
pub(super) async fn run(
    embedder: &OfflineEmbedder,
    input: &Path,
    output: &Path,
    dimension: Option<usize>,
) -> Result<(), Failure> {
    let progress = progress_bar(line_count(input));
    let lines = lines(open(input)?);
    refuse_the_input(input, output)?;
    let mut sink = create(output)?;
    let answers = lines
        .filter(|line| {
            let blank = line.as_ref().is_ok_and(|line| line.trim_ascii().is_empty());
            std::future::ready(!blank)
        })
        .map(|line| answer(embedder, line, dimension))
        .buffered(LINES_IN_WORK);
    let mut answers = std::pin::pin!(answers);
    let mut interrupt = std::pin::pin!(tokio::signal::ctrl_c());
    let (mut done, mut failed) = (0u64, 0u64);
    loop {
        let answer = tokio::select! {
            answer = answers.next() => answer,
            _ = &mut interrupt => {
                sink.flush().map_err(|error| unwritable(output, error))?;
                return Err(Failure::partial(format!("Interrupted after {done} lines.")));
            }
        };
        let Some(answer) = answer else { break };
        // A fault of the file, not of a line: what comes after it can never be read.
        let answer = answer.map_err(|error| unreadable(input, error))?;
        failed += u64::from(matches!(answer, Answer::Failed { .. }));
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

/// One line of the output.
#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    Embedded {
        id: Value,
        embedding: Vec<f32>,
        #[serde(skip_serializing_if = "super::is_one")]
        text_chunks: usize,
    },
    Failed {
        id: Value,
        error: String,
    },
}

async fn answer(
    embedder: &OfflineEmbedder,
    line: io::Result<Vec<u8>>,
    dimension: Option<usize>,
) -> io::Result<Answer> {
    let line = line?;
    let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&line);
    let (id, input) = match line::parse(line) {
        Ok(parsed) => parsed,
        Err(error) => return Ok(Answer::Failed { id: line::id_of(line), error }),
    };
    Ok(match embedder.embed(input, dimension).await {
        Ok(OfflineVector { values: embedding, text_chunks }) => {
            Answer::Embedded { id, embedding, text_chunks }
        }
        Err(error) => Answer::Failed { id, error: error.to_string() },
    })
}

/// The lines of a file, read on a thread of its own: a pipe may keep us waiting for the next line
/// while earlier ones are worked on.
fn lines(reader: Box<dyn BufRead + Send>) -> impl Stream<Item = io::Result<Vec<u8>>> {
    let (sender, mut receiver) = mpsc::channel(LINES_IN_WORK);
    std::thread::spawn(move || {
        for line in reader.split(b'\n') {
            let failed = line.is_err();
            if sender.blocking_send(line).is_err() || failed {
                return;
            }
        }
    });
    stream::poll_fn(move |context| receiver.poll_recv(context))
}

fn open(input: &Path) -> Result<Box<dyn BufRead + Send>, Failure> {
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

/// Writes a line; where it goes to another program, at once.
fn write_line(sink: &mut dyn Write, answer: &Answer, output: &Path) -> Result<(), Failure> {
    let written = serde_json::to_writer(&mut *sink, answer)
        .map_err(io::Error::from)
        .and_then(|()| writeln!(sink))
        .and_then(|()| if output == Path::new("-") { sink.flush() } else { Ok(()) });
    written.map_err(|error| unwritable(output, error))
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
