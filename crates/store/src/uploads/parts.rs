//! Chunks of uploads: putting and listing them.

use rusqlite::{Connection, OptionalExtension, Row};
use time::OffsetDateTime;

use super::{PartCounts, PartPass, PartRecord, PartStatus, Upload, UploadStatus};
use crate::blobs::StagedBlob;
use crate::error::StoreError;
use crate::ids::{UploadId, random_bytes};
use crate::page::{Page, PageRequest};
use crate::rows::Micros;
use crate::scope::OwnerScope;
use crate::store::Store;

/// Digits of a chunk's SHA-256 that make its ETag.
const ETAG_DIGITS: usize = 32;

macro_rules! select {
    ($condition:literal) => {
        concat!(
            "SELECT chunk_index, file_name, size, sha256, is_reported, uploaded_at, updated_at \
             FROM upload_parts WHERE upload_id = ?1 AND ",
            $condition
        )
    };
}

const SELECT: &str = select!("chunk_index = ?2");
const SELECT_RANGE: &str = select!("chunk_index BETWEEN ?2 AND ?3 ORDER BY chunk_index");
const PUT: &str = "INSERT INTO upload_parts (upload_id, chunk_index, file_name, size, sha256, \
     is_reported, uploaded_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?6) \
     ON CONFLICT DO UPDATE SET file_name = excluded.file_name, size = excluded.size, \
     sha256 = excluded.sha256, uploaded_at = excluded.uploaded_at, \
     updated_at = excluded.updated_at";
pub(super) const TOUCH: &str = "UPDATE uploads SET updated_at = ?2 WHERE id = ?1";
const COUNT_REPORTED: &str = "SELECT count(*), coalesce(sum(size), 0) FROM upload_parts \
     WHERE upload_id = ?1 AND is_reported";

/// A chunk that has been put.
pub(super) struct StoredPart {
    pub(super) index: u32,
    pub(super) file_name: String,
    pub(super) size: u64,
    pub(super) sha256: String,
    pub(super) is_reported: bool,
    uploaded_at: OffsetDateTime,
    updated_at: OffsetDateTime,
}

impl Store {
    /// Stores the bytes of a chunk and gives their ETag: 32 hex digits, the same for the same
    /// bytes. A chunk can be put again, with other bytes only until it has been reported.
    ///
    /// Fails with [`StoreErrorKind::Invalid`] if the length is not [`PartPass::bytes_max`] and
    /// with [`StoreErrorKind::Conflict`] if the upload has ended or the chunk cannot change.
    ///
    /// [`StoreErrorKind::Invalid`]: crate::StoreErrorKind::Invalid
    /// [`StoreErrorKind::Conflict`]: crate::StoreErrorKind::Conflict
    pub fn put_part(&self, pass: &PartPass, blob: StagedBlob) -> Result<String, StoreError> {
        self.serving()?;
        self.check_health()?;
        let (size, wanted) = (blob.len(), pass.bytes_max());
        if size != wanted {
            return Err(StoreError::invalid(format!(
                "Chunk {} must have exactly {wanted} bytes, but {size} arrived.",
                pass.chunk_index()
            )));
        }
        let sha256 = blob.sha256().to_owned();
        let etag = etag_of(&sha256);
        let (id, index) = (&pass.upload().id, pass.chunk_index());
        // A file of its own for each put: the row always names one that is whole.
        let file_name = format!("{index}-{}", hex::encode(random_bytes::<8>()));
        let path = self.disk().part_path(pass.scope().account(), id, &file_name);
        blob.place(&path)?;
        let put = self.database().write(|transaction| {
            let upload = self.existing_upload(transaction, pass.scope(), id)?;
            if upload.status != UploadStatus::Active {
                return Err(StoreError::conflict("The upload takes no more chunks."));
            }
            let before = stored_part(transaction, id, index)?;
            if before.as_ref().is_some_and(|part| part.sha256 == sha256) {
                // The file there stays: another request may be reading it.
                return Ok(Some(file_name.clone()));
            }
            if before.as_ref().is_some_and(|part| part.is_reported) {
                return Err(StoreError::conflict("The chunk was completed with other bytes."));
            }
            let now = Micros(self.now());
            transaction
                .prepare_cached(PUT)?
                .execute((id, index, &file_name, size, &sha256, now))?;
            transaction.execute(TOUCH, (id, now))?;
            Ok(before.map(|part| part.file_name))
        });
        match put {
            Ok(superfluous) => {
                if let Some(file_name) = superfluous {
                    self.disk().remove(&path.with_file_name(file_name));
                }
                Ok(etag)
            }
            Err(error) => {
                if self.is_healthy() {
                    self.disk().remove(&path);
                }
                Err(error)
            }
        }
    }

    /// All chunks of the upload by index, those not yet put among them. Fails with
    /// [`StoreErrorKind::NotFound`] if the caller has no such upload.
    ///
    /// [`StoreErrorKind::NotFound`]: crate::StoreErrorKind::NotFound
    pub fn parts(
        &self,
        scope: &OwnerScope,
        id: &UploadId,
        page: PageRequest,
    ) -> Result<Page<PartRecord>, StoreError> {
        self.database().read(|connection| {
            let upload = self.existing_upload(connection, scope, id)?;
            let total = u64::from(upload.total_chunks);
            let before_last = total.min(page.offset() + u64::from(page.page_limit)) as u32;
            let first = total.min(page.offset()) as u32 + 1;
            let mut stored = stored_parts(connection, id, first, before_last)?.into_iter();
            let mut next = stored.next();
            let mut items = Vec::new();
            for index in first..=before_last {
                let part = next.take_if(|part| part.index == index);
                if part.is_some() {
                    next = stored.next();
                }
                items.push(part_record(&upload, index, part));
            }
            Ok(Page { items, total })
        })
    }

    /// The chunks of the upload by state. Fails with [`StoreErrorKind::NotFound`] if the caller
    /// has no such upload.
    ///
    /// [`StoreErrorKind::NotFound`]: crate::StoreErrorKind::NotFound
    pub fn part_counts(&self, scope: &OwnerScope, id: &UploadId) -> Result<PartCounts, StoreError> {
        self.database().read(|connection| {
            let upload = self.existing_upload(connection, scope, id)?;
            let (completed, uploaded_size) = reported(connection, id)?;
            Ok(if upload.is_lost() {
                PartCounts { failed: upload.total_chunks, ..PartCounts::default() }
            } else {
                let pending = upload.total_chunks - completed;
                PartCounts { completed, failed: 0, pending, uploaded_size }
            })
        })
    }
}

fn part_record(upload: &Upload, index: u32, part: Option<StoredPart>) -> PartRecord {
    let status = match &part {
        _ if upload.is_lost() => PartStatus::Failed,
        Some(part) if part.is_reported => PartStatus::Completed,
        _ => PartStatus::Pending,
    };
    let updated_at = part.as_ref().map_or(upload.created_at, |part| part.updated_at);
    PartRecord {
        index,
        status,
        size: upload.chunk_bytes(index),
        uploaded_at: part.map(|part| part.uploaded_at),
        updated_at: if upload.is_lost() { upload.updated_at } else { updated_at },
    }
}

pub(super) fn etag_of(sha256: &str) -> String {
    sha256[..ETAG_DIGITS].to_owned()
}

/// How many chunks are completed, and their bytes.
pub(super) fn reported(connection: &Connection, id: &UploadId) -> Result<(u32, u64), StoreError> {
    let mut statement = connection.prepare_cached(COUNT_REPORTED)?;
    Ok(statement.query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

pub(super) fn stored_part(
    connection: &Connection,
    id: &UploadId,
    index: u32,
) -> Result<Option<StoredPart>, StoreError> {
    Ok(connection.prepare_cached(SELECT)?.query_row((id, index), part).optional()?)
}

/// The chunks put so far with an index from `first` to `last`, by index.
pub(super) fn stored_parts(
    connection: &Connection,
    id: &UploadId,
    first: u32,
    last: u32,
) -> Result<Vec<StoredPart>, StoreError> {
    let mut statement = connection.prepare_cached(SELECT_RANGE)?;
    Ok(statement.query_map((id, first, last), part)?.collect::<Result<_, _>>()?)
}

fn part(row: &Row<'_>) -> rusqlite::Result<StoredPart> {
    Ok(StoredPart {
        index: row.get(0)?,
        file_name: row.get(1)?,
        size: row.get(2)?,
        sha256: row.get(3)?,
        is_reported: row.get(4)?,
        uploaded_at: row.get::<_, Micros>(5)?.0,
        updated_at: row.get::<_, Micros>(6)?.0,
    })
}
