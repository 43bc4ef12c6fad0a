//! What the hub says about one state of a repository.

use serde::Deserialize;

use crate::digest::ExpectedDigest;

/// A state of a repository: a commit and its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The commit, 40 hexadecimal digits.
    pub commit: String,
    /// Its files with a size and a digest.
    pub files: Vec<HubFile>,
}

/// A file of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubFile {
    /// Its path in the repository, with `/`.
    pub path: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// What its contents must hash to.
    pub digest: ExpectedDigest,
}

/// `GET /api/models/{repo}/revision/{rev}?blobs=true`, as far as it matters here.
#[derive(Deserialize)]
struct ModelInfo {
    sha: String,
    #[serde(default)]
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    blob_id: Option<String>,
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    sha256: String,
    size: u64,
}

impl Listing {
    /// Reads the hub's answer.
    ///
    /// # Errors
    /// What is wrong with it, in a few words.
    pub(crate) fn parse(json: &[u8]) -> Result<Self, String> {
        let info: ModelInfo = serde_json::from_slice(json).map_err(|error| {
            format!("its description of the model is not the expected JSON: {error}")
        })?;
        if !is_hexadecimal(&info.sha, 40) {
            return Err("it names no commit".to_owned());
        }
        let files = info.siblings.into_iter().filter_map(Sibling::into_file).collect();
        Ok(Self { commit: info.sha, files })
    }

    /// The file at `path`.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<&HubFile> {
        self.files.iter().find(|file| file.path == path)
    }
}

impl Sibling {
    /// `None` without size and digest: what cannot be checked is not downloaded.
    fn into_file(self) -> Option<HubFile> {
        let (bytes, digest) = match (self.lfs, self.size, self.blob_id) {
            (Some(lfs), _, _) if is_hexadecimal(&lfs.sha256, 64) => {
                (lfs.size, ExpectedDigest::Sha256(lfs.sha256))
            }
            (None, Some(bytes), Some(blob)) if is_hexadecimal(&blob, 40) => {
                (bytes, ExpectedDigest::GitBlob(blob))
            }
            _ => return None,
        };
        Some(HubFile { path: self.rfilename, bytes, digest })
    }
}

fn is_hexadecimal(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_without_a_digest_are_left_out() {
        let (commit, sha256) = ("c".repeat(40), "5".repeat(64));
        let json = format!(
            r#"{{"id": "a/b", "sha": "{commit}", "gated": false, "siblings": [
                {{"rfilename": "config.json", "size": 7, "blobId": "{blob}"}},
                {{"rfilename": "model.safetensors", "size": 9, "blobId": "{blob}",
                  "lfs": {{"sha256": "{sha256}", "size": 9, "pointerSize": 134}}}},
                {{"rfilename": "bare.json"}},
                {{"rfilename": "bad.json", "size": 1, "blobId": "../x"}}]}}"#,
            blob = "b".repeat(40)
        );
        let listing = Listing::parse(json.as_bytes()).expect("a listing");
        assert_eq!(listing.commit, commit);
        let found: Vec<_> =
            listing.files.iter().map(|file| (file.path.as_str(), file.bytes)).collect();
        assert_eq!(found, [("config.json", 7), ("model.safetensors", 9)]);
        assert_eq!(listing.files[1].digest, ExpectedDigest::Sha256(sha256));
        assert!(Listing::parse(b"{}").is_err());
        assert!(Listing::parse(br#"{"sha": "main"}"#).is_err());
        assert!(Listing::parse(b"<html>").is_err());
    }
}
