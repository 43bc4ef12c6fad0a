//! Running the program to its end.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::waiting::DEADLINE;

/// How a run ended, and what it said.
#[derive(Debug)]
pub(crate) struct Finished {
    /// The exit code; `None` after a signal.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Finished {
    /// Stdout as lines of JSON.
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        let parsed = |line| serde_json::from_str(line).unwrap_or_else(|_| panic!("JSON: {line}"));
        self.stdout.lines().map(parsed).collect()
    }

    /// Stdout as one line of JSON, of a run that must have gone well.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        let mut lines = self.json_lines();
        assert_eq!(lines.len(), 1, "{}", self.stdout);
        lines.remove(0)
    }
}

/// The program with `arguments`, and nothing of the environment that runs the tests.
pub(crate) fn onespace(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_onespace"));
    command.args(arguments).env_clear();
    command
}

/// Runs the program with `arguments` to its end.
pub(crate) fn run(arguments: &[&str]) -> Finished {
    finish(onespace(arguments), b"")
}

/// Runs `command` to its end with `input` on its stdin.
pub(crate) fn finish(mut command: Command, input: &[u8]) -> Finished {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let stdout = collected(child.stdout.take().expect("stdout is piped"));
    let stderr = collected(child.stderr.take().expect("stderr is piped"));
    let input = input.to_vec();
    let feeding = thread::spawn(move || {
        // The program may end before it has read everything.
        let _closed = stdin.write_all(&input);
    });
    let status = exit_status(&mut child);
    feeding.join().expect("stdin was fed");
    let stdout = stdout.join().expect("stdout was read");
    let stderr = stderr.join().expect("stderr was read");
    Finished { code: status.code(), stdout, stderr }
}

/// Waits for the end of `child`; kills it after the deadline.
pub(crate) fn exit_status(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + DEADLINE;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().expect("the program can be waited for") {
            return status;
        }
        thread::sleep(Duration::from_millis(5));
    }
    child.kill().expect("the program can be stopped");
    panic!("the program did not end");
}

fn collected(mut stream: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("the program writes UTF-8");
        text
    })
}

/// A path as an argument.
pub(crate) fn argument(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}
