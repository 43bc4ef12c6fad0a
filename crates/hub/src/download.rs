//! One file: on from the last byte that is there, hashed as it arrives, renamed when it is right.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::client::{Fault, HubClient, Passing};
use crate::digest::{DigestMismatch, FileHasher, read_blocks};
use crate::disk::sync_folder;
use crate::error::HubError;
use crate::listing::HubFile;
use crate::name::RepositoryName;
use crate::pull::PullEvent;
use crate::record::RecordedFile;

/// Digits of the digest in the name of a part: another content never goes on with it.
const PART_DIGEST_DIGITS: usize = 16;

/// Where files come from and go to.
pub(crate) struct Downloads<'a> {
    pub(crate) client: &'a HubClient,
    pub(crate) repository: &'a RepositoryName,
    pub(crate) commit: &'a str,
    /// The folder of the model on its way.
    pub(crate) folder: &'a Path,
}

/// A file on its way: what is there of it, hashed.
struct Part<'a> {
    wanted: &'a HubFile,
    path: PathBuf,
    file: File,
    hasher: FileHasher,
    received: u64,
}

/// The name of the part of `file`, relative to the folder.
pub(crate) fn part_path(file: &HubFile) -> String {
    format!("{}.{}.part", file.path, &file.digest.hexadecimal()[..PART_DIGEST_DIGITS])
}

impl Downloads<'_> {
    /// Makes sure that `wanted` is in the folder, checked and synced.
    pub(crate) async fn fetch(
        &self,
        wanted: &HubFile,
        on_event: &mut dyn FnMut(PullEvent<'_>),
    ) -> Result<RecordedFile, HubError> {
        let target = self.folder.join(&wanted.path);
        let parent = target.parent().unwrap_or(self.folder).to_owned();
        fs::create_dir_all(&parent).map_err(|e| HubError::storage(&parent, "made", e))?;
        if let Some(sha256) = already_there(&target, wanted)? {
            on_event(PullEvent::File { path: &wanted.path, present_bytes: wanted.bytes });
            return Ok(recorded(wanted, sha256));
        }
        let mut part = Part::open(self.folder.join(part_path(wanted)), wanted)?;
        let mut was_resumed = part.received > 0;
        on_event(PullEvent::File { path: &wanted.path, present_bytes: part.received });
        loop {
            self.receive(&mut part, on_event).await?;
            match part.finish(&target)? {
                Ok(sha256) => {
                    sync_folder(&parent).map_err(|e| HubError::storage(&parent, "synced", e))?;
                    return Ok(recorded(wanted, sha256));
                }
                // What was left by an earlier run may have been damaged by a crash of the machine.
                Err(_) if was_resumed => {
                    was_resumed = false;
                    on_event(PullEvent::StartedOver { path: &wanted.path });
                    part = Part::open(self.folder.join(part_path(wanted)), wanted)?;
                }
                Err(DigestMismatch { expected, found }) => {
                    let file = wanted.path.clone();
                    return Err(HubError::WrongDigest { file, expected, found });
                }
            }
        }
    }

    /// Receives until the part is as long as the file.
    async fn receive(
        &self,
        part: &mut Part<'_>,
        on_event: &mut dyn FnMut(PullEvent<'_>),
    ) -> Result<(), HubError> {
        let mut failures = 0;
        while part.received < part.wanted.bytes {
            let before = part.received;
            let passing = match self.receive_once(part, on_event).await {
                Ok(()) => continue,
                Err(Fault::Final(error)) => return Err(error),
                Err(Fault::Passing(passing)) => passing,
            };
            failures = if part.received > before { 1 } else { failures + 1 };
            if failures >= self.client.settings.attempts_max {
                return Err(part.interrupted(passing));
            }
            on_event(PullEvent::Retrying { path: &part.wanted.path, reason: &passing.reason() });
            tokio::time::sleep(self.client.pause(failures, &passing)).await;
        }
        Ok(())
    }

    async fn receive_once(
        &self,
        part: &mut Part<'_>,
        on_event: &mut dyn FnMut(PullEvent<'_>),
    ) -> Result<(), Fault> {
        let path = &part.wanted.path;
        let opened = self.client.open(self.repository, self.commit, path, part.received).await?;
        if opened.from < part.received {
            part.start_over()?;
            on_event(PullEvent::StartedOver { path: &part.wanted.path });
        }
        let mut response = opened.response;
        while let Some(piece) =
            response.chunk().await.map_err(|error| Fault::Passing(Passing::of(error)))?
        {
            part.append(&piece)?;
            on_event(PullEvent::Received { bytes: piece.len() as u64 });
        }
        match part.received < part.wanted.bytes {
            true => Err(Fault::Passing(Passing { status: None, retry_after: None, source: None })),
            false => Ok(()),
        }
    }
}

/// The SHA-256 of `target`, if it is there and right; what is wrong is removed.
fn already_there(target: &Path, wanted: &HubFile) -> Result<Option<String>, HubError> {
    let file = match File::open(target) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(HubError::storage(target, "read", error)),
    };
    let mut hasher = FileHasher::new(wanted.bytes);
    let bytes = read_blocks(file, |block| hasher.update(block, &wanted.digest))
        .map_err(|error| HubError::storage(target, "read", error))?;
    if bytes == wanted.bytes
        && let Ok(sha256) = hasher.finish(&wanted.digest)
    {
        return Ok(Some(sha256));
    }
    fs::remove_file(target).map_err(|error| HubError::storage(target, "removed", error))?;
    Ok(None)
}

fn recorded(wanted: &HubFile, sha256: String) -> RecordedFile {
    RecordedFile { path: wanted.path.clone(), bytes: wanted.bytes, sha256 }
}

impl<'a> Part<'a> {
    /// Opens the part at `path`, and hashes what is there.
    fn open(path: PathBuf, wanted: &'a HubFile) -> Result<Self, HubError> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(|error| HubError::storage(&path, "written", error))?;
        let hasher = FileHasher::new(wanted.bytes);
        let mut part = Self { wanted, path, file, hasher, received: 0 };
        part.hash_present().map_err(|error| HubError::storage(&part.path, "read", error))?;
        if part.received > wanted.bytes {
            part.start_over()?;
        }
        Ok(part)
    }

    fn hash_present(&mut self) -> io::Result<()> {
        let (hasher, digest) = (&mut self.hasher, &self.wanted.digest);
        // One byte more is enough to see that it is too long.
        let present = (&self.file).take(self.wanted.bytes.saturating_add(1));
        self.received = read_blocks(present, |block| hasher.update(block, digest))?;
        Ok(())
    }

    fn start_over(&mut self) -> Result<(), HubError> {
        let emptied = self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0)));
        emptied.map_err(|error| HubError::storage(&self.path, "emptied", error))?;
        self.hasher = FileHasher::new(self.wanted.bytes);
        self.received = 0;
        Ok(())
    }

    fn append(&mut self, piece: &[u8]) -> Result<(), HubError> {
        if piece.len() as u64 > self.wanted.bytes - self.received {
            self.remove()?;
            return Err(HubError::WrongDigest {
                file: self.wanted.path.clone(),
                expected: self.wanted.digest.hexadecimal().to_owned(),
                found: format!("of more than {} bytes", self.wanted.bytes),
            });
        }
        self.file.write_all(piece).map_err(|e| HubError::storage(&self.path, "written", e))?;
        self.hasher.update(piece, &self.wanted.digest);
        self.received += piece.len() as u64;
        Ok(())
    }

    /// Renames the part to `target` if it is what the hub announced; else removes it.
    fn finish(&mut self, target: &Path) -> Result<Result<String, DigestMismatch>, HubError> {
        let hasher = std::mem::replace(&mut self.hasher, FileHasher::new(self.wanted.bytes));
        match hasher.finish(&self.wanted.digest) {
            Ok(sha256) => {
                self.file.sync_all().map_err(|e| HubError::storage(&self.path, "synced", e))?;
                fs::rename(&self.path, target)
                    .map_err(|error| HubError::storage(&self.path, "renamed", error))?;
                Ok(Ok(sha256))
            }
            Err(mismatch) => {
                self.remove()?;
                Ok(Err(mismatch))
            }
        }
    }

    fn remove(&self) -> Result<(), HubError> {
        fs::remove_file(&self.path).map_err(|e| HubError::storage(&self.path, "removed", e))
    }

    fn interrupted(&self, passing: Passing) -> HubError {
        HubError::Interrupted {
            file: self.wanted.path.clone(),
            received: self.received,
            bytes: self.wanted.bytes,
            source: passing.source.or_else(|| {
                passing.status.map(|status| format!("the hub answered {}", status.as_u16()).into())
            }),
        }
    }
}
