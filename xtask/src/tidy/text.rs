//! Habits of text: module docs, names that say something, no traces of a machine.

/// Files are split long before this; the aim is 250 (STYLE.md).
const LINES_MAX: usize = 600;
/// Names that say nothing about what is in a file.
const EMPTY_NAMES: [&str; 6] = ["utils", "util", "helpers", "common", "manager", "misc"];
/// What only one machine has. Spelled in pieces, so that this file does not name them.
const MACHINE_PATHS: [&[&str]; 3] = [&["/ro", "ot/"], &["/wo", "rk/"], &["/ho", "me/"]];

/// Everything that is wrong with one file.
pub(super) fn faults(path: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let stem = path.rsplit('/').next().unwrap_or(path).split('.').next().unwrap_or_default();
    if EMPTY_NAMES.contains(&stem) {
        faults.push(format!("{path}: the name says nothing about what is in it"));
    }
    for pieces in MACHINE_PATHS {
        let machine_path = pieces.concat();
        if text.lines().any(|line| line.contains(&machine_path)) {
            faults.push(format!("{path}: names a folder of one machine ({machine_path})"));
        }
    }
    if path.ends_with(".rs") {
        faults.extend(rust_faults(path, text));
    }
    if path.ends_with("package-lock.json") && text.contains("\"resolved\"") {
        faults.push(format!("{path}: names a registry; lock without resolved addresses"));
    }
    faults
}

fn rust_faults(path: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if !text.starts_with("//!") {
        faults.push(format!("{path}: does not begin with a module doc (//!)"));
    }
    let lines = text.lines().count();
    if lines > LINES_MAX {
        faults.push(format!("{path}: {lines} lines, above {LINES_MAX}: split it"));
    }
    let trailing = text.lines().position(|line| line.ends_with([' ', '\t']));
    if let Some(number) = trailing {
        faults.push(format!("{path}:{}: trailing blanks", number + 1));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_habit_is_checked() {
        let long = format!("//! Doc.\n{}", "\n".repeat(LINES_MAX));
        let path_of_a_machine = format!("//! See {}.", MACHINE_PATHS[0].concat());
        let cases = [
            ("a/good.rs", "//! Doc.\n", 0),
            ("a/utils.rs", "//! Doc.\n", 1),
            ("a/bare.rs", "fn main() {}\n", 1),
            ("a/long.rs", long.as_str(), 1),
            ("a/blank.rs", "//! Doc. \n", 1),
            ("a/readme.md", path_of_a_machine.as_str(), 1),
            ("a/package-lock.json", "\"resolved\": \"x\"", 1),
        ];
        for (path, text, expected) in cases {
            assert_eq!(faults(path, text).len(), expected, "{path}");
        }
    }
}
