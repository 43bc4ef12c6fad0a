//! The suites of tests. All but the Rust suite drive the real program in its release build.

use std::path::Path;
use std::process::Command;

use crate::environment::{self, python};
use crate::steps::Steps;
use crate::tidy;

/// Kills of the crash suite: the number; more with `tests/crash/kill_loop.py --kills`.
const KILLS: &str = "30";

type Suite = (&'static str, fn(&mut Steps));

/// The suites in the order in which they run, cheapest to understand first.
const SUITES: [Suite; 7] = [
    ("rust", rust),
    ("sdk-python", sdk_python),
    ("sdk-node", sdk_node),
    ("bad-input", bad_input),
    ("ssrf", ssrf),
    ("crash", crash),
    ("console", console),
];

/// Not part of `all`: it needs PyTorch, which is larger than everything else together.
const TRAINING: &str = "training";

/// Format, lints, docs and tidy.
pub(crate) fn check(steps: &mut Steps) {
    steps.command("format", cargo().args(["fmt", "--all", "--check"]));
    steps.run("tidy", tidy::run);
    steps.command(
        "clippy",
        cargo().args(["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]),
    );
    steps.command(
        "docs",
        cargo()
            .args(["doc", "--workspace", "--no-deps", "--document-private-items", "--quiet"])
            // Private items are documented here, so links to them resolve.
            .env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links"),
    );
}

/// Every suite.
pub(crate) fn all(steps: &mut Steps) {
    prepare(steps);
    SUITES.iter().for_each(|(_, suite)| suite(steps));
}

/// One suite by name; `false` when there is none of that name.
pub(crate) fn one(steps: &mut Steps, name: &str) -> bool {
    if name == TRAINING {
        training(steps);
        return true;
    }
    let Some((_, suite)) = SUITES.iter().find(|(known, _)| *known == name) else { return false };
    if name != "rust" {
        prepare(steps);
    }
    suite(steps);
    true
}

/// The environments and the program.
fn prepare(steps: &mut Steps) {
    environment::set_up(steps);
    steps.command("release build", cargo().args(["build", "--release", "--quiet"]));
}

/// What `cargo run` tells xtask about itself. Some build scripts depend on these, so that a build
/// begun by hand and one begun here would each undo the other's.
const OWN_PACKAGE: [&str; 8] = [
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_PATH",
    "CARGO_PKG_NAME",
    "CARGO_PKG_VERSION",
    "CARGO_PKG_VERSION_MAJOR",
    "CARGO_PKG_VERSION_MINOR",
    "CARGO_PKG_VERSION_PATCH",
    "CARGO_PKG_VERSION_PRE",
];

fn cargo() -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    for name in OWN_PACKAGE {
        cargo.env_remove(name);
    }
    cargo
}

fn rust(steps: &mut Steps) {
    steps.command("Rust tests", cargo().args(["test", "--workspace", "--quiet"]));
}

fn sdk_python(steps: &mut Steps) {
    steps.command("Python SDK", &mut pytest(steps.root(), "tests/sdk_python"));
}

fn bad_input(steps: &mut Steps) {
    steps.command("bad input", &mut pytest(steps.root(), "tests/bad_input"));
}

fn training(steps: &mut Steps) {
    environment::set_up_training(steps);
    let mut python = Command::new(environment::training_python(steps.root()));
    steps.command("training code", python.args(["-m", "pytest", "-q", "training/tests"]));
}

fn sdk_node(steps: &mut Steps) {
    let folder = steps.root().join("tests/sdk_node");
    let program = program(steps.root());
    steps.run("Node SDK", |_| {
        let mut node = Command::new("node");
        node.args(["--test", "--test-reporter=spec"]).current_dir(&folder);
        crate::steps::run(node.env("ONESPACE_BIN", program))
    });
}

fn console(steps: &mut Steps) {
    environment::set_up_console(steps);
    let folder = steps.root().join("tests/console");
    let (program, python) = (program(steps.root()), python(steps.root()));
    steps.run("console", |_| {
        let mut node = Command::new("node");
        // One file after the other: each drives a browser and a server of its own.
        node.args(["--test", "--test-concurrency=1", "--test-reporter=spec"]).current_dir(&folder);
        node.env("ONESPACE_BIN", program).env("ONESPACE_TEST_PYTHON", python);
        crate::steps::run(node.env("ONESPACE_TEST_CHROMIUM", environment::BROWSER))
    });
}

fn ssrf(steps: &mut Steps) {
    let mut command = with_python(steps.root());
    steps.command(
        "fetch by URL",
        command.args(["tests/ssrf/run.py", "--server"]).arg(program(steps.root())),
    );
}

fn crash(steps: &mut Steps) {
    let mut command = with_python(steps.root());
    command.args(["tests/crash/kill_loop.py", "--kills", KILLS, "--server"]);
    steps.command("kill loop", command.arg(program(steps.root())));
}

fn with_python(root: &Path) -> Command {
    let mut command = Command::new(python(root));
    command.env("ONESPACE_BIN", program(root)).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

fn pytest(root: &Path, folder: &str) -> Command {
    let mut command = with_python(root);
    command.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", folder]);
    command
}

fn program(root: &Path) -> std::path::PathBuf {
    root.join("target/release/onespace")
}
