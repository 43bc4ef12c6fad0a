//! The benchmarks: engines on the same towers, servers under the same load. The measuring itself is
//! Python (`benchmarks/`); here is what it needs: programs, built for speed, and environments.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::environment;
use crate::steps::Steps;

/// Names another Python than the one that is set up: `--python PATH`.
const PYTHON: &str = "--python";

/// What can be measured.
const NAMES: [&str; 3] = ["peers", "serve", "interleaved"];

/// Runs one of [`NAMES`] with `arguments`; `false` when there is none of that name.
pub(crate) fn run(steps: &mut Steps, name: &str, arguments: &[&str]) -> bool {
    if !NAMES.contains(&name) {
        return false;
    }
    let (python, arguments) = own_python(arguments);
    let python = python.unwrap_or_else(|| {
        environment::set_up_benchmarks(steps);
        environment::benchmark_python(steps.root())
    });
    build_programs(steps);
    let mut command = Command::new(python);
    command.args(["-m", &format!("benchmarks.{name}"), "--onespace", "target/release/onespace"]);
    command.args(["--yardstick", "target/yardstick/release/yardstick"]);
    if name == "peers" {
        build_candle(steps);
        command.args(["--candle", "target/candle-peer/release/candle-peer"]);
    } else if name == "serve" && !names_infinity(&arguments) {
        environment::set_up_infinity(steps);
        command.arg("--infinity").arg(environment::infinity(steps.root()));
    }
    // A table of half the engines is worse than none.
    if steps.all_passed() {
        steps.command(&format!("benchmark {name}"), command.args(arguments));
    }
    true
}

/// The Python named in `arguments`, and the rest of them.
fn own_python<'a>(arguments: &[&'a str]) -> (Option<PathBuf>, Vec<&'a str>) {
    match arguments.iter().position(|argument| *argument == PYTHON) {
        Some(at) if at + 1 < arguments.len() => {
            let rest = [&arguments[..at], &arguments[at + 2..]].concat();
            (Some(PathBuf::from(arguments[at + 1])), rest)
        }
        _ => (None, arguments.to_vec()),
    }
}

/// Whether `arguments` say which infinity to use, or that none is.
fn names_infinity(arguments: &[&str]) -> bool {
    arguments.iter().any(|argument| ["--infinity", "--embedded"].contains(argument))
}

fn build_programs(steps: &mut Steps) {
    steps.command("release build", cargo().args(["build", "--release", "--quiet"]));
    steps.command("yardstick", &mut build("yardstick"));
}

/// candle takes its instruction set when it is compiled, so it is compiled for this machine.
fn build_candle(steps: &mut Steps) {
    let mut command = build("candle-peer");
    command.env("RUSTFLAGS", "-C target-cpu=native");
    if has_avx512() {
        command.args(["--features", "avx512"]);
    }
    steps.command("candle-peer", &mut command);
}

/// Builds a package of `benchmarks/`, which has a workspace of its own.
fn build(package: &str) -> Command {
    let mut command = cargo();
    command.args(["build", "--release", "--quiet", "--locked"]);
    command.args(["--manifest-path", &format!("benchmarks/{package}/Cargo.toml")]);
    command.args(["--target-dir", &format!("target/{package}")]);
    command
}

fn cargo() -> Command {
    Command::new(env!("CARGO"))
}

fn has_avx512() -> bool {
    let flags = fs::read_to_string(Path::new("/proc/cpuinfo")).unwrap_or_default();
    flags.split_whitespace().any(|flag| flag == "avx512f")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_python_of_ones_own_is_taken_out_of_the_arguments() {
        let cases: [(&[&str], Option<&str>, &[&str]); 4] = [
            (&[], None, &[]),
            (&["--quick"], None, &["--quick"]),
            (&["--python", "p", "--quick"], Some("p"), &["--quick"]),
            (&["--quick", "--python", "p"], Some("p"), &["--quick"]),
        ];
        for (arguments, python, rest) in cases {
            let found = own_python(arguments);
            assert_eq!(found, (python.map(PathBuf::from), rest.to_vec()), "{arguments:?}");
        }
    }
}
