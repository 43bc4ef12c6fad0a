//! Part tokens: the right to put one chunk, for a client that sends no API key.
//!
//! A token is `UPLOAD.INDEX.EXPIRY.MAC`: the upload's id, the chunk index, Unix seconds, and the
//! hex HMAC-SHA256 of all that. The account and the size that the chunk must have follow from the
//! upload. The secret lies in the data directory, so tokens outlive a restart.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use time::OffsetDateTime;

use super::{Upload, UploadStatus};
use crate::error::StoreError;
use crate::ids::UploadId;
use crate::rows::Micros;
use crate::scope::OwnerScope;
use crate::store::{Serving, Store};

/// Says what the MAC is for, so that none made for another purpose can pass.
const PURPOSE: &[u8] = b"onespace upload part 1\n";
/// 24 digits, 10 of index, 20 of time, 64 of MAC, and the dots.
const TOKEN_CHARS_MAX: usize = 24 + 1 + 10 + 1 + 20 + 1 + 64;

const KEY_WORKS: &str = "SELECT EXISTS (SELECT 1 FROM keys WHERE id = ?1 \
     AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?2))";

/// The verified right to put one chunk.
#[derive(Clone, Debug)]
pub struct PartPass {
    upload: Upload,
    chunk_index: u32,
}

impl PartPass {
    /// On whose behalf.
    pub fn scope(&self) -> &OwnerScope {
        &self.upload.owner
    }

    /// The upload as it was when the token was verified.
    pub fn upload(&self) -> &Upload {
        &self.upload
    }

    /// Which chunk, from 1.
    pub fn chunk_index(&self) -> u32 {
        self.chunk_index
    }

    /// The bytes that the chunk must have, no more and no fewer.
    pub fn bytes_max(&self) -> u64 {
        self.upload.chunk_bytes(self.chunk_index)
    }
}

impl Store {
    /// A URL-safe token to put chunk `chunk_index` of `upload` until `expires_at` (whole seconds;
    /// never longer than the session or the key that started it).
    ///
    /// Fails with [`StoreErrorKind::NotFound`] if the upload is not the caller's and with
    /// [`StoreErrorKind::Invalid`] if it has no such chunk.
    ///
    /// [`StoreErrorKind::NotFound`]: crate::StoreErrorKind::NotFound
    /// [`StoreErrorKind::Invalid`]: crate::StoreErrorKind::Invalid
    pub fn sign_part(
        &self,
        scope: &OwnerScope,
        upload: &Upload,
        chunk_index: u32,
        expires_at: OffsetDateTime,
    ) -> Result<String, StoreError> {
        if scope.account() != upload.owner.account() {
            return Err(StoreError::not_found("upload"));
        }
        if !(1..=upload.total_chunks).contains(&chunk_index) {
            let total = upload.total_chunks;
            return Err(StoreError::invalid(format!("The upload has the chunks 1 to {total}.")));
        }
        let expiry = expires_at.min(upload.expires_at).unix_timestamp();
        let claims = format!("{}.{chunk_index}.{expiry}", upload.id);
        let mac = hex::encode(mac(self.serving()?, &claims).finalize().into_bytes());
        Ok(format!("{claims}.{mac}"))
    }

    /// What `token` allows; `None` if it is forged or expired, if the upload has ended, or if the
    /// key that started it no longer works. A forged token causes no database read.
    pub fn verify_part(&self, token: &str) -> Result<Option<PartPass>, StoreError> {
        let Some((id, chunk_index, expires_at)) = genuine_claims(self.serving()?, token) else {
            return Ok(None);
        };
        let now = self.now();
        if expires_at <= now.unix_timestamp() {
            return Ok(None);
        }
        self.database().read(|connection| {
            let upload = self.upload_of_anyone(connection, &id)?;
            let Some(upload) = upload.filter(|upload| upload.status == UploadStatus::Active) else {
                return Ok(None);
            };
            let key_works = connection
                .prepare_cached(KEY_WORKS)?
                .query_row((upload.owner.key_id(), Micros(now)), |row| row.get::<_, bool>(0))?;
            Ok(key_works.then_some(PartPass { upload, chunk_index }))
        })
    }
}

fn mac(serving: &Serving, claims: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&serving.part_secret)
        .expect("HMAC takes a key of any length");
    mac.update(PURPOSE);
    mac.update(claims.as_bytes());
    mac
}

fn genuine_claims(serving: &Serving, token: &str) -> Option<(UploadId, u32, i64)> {
    if token.len() > TOKEN_CHARS_MAX {
        return None;
    }
    let (claims, presented) = token.rsplit_once('.')?;
    mac(serving, claims).verify_slice(&hex::decode(presented).ok()?).ok()?;
    let mut fields = claims.split('.');
    let id = UploadId::parse(fields.next()?)?;
    let chunk_index = fields.next()?.parse().ok()?;
    let expires_at = fields.next()?.parse().ok()?;
    Some((id, chunk_index, expires_at))
}
