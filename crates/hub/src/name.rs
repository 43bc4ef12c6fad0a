//! Names: of a repository on the hub, and of one state of it.

use std::fmt;
use std::str::FromStr;

use crate::known;

/// Bytes of an owner or a name on the hub.
const PART_BYTES_MAX: usize = 96;
/// Bytes of a branch, tag or commit.
const REVISION_BYTES_MAX: usize = 200;

/// `OWNER/NAME` on the hub. Both parts are safe as names of folders.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RepositoryName {
    owner: String,
    name: String,
}

impl RepositoryName {
    /// Who published it.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// What they called it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

impl FromStr for RepositoryName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (owner, name) = text.split_once('/').ok_or_else(|| NameError::Shape(text.into()))?;
        if is_part(owner) && is_part(name) {
            Ok(Self { owner: owner.to_owned(), name: name.to_owned() })
        } else {
            Err(NameError::Shape(text.to_owned()))
        }
    }
}

/// Whether `text` may be an owner or a name: nothing that a path or a URL would read otherwise.
fn is_part(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=PART_BYTES_MAX).contains(&text.len())
        && text.bytes().all(is_plain)
        && !text.starts_with(['.', '-'])
        && !text.contains("..")
        // Stands between owner and name where there may be no slash; the hub has no such names.
        && !text.contains("--")
}

/// What a user asks for: `OWNER/NAME` or a short name of [`known::MODELS`], perhaps `@REVISION`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelReference {
    /// The repository.
    pub repository: RepositoryName,
    /// A branch, a tag or a commit; `None` stands for `main`.
    pub revision: Option<String>,
}

impl FromStr for ModelReference {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (name, revision) = match text.split_once('@') {
            Some((name, revision)) => (name, Some(revision)),
            None => (text, None),
        };
        if let Some(revision) = revision.filter(|revision| !is_revision(revision)) {
            return Err(NameError::Revision(revision.to_owned()));
        }
        let repository = match known::by_alias(name) {
            Some(model) => model.repository.parse()?,
            None if name.contains('/') => name.parse()?,
            None => return Err(NameError::Unknown(name.to_owned())),
        };
        Ok(Self { repository, revision: revision.map(str::to_owned) })
    }
}

impl fmt::Display for ModelReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.revision {
            Some(revision) => write!(f, "{}@{revision}", self.repository),
            None => self.repository.fmt(f),
        }
    }
}

fn is_revision(text: &str) -> bool {
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/');
    (1..=REVISION_BYTES_MAX).contains(&text.len())
        && text.bytes().all(is_plain)
        && !text.starts_with(['.', '-', '/'])
        && !text.ends_with('/')
        && !text.contains("..")
        && !text.contains("//")
}

/// A name that cannot be one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not `OWNER/NAME`.
    #[error("{0:?} is no name of a model: write OWNER/NAME as on the hub, or a short name")]
    Shape(String),
    /// A single word that is no short name.
    #[error(
        "{0:?} is no short name of a model; those are: {names}. Any other is OWNER/NAME as on the hub",
        names = known::aliases()
    )]
    Unknown(String),
    /// Not a branch, tag or commit.
    #[error("{0:?} is no revision: write a branch, a tag or a commit")]
    Revision(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_as_meant_or_refused() {
        let rows = [
            ("a/b", Some(("a/b", None))),
            ("a/b@main", Some(("a/b", Some("main")))),
            ("a/b@refs/pr/1", Some(("a/b", Some("refs/pr/1")))),
            ("clip-b32", Some(("openai/clip-vit-base-patch32", None))),
            ("clip-b32@v1.0", Some(("openai/clip-vit-base-patch32", Some("v1.0")))),
            ("", None),
            ("b", None),
            ("a/b/c", None),
            ("a/", None),
            ("/b", None),
            ("../b", None),
            ("a/..", None),
            ("a/b..c", None),
            ("a/.b", None),
            ("a/-b", None),
            ("a/b c", None),
            ("a/b--c", None),
            ("a/b@", None),
            ("a/b@../c", None),
            ("a/b@x?y", None),
            ("a/b@x//y", None),
            ("a/\u{e9}", None),
        ];
        let wrong: Vec<_> = rows
            .into_iter()
            .filter(|(text, expected)| {
                let read = text.parse::<ModelReference>().ok();
                let read = read.map(|read| (read.repository.to_string(), read.revision));
                let expected =
                    expected.map(|(name, revision)| (name.to_owned(), revision.map(str::to_owned)));
                read != expected
            })
            .collect();
        assert!(wrong.is_empty(), "{wrong:?}");
        assert!("a".repeat(97).parse::<RepositoryName>().is_err());
        let long = format!("a/{}", "b".repeat(PART_BYTES_MAX + 1));
        assert!(long.parse::<RepositoryName>().is_err());
    }
}
