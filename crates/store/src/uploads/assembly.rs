//! From chunks to an asset.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::parts::{StoredPart, stored_parts};
use super::sessions::end_upload;
use super::{Upload, UploadStatus};
use crate::assets::{Asset, NewAsset};
use crate::blobs::{BlobWriter, StagedBlob};
use crate::error::{StoreError, StoreErrorKind};
use crate::faults;
use crate::ids::UploadId;
use crate::scope::OwnerScope;
use crate::store::Store;

const COPY_BYTES: usize = 256 * 1024;

impl Store {
    /// The whole file, from chunks that must all be completed. It changes nothing: hand the blob
    /// to [`complete_upload`](Self::complete_upload) if it is as it should be.
    ///
    /// Fails with [`StoreErrorKind::NotFound`] if the caller has no such upload, with
    /// [`StoreErrorKind::Conflict`] if it has ended or a chunk is missing, and with
    /// [`StoreErrorKind::Corrupt`] if a stored chunk is damaged.
    pub fn assemble_upload(
        &self,
        scope: &OwnerScope,
        id: &UploadId,
    ) -> Result<StagedBlob, StoreError> {
        let (upload, parts) = self.database().read(|connection| {
            let upload = self.existing_upload(connection, scope, id)?;
            let parts = stored_parts(connection, id, 1, upload.total_chunks)?;
            Ok((upload, parts))
        })?;
        check_completeness(&upload, &parts)?;
        let mut whole = self.stage_blob(upload.total_size)?;
        for part in &parts {
            let path = self.disk().part_path(scope.account(), id, &part.file_name);
            self.append_part(&mut whole, part, &path)?;
        }
        whole.finish()
    }

    /// Stores the assembled file as the upload's reserved asset and ends the upload, both or
    /// neither. [`NewAsset::id`] is ignored. Once completed, gives the same asset again.
    ///
    /// Fails with [`StoreErrorKind::NotFound`] if the caller has no such upload and with
    /// [`StoreErrorKind::Conflict`] if it has failed or expired or its asset has been deleted.
    pub fn complete_upload(
        &self,
        scope: &OwnerScope,
        id: &UploadId,
        new: NewAsset,
        blob: StagedBlob,
    ) -> Result<Asset, StoreError> {
        let upload = self.database().read(|c| self.existing_upload(c, scope, id))?;
        if upload.status == UploadStatus::Completed {
            return self.completed_asset(scope, &upload);
        }
        let new = NewAsset { id: Some(upload.asset_id.clone()), ..new };
        let created = self.create_asset_and(scope, new, blob, |transaction| {
            let upload = self.existing_upload(transaction, scope, id)?;
            if upload.status != UploadStatus::Active {
                return Err(StoreError::conflict("The upload has failed or expired."));
            }
            end_upload(transaction, id, UploadStatus::Completed, self.now())?;
            Ok(())
        });
        match created {
            Ok(asset) => {
                self.remove_parts(scope, id);
                Ok(asset)
            }
            // Another request may have completed it in the meantime.
            Err(error) if error.kind() == StoreErrorKind::Conflict => {
                match self.upload(scope, id)? {
                    Some(upload) if upload.status == UploadStatus::Completed => {
                        self.completed_asset(scope, &upload)
                    }
                    _ => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    fn completed_asset(&self, scope: &OwnerScope, upload: &Upload) -> Result<Asset, StoreError> {
        self.asset(scope, &upload.asset_id)?
            .ok_or_else(|| StoreError::conflict("The asset of this upload has been deleted."))
    }

    fn append_part(
        &self,
        whole: &mut BlobWriter,
        part: &StoredPart,
        path: &Path,
    ) -> Result<(), StoreError> {
        let disk = self.disk();
        let damaged = |reason: &str| {
            tracing::error!(path = %path.display(), reason, "a chunk of an upload is damaged");
            StoreError::from(StoreErrorKind::Corrupt).in_dir(disk.root())
        };
        let mut file = match faults::point("open part").and_then(|()| File::open(path)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(damaged("missing"));
            }
            other => other.map_err(|e| disk.error(e))?,
        };
        let mut hash = Sha256::new();
        let mut left = part.size;
        let mut buffer = vec![0; COPY_BYTES];
        while left > 0 {
            let wanted = usize::try_from(left).map_or(COPY_BYTES, |left| left.min(COPY_BYTES));
            let count = faults::point("read part")
                .and_then(|()| file.read(&mut buffer[..wanted]))
                .map_err(|e| disk.error(e))?;
            if count == 0 {
                return Err(damaged("too short"));
            }
            hash.update(&buffer[..count]);
            whole.write_all(&buffer[..count])?;
            left -= count as u64;
        }
        if hex::encode(hash.finalize()) != part.sha256 {
            return Err(damaged("wrong checksum"));
        }
        Ok(())
    }
}

fn check_completeness(upload: &Upload, parts: &[StoredPart]) -> Result<(), StoreError> {
    if upload.status != UploadStatus::Active {
        return Err(StoreError::conflict("The upload has ended."));
    }
    let completed = parts.iter().filter(|part| part.is_reported).count();
    if completed != upload.total_chunks as usize {
        return Err(StoreError::conflict(format!(
            "Only {completed} of the {} chunks of the upload are completed.",
            upload.total_chunks
        )));
    }
    Ok(())
}
