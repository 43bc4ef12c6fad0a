//! Digests: what the hub says a file is, and what it turned out to be.

use std::io::{self, Read};
use std::path::Path;

use crate::disk::open_ordinary;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// Bytes hashed at a time.
const BLOCK_BYTES: usize = 1 << 20;

/// The digest that the hub states for a file, in lower-case hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpectedDigest {
    /// SHA-256 of the contents: large files (LFS, Xet).
    Sha256(String),
    /// SHA-1 of the git blob, `blob LENGTH\0` and the contents: files that git keeps itself.
    GitBlob(String),
}

impl ExpectedDigest {
    /// The digits.
    #[must_use]
    pub fn hexadecimal(&self) -> &str {
        match self {
            Self::Sha256(digits) | Self::GitBlob(digits) => digits,
        }
    }
}

/// A file that is not what the hub says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestMismatch {
    /// What the hub says.
    pub expected: String,
    /// What arrived.
    pub found: String,
}

/// Hashes a file as its bytes arrive.
pub(crate) struct FileHasher {
    sha256: Sha256,
    git_blob: Sha1,
}

impl FileHasher {
    /// For a file of `bytes` bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        let mut git_blob = Sha1::new();
        git_blob.update(format!("blob {bytes}\0"));
        Self { sha256: Sha256::new(), git_blob }
    }

    pub(crate) fn update(&mut self, bytes: &[u8], expected: &ExpectedDigest) {
        self.sha256.update(bytes);
        if matches!(expected, ExpectedDigest::GitBlob(_)) {
            self.git_blob.update(bytes);
        }
    }

    /// The SHA-256 of the contents, if they are what `expected` says.
    pub(crate) fn finish(self, expected: &ExpectedDigest) -> Result<String, DigestMismatch> {
        let sha256 = hex::encode(self.sha256.finalize());
        let found = match expected {
            ExpectedDigest::Sha256(_) => sha256.clone(),
            ExpectedDigest::GitBlob(_) => hex::encode(self.git_blob.finalize()),
        };
        let expected = expected.hexadecimal().to_owned();
        if found == expected { Ok(sha256) } else { Err(DigestMismatch { expected, found }) }
    }
}

/// Feeds what `file` holds from its position to `update`, block by block.
pub(crate) fn read_blocks(mut file: impl Read, mut update: impl FnMut(&[u8])) -> io::Result<u64> {
    let mut block = vec![0; BLOCK_BYTES];
    let mut bytes = 0;
    loop {
        match file.read(&mut block) {
            Ok(0) => return Ok(bytes),
            Ok(count) => {
                update(&block[..count]);
                bytes += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The SHA-256 of a file in lower-case hexadecimal.
///
/// # Errors
/// When it cannot be read.
pub fn sha256_of_file(path: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    read_blocks(open_ordinary(path)?, |block| hasher.update(block))?;
    Ok(hex::encode(hasher.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of `printf 'hello\n' | git hash-object --stdin` and `sha256sum`.
    const GIT_BLOB: &str = "ce013625030ba8dba906f756967f9e9ca394464a";
    const SHA256: &str = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";

    fn hashed(contents: &[u8], expected: &ExpectedDigest) -> Result<String, DigestMismatch> {
        let mut hasher = FileHasher::new(contents.len() as u64);
        for piece in contents.chunks(4) {
            hasher.update(piece, expected);
        }
        hasher.finish(expected)
    }

    #[test]
    fn both_digests_are_git_s_and_the_hub_s() {
        for expected in
            [ExpectedDigest::GitBlob(GIT_BLOB.into()), ExpectedDigest::Sha256(SHA256.into())]
        {
            assert_eq!(hashed(b"hello\n", &expected).as_deref(), Ok(SHA256));
            let mismatch = hashed(b"hellO\n", &expected).expect_err("another file");
            assert_eq!(mismatch.expected, expected.hexadecimal());
            assert_ne!(mismatch.found, mismatch.expected);
        }
    }
}
