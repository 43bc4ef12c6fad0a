//! What goes to the terminal: results on stdout, everything else on stderr.

use std::io::{self, Write as _};

use serde::Serialize;

use crate::failure::Failure;

/// Writes a line to stdout. A reader that has gone (`onespace … | head`) ends the program quietly.
pub(crate) fn say(line: &str) {
    if let Err(error) = writeln!(io::stdout(), "{line}") {
        let code = i32::from(error.kind() != io::ErrorKind::BrokenPipe);
        std::process::exit(code);
    }
}

/// Writes a value as one line of JSON to stdout.
pub(crate) fn say_json(value: &impl Serialize) -> Result<(), Failure> {
    let line = serde_json::to_string(value)
        .map_err(|error| Failure::because("The result is not JSON.", error))?;
    say(&line);
    Ok(())
}

/// Writes a note to stderr.
pub(crate) fn note(line: &str) {
    // Nothing can be done about a closed stderr.
    let _closed = writeln!(io::stderr(), "{line}");
}

/// Writes a failure to stderr.
pub(crate) fn complain(failure: &Failure) {
    let lines = failure.lines();
    note(&format!("error: {}", lines[0]));
    for line in &lines[1..] {
        note(&format!("  because: {line}"));
    }
}

/// A table with a heading, columns two spaces apart.
pub(crate) fn table(heading: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([heading[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..heading.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded: Vec<_> =
            cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let rows = rows.iter().map(|row| line(row.iter().map(String::as_str).collect()));
    std::iter::once(line(heading.to_vec())).chain(rows).collect()
}
