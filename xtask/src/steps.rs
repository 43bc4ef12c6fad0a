//! Steps of a task: run one after the other, timed, and summed up at the end. A failed step does
//! not stop the others, so that one run tells all that is wrong.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// Steps that were run.
pub(crate) struct Steps {
    root: PathBuf,
    done: Vec<Step>,
}

struct Step {
    name: String,
    passed: bool,
    time: Duration,
}

/// Writes a line to stdout.
pub(crate) fn say(line: &str) {
    // Nothing can be done about a closed stdout.
    let _closed = writeln!(std::io::stdout(), "{line}");
}

impl Steps {
    /// No steps yet, in the repository at `root`.
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root, done: Vec::new() }
    }

    /// The root of the repository.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Runs a step; its faults are printed.
    pub(crate) fn run(&mut self, name: &str, step: impl FnOnce(&Path) -> Result<(), Vec<String>>) {
        say(&format!("\n=== {name}"));
        let started = Instant::now();
        let result = step(&self.root);
        if let Err(faults) = &result {
            faults.iter().for_each(|fault| say(fault));
        }
        let step = Step { name: name.to_owned(), passed: result.is_ok(), time: started.elapsed() };
        self.done.push(step);
    }

    /// Runs a command as a step.
    pub(crate) fn command(&mut self, name: &str, command: &mut Command) {
        self.run(name, |root| run(command.current_dir(root)));
    }

    /// Whether every step so far passed.
    pub(crate) fn all_passed(&self) -> bool {
        self.done.iter().all(|step| step.passed)
    }

    /// Prints each step with its time, and the closing line.
    pub(crate) fn summary(&self) -> ExitCode {
        say("");
        for step in &self.done {
            let word = if step.passed { "ok    " } else { "FAILED" };
            say(&format!("{word}  {:>7.1} s  {}", step.time.as_secs_f64(), step.name));
        }
        let passed = self.done.iter().filter(|step| step.passed).count();
        say(&format!("\n{passed} passed, {} failed", self.done.len() - passed));
        if self.all_passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Result<(), Vec<String>> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(vec![format!("{command:?} ended with {status}")]),
        Err(error) => Err(vec![format!("{command:?} could not be started: {error}")]),
    }
}
