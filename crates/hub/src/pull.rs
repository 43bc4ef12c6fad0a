//! A whole model: listed, selected, fetched beside the others, and renamed to its place.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::client::{DEFAULT_REVISION, HubClient};
use crate::disk::{free_bytes, sync_folder};
use crate::download::{Downloads, part_path};
use crate::error::HubError;
use crate::listing::{HubFile, Listing};
use crate::models_dir::{ModelsDir, bytes_below, incoming_name};
use crate::name::{ModelReference, RepositoryName};
use crate::record::{RecordedFile, SourceRecord};
use crate::selection::{INDEX_FILE, missing_shards, select};

/// The operator's own file in a model's folder; another revision does not take it away.
const OVERRIDES_FILE: &str = "onespace.json";
/// Bytes that stay free on the disk.
const RESERVE_BYTES: u64 = 64 << 20;

/// What happens during a pull.
#[derive(Clone, Copy, Debug)]
pub enum PullEvent<'a> {
    /// The revision was resolved and the files selected.
    Resolved {
        /// The commit.
        commit: &'a str,
        /// Number of files.
        files: usize,
        /// Size of all of them in bytes.
        bytes: u64,
    },
    /// A file is begun, or gone on with.
    File {
        /// Its path in the folder.
        path: &'a str,
        /// Bytes of it that are there already.
        present_bytes: u64,
    },
    /// Bytes of the file arrived.
    Received {
        /// How many.
        bytes: u64,
    },
    /// What was there of the file could not be used.
    StartedOver {
        /// Its path in the folder.
        path: &'a str,
    },
    /// After a pause, the rest of the file is asked for again.
    Retrying {
        /// Its path in the folder.
        path: &'a str,
        /// Why.
        reason: &'a str,
    },
}

/// A model that is in its place.
#[derive(Clone, Debug)]
pub struct Pulled {
    /// Where.
    pub folder: PathBuf,
    /// What was checked.
    pub record: SourceRecord,
    /// How it came there.
    pub outcome: PullOutcome,
}

/// How a model came to its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullOutcome {
    /// It was there in this state.
    AlreadyThere,
    /// It was not there.
    New,
    /// Another state of it was there.
    Replaced,
}

/// The places of one pull.
struct Places {
    incoming: PathBuf,
    target: PathBuf,
    /// Where the earlier state is for the moment between two renames.
    outgoing: PathBuf,
    /// Held until the pull ends.
    _lock: File,
}

impl HubClient {
    /// Brings the model to its place in `models`, all of it or nothing. Dropping the future stops
    /// it; what arrived stays for the next time.
    ///
    /// # Errors
    /// [`HubError`], which says what to do.
    pub async fn pull(
        &self,
        models: &ModelsDir,
        reference: &ModelReference,
        bytes_max: u64,
        on_event: &mut dyn FnMut(PullEvent<'_>),
    ) -> Result<Pulled, HubError> {
        let repository = &reference.repository;
        let listing = self.listing(reference).await?;
        let files = selected(&listing, repository, bytes_max)?;
        let bytes = total(&files);
        on_event(PullEvent::Resolved { commit: &listing.commit, files: files.len(), bytes });
        let places = Places::take(models, repository)?;
        let earlier = SourceRecord::read(&places.target);
        if let Some(record) = earlier.clone().filter(|record| record.commit == listing.commit)
            && is_complete(&record, &files, &places.target)
        {
            let folder = places.target;
            return Ok(Pulled { folder, record, outcome: PullOutcome::AlreadyThere });
        }
        if earlier.is_none() && places.target.exists() {
            return Err(HubError::Occupied { folder: places.target });
        }
        places.prepare(&files)?;
        places.reuse(&files);
        check_room(&places.incoming, bytes)?;
        let commit = &listing.commit;
        let downloads = Downloads { client: self, repository, commit, folder: &places.incoming };
        let recorded = fetch_all(&downloads, &files, on_event).await?;
        let record = self.record(reference, &listing, recorded)?;
        record.write(&places.incoming)?;
        places.publish()?;
        let outcome = if earlier.is_some() { PullOutcome::Replaced } else { PullOutcome::New };
        Ok(Pulled { folder: places.target, record, outcome })
    }

    fn record(
        &self,
        reference: &ModelReference,
        listing: &Listing,
        files: Vec<RecordedFile>,
    ) -> Result<SourceRecord, HubError> {
        let pulled_at = OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default();
        Ok(SourceRecord {
            repository: reference.repository.to_string(),
            revision: reference.revision.clone().unwrap_or_else(|| DEFAULT_REVISION.to_owned()),
            commit: listing.commit.clone(),
            endpoint: self.settings.endpoint.clone(),
            pulled_at,
            files,
        })
    }
}

async fn fetch_all(
    downloads: &Downloads<'_>,
    files: &[HubFile],
    on_event: &mut dyn FnMut(PullEvent<'_>),
) -> Result<Vec<RecordedFile>, HubError> {
    let mut recorded = Vec::with_capacity(files.len());
    for file in files {
        recorded.push(downloads.fetch(file, on_event).await?);
        // The index comes before the weights that it names.
        if file.path == INDEX_FILE {
            check_index(&downloads.folder.join(INDEX_FILE), files, downloads.repository)?;
        }
    }
    Ok(recorded)
}

fn check_index(
    path: &Path,
    files: &[HubFile],
    repository: &RepositoryName,
) -> Result<(), HubError> {
    let index = fs::read(path).map_err(|error| HubError::storage(path, "read", error))?;
    let not_a_model = |what| HubError::NotAModel { repository: repository.clone(), what };
    let missing = missing_shards(&index, files).map_err(not_a_model)?;
    match missing.first() {
        Some(name) => Err(not_a_model(format!("has no {name}, which its {INDEX_FILE} names"))),
        None => Ok(()),
    }
}

fn selected(
    listing: &Listing,
    repository: &RepositoryName,
    bytes_max: u64,
) -> Result<Vec<HubFile>, HubError> {
    let repository = repository.clone();
    match select(listing) {
        Err(what) => Err(HubError::NotAModel { repository, what }),
        Ok(files) if total(&files) > bytes_max => {
            Err(HubError::TooLarge { repository, bytes: total(&files), bytes_max })
        }
        Ok(files) => Ok(files),
    }
}

fn total(files: &[HubFile]) -> u64 {
    files.iter().fold(0, |sum, file| sum.saturating_add(file.bytes))
}

/// Whether `folder` holds what `record` says, and that is what is wanted now.
fn is_complete(record: &SourceRecord, files: &[HubFile], folder: &Path) -> bool {
    let has_size = |path: &str, bytes| {
        fs::metadata(folder.join(path)).is_ok_and(|metadata| metadata.len() == bytes)
    };
    files.iter().all(|file| record.files.iter().any(|recorded| recorded.path == file.path))
        && record.files.iter().all(|file| has_size(&file.path, file.bytes))
}

fn check_room(incoming: &Path, bytes: u64) -> Result<(), HubError> {
    let needed_bytes = bytes.saturating_sub(bytes_below(incoming)).saturating_add(RESERVE_BYTES);
    // Where the system does not say, writing will tell.
    let free_bytes = free_bytes(incoming).unwrap_or(u64::MAX);
    match free_bytes < needed_bytes {
        true => Err(HubError::NoRoom { folder: incoming.to_owned(), free_bytes, needed_bytes }),
        false => Ok(()),
    }
}

impl Places {
    /// Locks the places of `repository`, and mends what a crash may have left.
    fn take(models: &ModelsDir, repository: &RepositoryName) -> Result<Self, HubError> {
        let (incoming, target) = (models.incoming_of(repository), models.folder_of(repository));
        let (all_incoming, name) = (models.incoming(), incoming_name(repository));
        fs::create_dir_all(&all_incoming)
            .map_err(|error| HubError::storage(&all_incoming, "made", error))?;
        let lock_path = all_incoming.join(format!("{name}.lock"));
        let lock = File::create(&lock_path)
            .map_err(|error| HubError::storage(&lock_path, "written", error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(HubError::AlreadyPulling { repository: repository.clone() });
            }
            Err(TryLockError::Error(error)) => {
                return Err(HubError::storage(&lock_path, "locked", error));
            }
        }
        let outgoing = all_incoming.join(format!(".outgoing-{name}"));
        if outgoing.exists() && !target.exists() {
            fs::rename(&outgoing, &target)
                .map_err(|error| HubError::storage(&outgoing, "renamed", error))?;
        }
        Ok(Self { incoming, target, outgoing, _lock: lock })
    }

    /// Makes the folder on the way, and removes what is left of other states in it.
    fn prepare(&self, files: &[HubFile]) -> Result<(), HubError> {
        let incoming = &self.incoming;
        fs::create_dir_all(incoming).map_err(|e| HubError::storage(incoming, "made", e))?;
        let is_wanted = |path: &Path| {
            files.iter().any(|file| {
                path == self.incoming.join(&file.path)
                    || path == self.incoming.join(part_path(file))
            })
        };
        remove_unwanted(incoming, &is_wanted)
            .map_err(|error| HubError::storage(incoming, "tidied", error))
    }

    /// Takes what an earlier state has in common with the wanted one; it is checked like the rest.
    fn reuse(&self, files: &[HubFile]) {
        for file in files {
            let (old, new) = (self.target.join(&file.path), self.incoming.join(&file.path));
            let has_size = fs::metadata(&old).is_ok_and(|metadata| metadata.len() == file.bytes);
            if has_size && !new.exists() {
                // Without links on this file system it is downloaded.
                let _made = new.parent().map(fs::create_dir_all);
                let _linked = fs::hard_link(&old, &new);
            }
        }
    }

    /// Puts the model into its place.
    fn publish(&self) -> Result<(), HubError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |error: io::Error| HubError::storage(&path, "renamed", error)
        };
        let parent = self.target.parent().unwrap_or(&self.target);
        fs::create_dir_all(parent).map_err(failed(parent))?;
        sync_folder(&self.incoming).map_err(failed(&self.incoming))?;
        if self.target.exists() {
            let (old, new) = (self.target.join(OVERRIDES_FILE), self.incoming.join(OVERRIDES_FILE));
            if old.exists() {
                fs::copy(&old, new).map_err(failed(&old))?;
            }
            remove_if_there(&self.outgoing).map_err(failed(&self.outgoing))?;
            fs::rename(&self.target, &self.outgoing).map_err(failed(&self.target))?;
        }
        fs::rename(&self.incoming, &self.target).map_err(failed(&self.incoming))?;
        sync_folder(parent).map_err(failed(parent))?;
        remove_if_there(&self.outgoing).map_err(failed(&self.outgoing))
    }
}

fn remove_if_there(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn remove_unwanted(folder: &Path, is_wanted: &dyn Fn(&Path) -> bool) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_unwanted(&entry.path(), is_wanted)?;
        } else if !is_wanted(&entry.path()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
