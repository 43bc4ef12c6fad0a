//! Who may depend on whom, and which words belong to one crate only.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// What each package may use of its siblings, outside of tests.
const SIBLINGS: [(&str, &[&str]); 10] = [
    ("onespace-wire", &[]),
    ("onespace-media", &[]),
    ("onespace-compute", &[]),
    ("onespace-store", &[]),
    ("onespace-hub", &[]),
    ("onespace-models", &["onespace-compute", "onespace-media"]),
    ("onespace-engine", &["onespace-models"]),
    (
        "onespace-server",
        &[
            "onespace-engine",
            "onespace-media",
            "onespace-models",
            "onespace-store",
            "onespace-wire",
        ],
    ),
    (
        "onespace-cli",
        &[
            "onespace-engine",
            "onespace-hub",
            "onespace-media",
            "onespace-models",
            "onespace-server",
            "onespace-store",
        ],
    ),
    ("xtask", &[]),
];

/// A word, the only folders in which code may contain it, and why.
const OWNED_WORDS: [(&str, &[&str], &str); 9] = [
    ("rusqlite", &["crates/store/"], "only the store knows SQL"),
    ("axum", &["crates/server/"], "only the server knows HTTP"),
    ("hyper", &["crates/server/"], "only the server knows HTTP"),
    ("reqwest", &["crates/hub/"], "only a pull that was asked for calls the hub"),
    ("unsafe {", &["crates/compute/"], "only compute is unsafe"),
    ("unsafe fn", &["crates/compute/"], "only compute is unsafe"),
    ("is_x86_feature_detected", &["crates/compute/"], "one place decides the instruction set"),
    ("TcpStream::connect", &["crates/server/src/fetch/"], "only the fetcher dials"),
    (
        "env::var",
        &["crates/cli/", "crates/compute/src/simd/"],
        "only the program reads the environment, and the dispatch its instruction set",
    ),
];

/// Places where an owned word is no use of it: this table, and tests that play a client.
const EXEMPT: [&str; 2] = ["xtask/", "/tests/"];

/// Words that stand where they may not.
pub(super) fn words(path: &str, text: &str) -> Vec<String> {
    if EXEMPT.iter().any(|exempt| path.contains(exempt)) {
        return Vec::new();
    }
    let mut faults = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        for (word, folders, reason) in OWNED_WORDS {
            let at_home = folders.iter().any(|folder| path.starts_with(folder));
            if contains_word(code, word) && !at_home {
                faults.push(format!("{path}:{}: `{word}`: {reason}", number + 1));
            }
        }
    }
    faults
}

/// Whether `word` stands in `code` by itself: `hyper`, not `hyperbolic`.
fn contains_word(code: &str, word: &str) -> bool {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

/// Arrows between packages that are not in the table.
pub(super) fn dependencies(root: &Path) -> Vec<String> {
    let metadata = match metadata(root) {
        Ok(metadata) => metadata,
        Err(fault) => return vec![fault],
    };
    let packages = metadata["packages"].as_array().cloned().unwrap_or_default();
    packages.iter().flat_map(package_faults).collect()
}

fn metadata(root: &Path) -> Result<Value, String> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("cargo metadata: {error}"))?;
    serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata: {error}"))
}

fn package_faults(package: &Value) -> Vec<String> {
    let name = package["name"].as_str().unwrap_or_default();
    let Some((_, allowed)) = SIBLINGS.iter().find(|(known, _)| *known == name) else {
        return vec![format!("{name}: not in the table of borders (xtask/src/tidy/borders.rs)")];
    };
    let dependencies = package["dependencies"].as_array().cloned().unwrap_or_default();
    dependencies
        .iter()
        .filter(|dependency| dependency["kind"].is_null())
        .filter_map(|dependency| dependency["name"].as_str())
        .filter(|sibling| sibling.starts_with("onespace-") && !allowed.contains(sibling))
        .map(|sibling| format!("{name} must not depend on {sibling}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owned_words_are_found_outside_their_folder_only() {
        let cases = [
            ("crates/cli/src/main.rs", "use axum::Router;", 1),
            ("crates/server/src/lib.rs", "use axum::Router;", 0),
            ("crates/cli/src/main.rs", "// axum is not here", 0),
            ("crates/cli/src/main.rs", "let hyperbolic = 1;", 0),
            ("crates/media/src/lib.rs", "unsafe { x() }", 1),
            ("crates/server/src/listener.rs", "TcpStream::connect(a)", 1),
        ];
        for (path, text, expected) in cases {
            assert_eq!(words(path, text).len(), expected, "{path}: {text}");
        }
    }
}
