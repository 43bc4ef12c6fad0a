//! The licence that stands in a model's folder: in the head of its README, and in its licence file.
//! What is found is shown, not judged.

use crate::disk::open_ordinary;
use std::fs;
use std::io::Read;
use std::path::Path;

/// Bytes of a README or a licence that are looked at.
const READ_BYTES_MAX: u64 = 256 << 10;
/// Characters of a licence's name that are shown.
const SHOWN_CHARS_MAX: usize = 80;
/// Texts that name a licence, in the order in which they are looked for.
const KNOWN_TEXTS: [(&str, &str); 7] = [
    ("Apache License", "apache-2.0"),
    ("Gemma Terms of Use", "gemma"),
    ("GNU AFFERO GENERAL PUBLIC LICENSE", "agpl-3.0"),
    ("GNU GENERAL PUBLIC LICENSE", "gpl"),
    ("Attribution-NonCommercial", "cc-by-nc"),
    ("Redistribution and use in source and binary forms", "bsd"),
    ("Permission is hereby granted, free of charge", "mit"),
];

/// What a folder says about its terms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Licence {
    /// `license`, or `license_name` where that says `other`, in the head of README.md.
    pub card: Option<String>,
    /// The licence file and the licence that its text is, where it is a well-known one.
    pub file: Option<(String, Option<&'static str>)>,
}

impl Licence {
    /// Reads what stands in `folder`.
    #[must_use]
    pub fn find(folder: &Path) -> Self {
        let card = beginning(&folder.join("README.md")).and_then(|text| of_card(&text));
        let file = licence_file(folder).map(|name| {
            let text = beginning(&folder.join(&name)).unwrap_or_default();
            let known = KNOWN_TEXTS.iter().find(|(sign, _)| text.contains(sign));
            (name, known.map(|(_, id)| *id))
        });
        Self { card, file }
    }

    /// One line for a terminal.
    #[must_use]
    pub fn line(&self) -> String {
        match (&self.card, &self.file) {
            (None, None) => "none found in the folder".to_owned(),
            (Some(card), None) => format!("{card} (README.md)"),
            (card, Some((name, text))) => {
                let of_file =
                    text.map_or_else(|| format!("see {name}"), |id| format!("{id} ({name})"));
                match card {
                    Some(card) if Some(card.as_str()) == *text => {
                        format!("{card} (README.md, {name})")
                    }
                    Some(card) => format!("{card} (README.md); {of_file}"),
                    None => of_file,
                }
            }
        }
    }
}

fn beginning(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    open_ordinary(path).ok()?.take(READ_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The first file, by name, that is a licence.
fn licence_file(folder: &Path) -> Option<String> {
    let entries = fs::read_dir(folder).ok()?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names
        .filter(|name| {
            let name = name.to_ascii_lowercase();
            name.starts_with("license")
                || name.starts_with("licence")
                || name.starts_with("copying")
        })
        .filter(|name| name.chars().all(|c| c.is_ascii_graphic()))
        .min()
}

/// `license` in the front matter: a value, or the items of a list.
fn of_card(text: &str) -> Option<String> {
    let mut lines = text.trim_start_matches('\u{feff}').lines();
    if lines.next()?.trim_end() != "---" {
        return None;
    }
    let head: Vec<_> = lines.take_while(|line| line.trim_end() != "---").collect();
    let licence = value_of(&head, "license");
    match licence.as_deref() {
        Some("other") => value_of(&head, "license_name").or(licence),
        _ => licence,
    }
}

fn value_of(head: &[&str], key: &str) -> Option<String> {
    let is_key = |line: &&str| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':'));
    let at = head.iter().position(is_key)?;
    let value = printable(&head[at][key.len() + 1..]);
    if !value.is_empty() {
        return Some(value);
    }
    let items = head[at + 1..].iter().map_while(|line| line.trim_start().strip_prefix("- "));
    let items: Vec<_> = items.map(printable).collect();
    (!items.is_empty()).then(|| items.join(", "))
}

/// A stranger's text for a terminal: one line, no control characters, not long.
fn printable(text: &str) -> String {
    let text = text.trim().trim_matches(['"', '\'', '[', ']']).trim();
    text.chars().filter(|c| !c.is_control()).take(SHOWN_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(files: &[(&str, &str)]) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            fs::write(folder.path().join(name), text).expect("written");
        }
        Licence::find(folder.path()).line()
    }

    #[test]
    fn what_stands_in_the_folder_is_told() {
        const APACHE: &str = "                 Apache License\n           Version 2.0";
        let rows: [(&[(&str, &str)], &str); 10] = [
            (&[], "none found in the folder"),
            (&[("README.md", "---\nlicense: mit\n---\n# x")], "mit (README.md)"),
            (&[("README.md", "---\nlicense: \"mit\"\n---\n")], "mit (README.md)"),
            (&[("README.md", "---\nlicense:\n- mit\n- bsd\n---\n")], "mit, bsd (README.md)"),
            (
                &[("README.md", "---\nlicense: other\nlicense_name: gemma\n---\n")],
                "gemma (README.md)",
            ),
            (&[("README.md", "# x\nlicense: mit\n")], "none found in the folder"),
            (&[("README.md", "---\nx: 1\n---\nlicense: mit\n")], "none found in the folder"),
            (
                &[("README.md", "---\nlicense: apache-2.0\n---\n"), ("LICENSE", APACHE)],
                "apache-2.0 (README.md, LICENSE)",
            ),
            (
                &[("README.md", "---\nlicense: mit\n---\n"), ("LICENSE.txt", APACHE)],
                "mit (README.md); apache-2.0 (LICENSE.txt)",
            ),
            (&[("LICENSE", "Do as you like.")], "see LICENSE"),
        ];
        for (files, expected) in rows {
            assert_eq!(line(files), expected, "{files:?}");
        }
        let escape = line(&[("README.md", "---\nlicense: \u{1b}[31mmit\n---\n")]);
        assert!(!escape.contains('\u{1b}'), "{escape:?}");
    }
}
