//! Upload sessions: starting, finding, failing them.

use rusqlite::{Connection, OptionalExtension, Row, named_params};
use time::OffsetDateTime;

use super::{NewUpload, Upload, UploadStatus};
use crate::accounts::require_open;
use crate::assets::without_empty_values;
use crate::error::StoreError;
use crate::ids::{AssetId, UploadId};
use crate::page::{Page, PageRequest, PagedList};
use crate::rows::{Json, Micros, to_stored_precision};
use crate::scope::OwnerScope;
use crate::store::Store;

macro_rules! columns {
    () => {
        "id, asset_id, filename, media_type, total_size, chunk_size, total_chunks, \
         user_metadata, status, created_at, updated_at, expires_at, account_id, key_id"
    };
}

const INSERT: &str = "INSERT INTO uploads (id, account_id, key_id, asset_id, filename, \
     media_type, total_size, chunk_size, total_chunks, user_metadata, status, created_at, \
     updated_at, expires_at) \
     VALUES (:id, :account, :key, :asset, :filename, :media_type, :total_size, :chunk_size, \
     :total_chunks, :user_metadata, :status, :created_at, :created_at, :expires_at)";
const SELECT: &str =
    concat!("SELECT ", columns!(), " FROM uploads WHERE id = ?1 AND account_id = ?2");
const SELECT_UNSCOPED: &str = concat!("SELECT ", columns!(), " FROM uploads WHERE id = ?1");
const INCOMPLETE: PagedList = PagedList {
    count: "SELECT count(*) FROM uploads WHERE account_id = :account AND status <> 'completed'",
    page: concat!(
        "SELECT ",
        columns!(),
        " FROM uploads WHERE account_id = :account AND status <> 'completed' \
         ORDER BY created_at DESC, sequence DESC LIMIT :limit OFFSET :offset"
    ),
};
const END: &str = "UPDATE uploads SET status = ?2, updated_at = ?3 \
                   WHERE id = ?1 AND status = 'active'";

impl Store {
    /// Starts an upload and reserves the id of its asset.
    ///
    /// Fails with [`StoreErrorKind::Invalid`] if a size is 0 or there would be more than
    /// `u32::MAX` chunks.
    ///
    /// [`StoreErrorKind::Invalid`]: crate::StoreErrorKind::Invalid
    pub fn create_upload(&self, scope: &OwnerScope, new: NewUpload) -> Result<Upload, StoreError> {
        self.serving()?;
        self.disk().check_room(0)?;
        if new.total_size == 0 || new.chunk_size == 0 {
            return Err(StoreError::invalid("An upload and its chunks have at least one byte."));
        }
        let total_chunks = u32::try_from(new.total_size.div_ceil(new.chunk_size))
            .map_err(|_| StoreError::invalid("The upload would have too many chunks."))?;
        self.database().write(|transaction| {
            require_open(transaction, scope.account())?;
            let now = self.now();
            let upload = Upload {
                id: UploadId::new(),
                asset_id: AssetId::new(),
                filename: new.filename,
                media_type: new.media_type,
                total_size: new.total_size,
                chunk_size: new.chunk_size,
                total_chunks,
                user_metadata: without_empty_values(new.user_metadata),
                status: UploadStatus::Active,
                created_at: now,
                updated_at: now,
                expires_at: to_stored_precision(new.expires_at),
                owner: scope.clone(),
            };
            transaction.prepare_cached(INSERT)?.execute(named_params! {
                ":id": upload.id,
                ":account": scope.account(),
                ":key": scope.key_id(),
                ":asset": upload.asset_id,
                ":filename": upload.filename,
                ":media_type": upload.media_type,
                ":total_size": upload.total_size,
                ":chunk_size": upload.chunk_size,
                ":total_chunks": total_chunks,
                ":user_metadata": Json(&upload.user_metadata),
                ":status": upload.status,
                ":created_at": Micros(now),
                ":expires_at": Micros(upload.expires_at),
            })?;
            Ok(upload)
        })
    }

    /// The upload, if it exists and is the caller's.
    pub fn upload(&self, scope: &OwnerScope, id: &UploadId) -> Result<Option<Upload>, StoreError> {
        self.database().read(|connection| self.select_upload(connection, scope, id))
    }

    /// The caller's uploads that have not become an asset, newest first.
    pub fn list_uploads(
        &self,
        scope: &OwnerScope,
        page: PageRequest,
    ) -> Result<Page<Upload>, StoreError> {
        let filter = named_params! { ":account": scope.account() };
        self.database().read(|connection| {
            let now = self.now();
            INCOMPLETE.read(connection, filter, page, |row| upload(row, now))
        })
    }

    /// Marks an active upload as failed and drops its chunks. Does nothing to one that has ended.
    /// Fails with [`StoreErrorKind::NotFound`] if there is none.
    ///
    /// [`StoreErrorKind::NotFound`]: crate::StoreErrorKind::NotFound
    pub fn fail_upload(&self, scope: &OwnerScope, id: &UploadId) -> Result<(), StoreError> {
        self.serving()?;
        let has_ended = self.database().write(|transaction| {
            self.existing_upload(transaction, scope, id)?;
            end_upload(transaction, id, UploadStatus::Failed, self.now())
        })?;
        if has_ended {
            self.remove_parts(scope, id);
        }
        Ok(())
    }

    pub(crate) fn select_upload(
        &self,
        connection: &Connection,
        scope: &OwnerScope,
        id: &UploadId,
    ) -> Result<Option<Upload>, StoreError> {
        let now = self.now();
        let mut statement = connection.prepare_cached(SELECT)?;
        Ok(statement.query_row((id, scope.account()), |row| upload(row, now)).optional()?)
    }

    /// The upload, or [`StoreErrorKind::NotFound`](crate::StoreErrorKind::NotFound).
    pub(crate) fn existing_upload(
        &self,
        connection: &Connection,
        scope: &OwnerScope,
        id: &UploadId,
    ) -> Result<Upload, StoreError> {
        let found = self.select_upload(connection, scope, id)?;
        found.ok_or_else(|| StoreError::not_found("upload"))
    }

    /// The upload of whichever account, for a verified token.
    pub(crate) fn upload_of_anyone(
        &self,
        connection: &Connection,
        id: &UploadId,
    ) -> Result<Option<Upload>, StoreError> {
        let now = self.now();
        let mut statement = connection.prepare_cached(SELECT_UNSCOPED)?;
        Ok(statement.query_row([id], |row| upload(row, now)).optional()?)
    }

    /// Removes the files of the chunks of an upload that has ended.
    pub(crate) fn remove_parts(&self, scope: &OwnerScope, id: &UploadId) {
        self.disk().remove_tree(&self.disk().parts_dir(scope.account()).join(id.as_str()));
    }
}

/// Ends an active upload; false if it had ended before.
pub(crate) fn end_upload(
    connection: &Connection,
    id: &UploadId,
    status: UploadStatus,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    Ok(connection.execute(END, (id, status, Micros(now)))? == 1)
}

fn upload(row: &Row<'_>, now: OffsetDateTime) -> rusqlite::Result<Upload> {
    let expires_at = row.get::<_, Micros>(11)?.0;
    let status = match row.get(8)? {
        UploadStatus::Active if expires_at <= now => UploadStatus::Expired,
        status => status,
    };
    Ok(Upload {
        id: row.get(0)?,
        asset_id: row.get(1)?,
        filename: row.get(2)?,
        media_type: row.get(3)?,
        total_size: row.get(4)?,
        chunk_size: row.get(5)?,
        total_chunks: row.get(6)?,
        user_metadata: row.get::<_, Json<_>>(7)?.0,
        status,
        created_at: row.get::<_, Micros>(9)?.0,
        updated_at: row.get::<_, Micros>(10)?.0,
        expires_at,
        owner: OwnerScope::new(row.get(12)?, row.get(13)?),
    })
}
