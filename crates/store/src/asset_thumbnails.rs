//! Small pictures of assets, made once and kept until their asset goes.

use rusqlite::OptionalExtension;

use crate::error::StoreError;
use crate::ids::AssetId;
use crate::scope::OwnerScope;
use crate::store::Store;

const KEEP: &str = "INSERT INTO asset_thumbnails (asset_id, jpeg) \
     SELECT id, ?3 FROM assets WHERE id = ?1 AND account_id = ?2 \
     ON CONFLICT (asset_id) DO UPDATE SET jpeg = excluded.jpeg";
const SELECT: &str = "SELECT jpeg FROM asset_thumbnails JOIN assets ON assets.id = asset_id \
     WHERE asset_id = ?1 AND account_id = ?2";

impl Store {
    /// Keeps the small picture of an asset. False if there is no such asset, or it is not the
    /// caller's. It can be made again, so it survives the end of this process and, after the next
    /// durable write only, a power cut.
    pub fn keep_thumbnail(
        &self,
        scope: &OwnerScope,
        id: &AssetId,
        jpeg: &[u8],
    ) -> Result<bool, StoreError> {
        self.database().write_unsynced(|transaction| {
            let mut statement = transaction.prepare_cached(KEEP)?;
            Ok(statement.execute((id, scope.account(), jpeg))? == 1)
        })
    }

    /// The small picture of an asset, if one was kept and the asset is the caller's.
    pub fn kept_thumbnail(
        &self,
        scope: &OwnerScope,
        id: &AssetId,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        self.database().read(|connection| {
            let mut statement = connection.prepare_cached(SELECT)?;
            Ok(statement.query_row((id, scope.account()), |row| row.get(0)).optional()?)
        })
    }
}
