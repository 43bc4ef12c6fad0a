//! Vectors of assets: computed once for each vector space, kept, and searched exactly.
//!
//! A vector belongs to the space whose fingerprint it is kept with; another model's vectors are
//! never compared with it. It goes when its asset goes.

use rusqlite::OptionalExtension;

use crate::error::{StoreError, StoreErrorKind};
use crate::ids::AssetId;
use crate::rows::Json;
use crate::scope::OwnerScope;
use crate::store::Store;

/// Bytes of one value of a kept vector.
const VALUE_BYTES: usize = size_of::<f32>();

const WITHOUT: &str = "SELECT id FROM assets WHERE account_id = ?1 AND media_type = 'image' \
     AND NOT EXISTS (SELECT 1 FROM asset_vectors WHERE asset_id = assets.id AND space = ?2) \
     AND id NOT IN (SELECT value FROM json_each(?4)) \
     ORDER BY created_at DESC, sequence DESC LIMIT ?3";
const COUNT: &str = "SELECT count(*), count(vector), coalesce(sum(length(vector) = 0), 0), \
     coalesce(sum(vector IS NULL AND id IN (SELECT value FROM json_each(?3))), 0) \
     FROM assets LEFT JOIN asset_vectors ON asset_id = assets.id AND space = ?2 \
     WHERE account_id = ?1 AND media_type = 'image'";
const KEEP: &str = "INSERT INTO asset_vectors (asset_id, space, vector) \
     SELECT id, ?3, ?4 FROM assets WHERE id = ?1 AND account_id = ?2 \
     ON CONFLICT (asset_id, space) DO UPDATE SET vector = excluded.vector";
const SELECT: &str = "SELECT vector FROM asset_vectors JOIN assets ON assets.id = asset_id \
     WHERE asset_id = ?1 AND account_id = ?2 AND space = ?3 AND length(vector) > 0";
const SCAN: &str = "SELECT asset_id, vector FROM assets \
     JOIN asset_vectors ON asset_id = assets.id \
     WHERE account_id = ?1 AND space = ?2 AND length(vector) > 0";

const FORGET_UNUSABLE: &str = "DELETE FROM asset_vectors WHERE length(vector) = 0";

/// How far the vectors of an account's pictures are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VectorCoverage {
    /// Pictures of the account.
    pub pictures: u64,
    /// Of them, those with a vector in the space.
    pub embedded: u64,
    /// Of them, those that cannot be embedded.
    pub unusable: u64,
    /// Of them, those without a vector that were passed over.
    pub passed_over: u64,
}

/// An asset and how near it is.
#[derive(Clone, Debug, PartialEq)]
pub struct NearAsset {
    /// Which.
    pub id: AssetId,
    /// Cosine similarity, -1 to 1.
    pub score: f32,
}

impl Store {
    /// Up to `limit` pictures that have no vector in `space` yet, newest first, without those that
    /// are to be passed over.
    pub fn assets_without_vector(
        &self,
        scope: &OwnerScope,
        space: &str,
        passed_over: &[AssetId],
        limit: u32,
    ) -> Result<Vec<AssetId>, StoreError> {
        self.database().read(|connection| {
            let mut statement = connection.prepare_cached(WITHOUT)?;
            let parameters = (scope.account(), space, limit, json_of(passed_over));
            let rows = statement.query_map(parameters, |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// How many of the account's pictures have a vector in `space`, and how many of those without
    /// one are among `passed_over`.
    pub fn vector_coverage(
        &self,
        scope: &OwnerScope,
        space: &str,
        passed_over: &[AssetId],
    ) -> Result<VectorCoverage, StoreError> {
        self.database().read(|connection| {
            let mut statement = connection.prepare_cached(COUNT)?;
            let parameters = (scope.account(), space, json_of(passed_over));
            Ok(statement.query_row(parameters, |row| {
                let (known, unusable): (u64, u64) = (row.get(1)?, row.get(2)?);
                let (pictures, passed_over) = (row.get(0)?, row.get(3)?);
                Ok(VectorCoverage { pictures, embedded: known - unusable, unusable, passed_over })
            })?)
        })
    }

    /// Forgets which pictures cannot be embedded, so that each is tried once more: limits on
    /// pictures may have changed. To be called at the start.
    pub fn forget_unusable_pictures(&self) -> Result<(), StoreError> {
        self.database().write_to_free(|transaction| {
            transaction.execute(FORGET_UNUSABLE, [])?;
            Ok(())
        })
    }

    /// Keeps the unit vector of an asset in `space`; an empty one says that it cannot be
    /// embedded. False if there is no such asset, or it is not the caller's.
    pub fn keep_vector(
        &self,
        scope: &OwnerScope,
        id: &AssetId,
        space: &str,
        vector: &[f32],
    ) -> Result<bool, StoreError> {
        let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.database().write(|transaction| {
            let mut statement = transaction.prepare_cached(KEEP)?;
            Ok(statement.execute((id, scope.account(), space, bytes))? == 1)
        })
    }

    /// The kept vector of an asset, if there is one in `space` and the asset is the caller's.
    pub fn kept_vector(
        &self,
        scope: &OwnerScope,
        id: &AssetId,
        space: &str,
    ) -> Result<Option<Vec<f32>>, StoreError> {
        let bytes: Option<Vec<u8>> = self.database().read(|connection| {
            let mut statement = connection.prepare_cached(SELECT)?;
            let parameters = (id, scope.account(), space);
            Ok(statement.query_row(parameters, |row| row.get(0)).optional()?)
        })?;
        let Some(bytes) = bytes else { return Ok(None) };
        if !bytes.len().is_multiple_of(VALUE_BYTES) {
            return Err(StoreErrorKind::Corrupt.into());
        }
        Ok(Some(floats(&bytes).collect()))
    }

    /// The account's assets nearest to the unit vector `query`, nearest first: every kept vector
    /// of `space` is compared.
    ///
    /// Fails with [`StoreErrorKind::Invalid`] when `query` has not the length of that space's
    /// vectors.
    pub fn nearest_assets(
        &self,
        scope: &OwnerScope,
        space: &str,
        query: &[f32],
        count: usize,
    ) -> Result<Vec<NearAsset>, StoreError> {
        self.database().read(|connection| {
            let mut statement = connection.prepare_cached(SCAN)?;
            let mut rows = statement.query((scope.account(), space))?;
            let mut nearest: Vec<NearAsset> = Vec::with_capacity(count + 1);
            while let Some(row) = rows.next()? {
                let bytes = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
                let score = dot(query, bytes)?;
                if nearest.len() == count && nearest.last().is_none_or(|last| score <= last.score) {
                    continue;
                }
                let at = nearest.partition_point(|other| other.score >= score);
                nearest.insert(at, NearAsset { id: row.get(0)?, score });
                nearest.truncate(count);
            }
            Ok(nearest)
        })
    }
}

fn dot(query: &[f32], bytes: &[u8]) -> Result<f32, StoreError> {
    if bytes.len() != query.len() * VALUE_BYTES {
        let values = bytes.len() / VALUE_BYTES;
        return Err(StoreError::invalid(format!("`vector` must have {values} values.")));
    }
    Ok(query.iter().zip(floats(bytes)).map(|(a, b)| a * b).sum())
}

/// The values that [`Store::keep_vector`] wrote.
fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> {
    let (values, _) = bytes.as_chunks::<VALUE_BYTES>();
    values.iter().map(|bytes| f32::from_le_bytes(*bytes))
}

fn json_of(ids: &[AssetId]) -> Json<Vec<&str>> {
    Json(ids.iter().map(AssetId::as_str).collect())
}
