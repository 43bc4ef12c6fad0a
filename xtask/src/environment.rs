//! What the suites need besides Rust: a Python virtual environment and Node packages, both pinned
//! by lock files and made inside `target/` and beside the lock files; and a browser.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::steps::{Steps, run};

/// The lock file of the Python packages.
const PYTHON_LOCK: &str = "tests/sdk_python/requirements.lock";
/// The packages of the training code.
const TRAINING_PACKAGES: &str = "training/requirements.txt";
/// The reference implementation of published models.
const PARITY_PACKAGES: &str = "parity/requirements.txt";
/// The engines of the benchmarks.
const ENGINE_PACKAGES: &str = "benchmarks/requirements.txt";
/// The server that the benchmarks compare with; it needs older packages than the engines.
const INFINITY_PACKAGES: &str = "benchmarks/requirements-infinity.txt";
/// The folder with the lock file of the Node packages.
const NODE_FOLDER: &str = "tests/sdk_node";
/// The folder with the lock file of the packages that drive the browser.
const CONSOLE_FOLDER: &str = "tests/console";
/// Debian's Chromium.
pub(crate) const BROWSER: &str = "/usr/bin/chromium";

/// The Python of the virtual environment.
pub(crate) fn python(root: &Path) -> PathBuf {
    root.join("target/test-environment/bin/python")
}

/// The Python that the training code is tested with.
pub(crate) fn training_python(root: &Path) -> PathBuf {
    root.join("target/training-environment/bin/python")
}

/// Makes both environments of the suites; what is up to date is left alone.
pub(crate) fn set_up(steps: &mut Steps) {
    steps.run("Python environment", |root| {
        set_up_python(&root.join("target/test-environment"), &root.join(PYTHON_LOCK))
    });
    steps.run("Node packages", |root| set_up_node(&root.join(NODE_FOLDER)));
}

/// What the suite of the console needs: a browser, and the packages that drive it.
pub(crate) fn set_up_console(steps: &mut Steps) {
    steps.run("browser", |_| set_up_browser());
    steps.run("console's packages", |root| set_up_node(&root.join(CONSOLE_FOLDER)));
}

/// Installs Debian's Chromium where it is missing.
fn set_up_browser() -> Result<(), Vec<String>> {
    if Path::new(BROWSER).is_file() {
        return Ok(());
    }
    let apt = |words: &[&str]| {
        run(Command::new("apt-get").args(words).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    apt(&["update", "--quiet"])?;
    apt(&[
        "install",
        "--quiet",
        "--yes",
        "--no-install-recommends",
        "chromium",
        "fonts-dejavu-core",
    ])
}

/// Makes the environment of the training code, with PyTorch.
pub(crate) fn set_up_training(steps: &mut Steps) {
    steps.run("training environment", |root| {
        set_up_python(&root.join("target/training-environment"), &root.join(TRAINING_PACKAGES))
    });
}

/// The Python of the reference implementation.
pub(crate) fn parity_python(root: &Path) -> PathBuf {
    root.join("target/parity-environment/bin/python")
}

/// Makes the environment of the reference implementation, with PyTorch.
pub(crate) fn set_up_parity(steps: &mut Steps) {
    steps.run("parity environment", |root| {
        set_up_python(&root.join("target/parity-environment"), &root.join(PARITY_PACKAGES))
    });
}

/// The Python that the benchmarks run in.
pub(crate) fn benchmark_python(root: &Path) -> PathBuf {
    root.join("target/benchmark-environment/bin/python")
}

/// The server that the benchmarks compare with.
pub(crate) fn infinity(root: &Path) -> PathBuf {
    root.join("target/infinity-environment/bin/infinity_emb")
}

/// Makes the environment of the benchmarks: several engines, about 5 GB.
pub(crate) fn set_up_benchmarks(steps: &mut Steps) {
    steps.run("benchmark environment", |root| {
        set_up_python(&root.join("target/benchmark-environment"), &root.join(ENGINE_PACKAGES))
    });
}

/// Makes the environment of the server that the benchmarks compare with.
pub(crate) fn set_up_infinity(steps: &mut Steps) {
    steps.run("infinity environment", |root| {
        set_up_python(&root.join("target/infinity-environment"), &root.join(INFINITY_PACKAGES))
    });
}

fn set_up_python(folder: &Path, packages: &Path) -> Result<(), Vec<String>> {
    if is_current(folder, packages) {
        return Ok(());
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder))?;
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    run(pip.arg("-r").arg(packages))?;
    mark_current(folder, packages)
}

fn set_up_node(folder: &Path) -> Result<(), Vec<String>> {
    let lock = folder.join("package-lock.json");
    let modules = folder.join("node_modules");
    if is_current(&modules, &lock) {
        return Ok(());
    }
    run(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(folder))?;
    mark_current(&modules, &lock)
}

/// Whether `folder` was made from `lock` as it is now.
fn is_current(folder: &Path, lock: &Path) -> bool {
    let made_from = fs::read(folder.join("made-from.lock"));
    made_from.is_ok_and(|made_from| fs::read(lock).is_ok_and(|lock| lock == made_from))
}

fn mark_current(folder: &Path, lock: &Path) -> Result<(), Vec<String>> {
    fs::copy(lock, folder.join("made-from.lock"))
        .map(drop)
        .map_err(|error| vec![format!("{}: {error}", folder.display())])
}
