//! The files of a folder against the record of its pull.

use std::fs;
use std::path::Path;

use indicatif::DecimalBytes;
use onespace_hub::{SourceRecord, sha256_of_file};

use super::Check;

const NAME: &str = "files";
/// Digits of a digest that are shown.
const SHOWN_DIGITS: usize = 16;

/// Every byte of what a pull recorded; without a record, the digests of the weights.
pub(super) fn check(folder: &Path) -> Vec<Check> {
    match SourceRecord::read(folder) {
        Some(record) => vec![against(&record, folder)],
        None => digests(folder),
    }
}

fn against(record: &SourceRecord, folder: &Path) -> Check {
    let changed: Vec<_> = record
        .files
        .iter()
        .filter(|file| {
            let found = sha256_of_file(&folder.join(&file.path)).ok();
            found.as_deref() != Some(file.sha256.as_str())
        })
        .map(|file| file.path.as_str())
        .collect();
    if changed.is_empty() {
        let (files, size) = (record.files.len(), DecimalBytes(record.bytes()));
        let commit = &record.commit[..record.commit.len().min(SHOWN_DIGITS)];
        let figure = format!("{files} files, {size}, as pulled (commit {commit})");
        return Check::passed(NAME, figure);
    }
    let advice = "the files are no longer those of the hub: remove the folder and pull it again";
    Check::of(false, NAME, format!("changed since the pull: {}", changed.join(", ")), advice)
}

fn digests(folder: &Path) -> Vec<Check> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut names: Vec<_> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.ends_with(".safetensors"))
        .collect();
    names.sort();
    names.iter().map(|name| digest(folder, name)).collect()
}

fn digest(folder: &Path, name: &str) -> Check {
    match sha256_of_file(&folder.join(name)) {
        Ok(sha256) => Check::passed(NAME, format!("{name} sha256 {}…", &sha256[..SHOWN_DIGITS])),
        Err(error) => Check::of(
            false,
            NAME,
            format!("{name} cannot be read: {error}"),
            "check the file's owner and rights, and the disk",
        ),
    }
}
