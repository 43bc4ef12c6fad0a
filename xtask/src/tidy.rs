//! Rules that the compiler does not check: the borders between crates (ARCHITECTURE.md), and habits
//! of text (STYLE.md).

mod borders;
mod text;

use std::fs;
use std::path::{Path, PathBuf};

/// Everything that is wrong, a line each.
pub(crate) fn run(root: &Path) -> Result<(), Vec<String>> {
    let files = tracked_files(root).map_err(|error| vec![error])?;
    let mut faults = borders::dependencies(root);
    for path in &files {
        let Ok(text) = fs::read_to_string(root.join(path)) else { continue };
        let path = path.to_string_lossy();
        faults.extend(text::faults(&path, &text));
        if path.ends_with(".rs") {
            faults.extend(borders::words(&path, &text));
        }
    }
    faults.extend(weights(root));
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// The files that git knows, new ones too.
fn tracked_files(root: &Path) -> Result<Vec<PathBuf>, String> {
    let output = std::process::Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("git cannot be started: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().map(PathBuf::from).filter(|path| root.join(path).is_file()).collect())
}

/// The embedded weights stay small enough for a repository.
fn weights(root: &Path) -> Option<String> {
    const WEIGHTS_BYTES_MAX: u64 = 30_000_000;
    let path = "crates/models/embedded/model.safetensors";
    match fs::metadata(root.join(path)) {
        Ok(metadata) if metadata.len() <= WEIGHTS_BYTES_MAX => None,
        Ok(metadata) => Some(format!("{path}: {} bytes, above 30 MB", metadata.len())),
        Err(error) => Some(format!("{path}: {error}")),
    }
}
