//! Development tasks. `cargo xtask` alone lists them.

mod benchmarks;
mod environment;
mod evaluation;
mod parity;
mod steps;
mod suites;
mod tidy;

use std::path::PathBuf;
use std::process::ExitCode;

use steps::{Steps, say};

const HELP: &str = "\
cargo xtask test      everything: check, then every suite, the SDKs against a real server among them
cargo xtask check     format, clippy, docs and tidy; no tests
cargo xtask tidy      the borders between crates, and rules that compilers do not check
cargo xtask suite S   one suite: rust, sdk-python, sdk-node, bad-input, ssrf, crash, console, training
cargo xtask setup     what the suites need: a Python virtual environment and Node packages
cargo xtask parity [A...]  our vectors against those of transformers, at real size, stage by stage
cargo xtask evaluate DIR [A...]    the embedded model's figures on the training pack in DIR
cargo xtask bench peers [--quick]   the forward pass against other engines; writes docs/PERFORMANCE.md
cargo xtask bench serve [--quick]   the server under HTTP load against infinity; likewise
cargo xtask bench interleaved [--quick]   pictures and words in one sequence, against transformers
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| ["--help", "-h"].contains(&argument.as_str())) {
        say(HELP);
        return ExitCode::SUCCESS;
    }
    let mut steps = Steps::new(root());
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["test"] => {
            suites::check(&mut steps);
            suites::all(&mut steps);
        }
        ["check"] => suites::check(&mut steps),
        ["tidy"] => steps.run("tidy", tidy::run),
        ["setup"] => environment::set_up(&mut steps),
        ["suite", suite] => {
            if !suites::one(&mut steps, suite) {
                say(HELP);
                return ExitCode::from(2);
            }
        }
        ["parity", architectures @ ..] => parity::run(&mut steps, architectures),
        ["evaluate", data, arguments @ ..] => evaluation::run(&mut steps, data, arguments),
        ["bench", name, arguments @ ..] => {
            if !benchmarks::run(&mut steps, name, arguments) {
                say(HELP);
                return ExitCode::from(2);
            }
        }
        _ => {
            say(HELP);
            return ExitCode::from(2);
        }
    }
    steps.summary()
}

/// The root of the repository: the folder above this package.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in the repository")
        .to_owned()
}
