//! Assets in the database and on disk.
//!
//! The row is the only commit point: a blob is durable in its place before its row exists, and the
//! row is gone before its blob is removed. A crash in between leaves a file without a row, which
//! the next start removes.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, named_params};

use super::matching::{fold_case, media_type};
use super::metadata::without_empty_values;
use super::{Asset, AssetFilter, MetadataChange, NewAsset};
use crate::accounts::require_open;
use crate::blobs::StagedBlob;
use crate::error::{StoreError, StoreErrorKind};
use crate::ids::AssetId;
use crate::page::{Page, PageRequest, PagedList};
use crate::rows::{Json, Micros};
use crate::scope::OwnerScope;
use crate::store::Store;

macro_rules! columns {
    () => {
        "id, method, filename, file_type, size, sha256, created_at, user_metadata, \
         technical_metadata"
    };
}

macro_rules! filtered {
    () => {
        "FROM assets WHERE account_id = :account \
         AND (:ids IS NULL OR id IN (SELECT value FROM json_each(:ids))) \
         AND (:types IS NULL OR media_type IN (SELECT value FROM json_each(:types))) \
         AND (:filename IS NULL OR instr(filename_folded, :filename) > 0)"
    };
}

const INSERT: &str = "INSERT INTO assets (id, account_id, key_id, method, filename, \
     filename_folded, file_type, media_type, size, sha256, created_at, user_metadata, \
     technical_metadata) \
     VALUES (:id, :account, :key, :method, :filename, :folded, :file_type, :media_type, :size, \
     :sha256, :created_at, :user_metadata, :technical_metadata)";
const EXISTS: &str = "SELECT EXISTS (SELECT 1 FROM assets WHERE id = ?1)";
const SELECT: &str =
    concat!("SELECT ", columns!(), " FROM assets WHERE id = ?1 AND account_id = ?2");
const LIST: PagedList = PagedList {
    count: concat!("SELECT count(*) ", filtered!()),
    page: concat!(
        "SELECT ",
        columns!(),
        " ",
        filtered!(),
        " ORDER BY created_at DESC, sequence DESC LIMIT :limit OFFSET :offset"
    ),
};
const DELETE: &str = "DELETE FROM assets WHERE id = ?1 AND account_id = ?2";
const SET_METADATA: &str = "UPDATE assets SET user_metadata = ?3 WHERE id = ?1 AND account_id = ?2";

impl Store {
    /// Stores `blob` as an asset. When this returns, the asset survives a power cut.
    ///
    /// Fails with [`StoreErrorKind::Conflict`] if [`NewAsset::id`] is taken, and with
    /// [`StoreErrorKind::Closed`] if the account was closed meanwhile.
    pub fn create_asset(
        &self,
        scope: &OwnerScope,
        new: NewAsset,
        blob: StagedBlob,
    ) -> Result<Asset, StoreError> {
        self.create_asset_and(scope, new, blob, |_| Ok(()))
    }

    /// As [`Self::create_asset`], with more to do in the transaction of the row.
    pub(crate) fn create_asset_and(
        &self,
        scope: &OwnerScope,
        new: NewAsset,
        blob: StagedBlob,
        also: impl FnOnce(&Transaction<'_>) -> Result<(), StoreError>,
    ) -> Result<Asset, StoreError> {
        self.serving()?;
        self.check_health()?;
        let id = new.id.clone().unwrap_or_else(AssetId::new);
        let _claim = self.claim_asset(&id);
        if self.database().read(|c| Ok(c.query_row(EXISTS, [&id], |row| row.get(0))?))? {
            return Err(StoreError::conflict("An asset with this id exists already."));
        }
        let (size, sha256) = (blob.len(), blob.sha256().to_owned());
        let path = self.disk().asset_path(scope.account(), &id);
        blob.place(&path)?;
        let committed = self.database().write(|transaction| {
            // Taken under the write lock, so that the order of times is the order of commits.
            let asset = Asset {
                id: id.clone(),
                method: new.method,
                filename: new.filename,
                file_type: new.file_type,
                size,
                sha256,
                created_at: self.now(),
                user_metadata: without_empty_values(new.user_metadata),
                technical_metadata: new.technical_metadata,
            };
            require_open(transaction, scope.account())?;
            insert(transaction, scope, &asset)?;
            also(transaction)?;
            Ok(asset)
        });
        // After a failed fsync the row may yet come back at the next start, and needs its blob.
        if committed.is_err() && self.is_healthy() {
            self.disk().remove(&path);
        }
        committed
    }

    /// The asset, if it exists and is the caller's.
    pub fn asset(&self, scope: &OwnerScope, id: &AssetId) -> Result<Option<Asset>, StoreError> {
        self.database().read(|connection| select(connection, scope, id))
    }

    /// The caller's assets, newest first.
    pub fn list_assets(
        &self,
        scope: &OwnerScope,
        filter: &AssetFilter,
        page: PageRequest,
    ) -> Result<Page<Asset>, StoreError> {
        let any_of = |wanted: &Vec<String>| (!wanted.is_empty()).then(|| Json(wanted.clone()));
        let (ids, types) = (any_of(&filter.ids), any_of(&filter.types));
        let filename = filter.filename.as_deref().map(fold_case);
        let filter = named_params! {
            ":account": scope.account(), ":ids": ids, ":types": types, ":filename": filename,
        };
        self.database().read(|connection| LIST.read(connection, filter, page, asset))
    }

    /// Deletes the asset. False if there is none, or it is not the caller's.
    pub fn delete_asset(&self, scope: &OwnerScope, id: &AssetId) -> Result<bool, StoreError> {
        self.serving()?;
        let _claim = self.claim_asset(id);
        let deleted = self
            .database()
            .write_to_free(|t| Ok(t.execute(DELETE, (id, scope.account()))? == 1))?;
        if deleted {
            self.disk().remove(&self.disk().asset_path(scope.account(), id));
        }
        Ok(deleted)
    }

    /// The asset with its bytes. Fails with [`StoreErrorKind::Corrupt`] if they are missing or
    /// not those that were stored.
    pub fn read_asset(
        &self,
        scope: &OwnerScope,
        id: &AssetId,
    ) -> Result<Option<(Asset, Vec<u8>)>, StoreError> {
        let Some(asset) = self.asset(scope, id)? else { return Ok(None) };
        let path = self.disk().asset_path(scope.account(), id);
        let read = self.disk().read_verified(&path, asset.size, &asset.sha256).inspect_err(
            |error| tracing::error!(asset = %id, ?error, "an asset could not be read back"),
        )?;
        match read {
            Some(bytes) => Ok(Some((asset, bytes))),
            // Deleted since its row was read?
            None if self.asset(scope, id)?.is_none() => Ok(None),
            None => {
                tracing::error!(asset = %id, "the file of an asset is missing");
                Err(StoreError::from(StoreErrorKind::Corrupt).in_dir(self.disk().root()))
            }
        }
    }

    /// Changes the user metadata of the asset. False if there is none, or it is not the caller's.
    pub fn change_user_metadata(
        &self,
        scope: &OwnerScope,
        id: &AssetId,
        change: MetadataChange,
    ) -> Result<bool, StoreError> {
        self.database().write(|transaction| {
            let Some(asset) = select(transaction, scope, id)? else { return Ok(false) };
            let changed = change.apply(asset.user_metadata);
            super::check_user_metadata_size(&changed)?;
            transaction.execute(SET_METADATA, (id, scope.account(), Json(changed)))?;
            Ok(true)
        })
    }
}

fn insert(
    transaction: &Transaction<'_>,
    scope: &OwnerScope,
    asset: &Asset,
) -> Result<(), StoreError> {
    transaction.prepare_cached(INSERT)?.execute(named_params! {
        ":id": asset.id,
        ":account": scope.account(),
        ":key": scope.key_id(),
        ":method": asset.method,
        ":filename": asset.filename,
        ":folded": fold_case(&asset.filename),
        ":file_type": asset.file_type,
        ":media_type": media_type(&asset.file_type),
        ":size": asset.size,
        ":sha256": asset.sha256,
        ":created_at": Micros(asset.created_at),
        ":user_metadata": Json(&asset.user_metadata),
        ":technical_metadata": Json(&asset.technical_metadata),
    })?;
    Ok(())
}

fn select(
    connection: &Connection,
    scope: &OwnerScope,
    id: &AssetId,
) -> Result<Option<Asset>, StoreError> {
    let mut statement = connection.prepare_cached(SELECT)?;
    Ok(statement.query_row((id, scope.account()), asset).optional()?)
}

fn asset(row: &Row<'_>) -> rusqlite::Result<Asset> {
    Ok(Asset {
        id: row.get(0)?,
        method: row.get(1)?,
        filename: row.get(2)?,
        file_type: row.get(3)?,
        size: row.get(4)?,
        sha256: row.get(5)?,
        created_at: row.get::<_, Micros>(6)?.0,
        user_metadata: row.get::<_, Json<_>>(7)?.0,
        technical_metadata: row.get::<_, Json<_>>(8)?.0,
    })
}
