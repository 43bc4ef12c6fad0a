//! A client's reports of the chunks that it has put.

use std::collections::BTreeSet;

use super::parts::{TOUCH, etag_of, reported, stored_part};
use super::{PartReport, ReportOutcome, UploadStatus};
use crate::error::StoreError;
use crate::ids::UploadId;
use crate::rows::Micros;
use crate::scope::OwnerScope;
use crate::store::Store;

const REPORT: &str = "UPDATE upload_parts SET is_reported = 1, updated_at = ?3 \
     WHERE upload_id = ?1 AND chunk_index = ?2";

impl Store {
    /// Marks chunks as completed, all or (if anything is wrong) none of them. Fails with
    /// [`StoreErrorKind::NotFound`] if the caller has no such upload.
    ///
    /// [`StoreErrorKind::NotFound`]: crate::StoreErrorKind::NotFound
    pub fn report_parts(
        &self,
        scope: &OwnerScope,
        id: &UploadId,
        reports: &[PartReport],
    ) -> Result<ReportOutcome, StoreError> {
        self.database().write(|transaction| {
            let upload = self.existing_upload(transaction, scope, id)?;
            if matches!(upload.status, UploadStatus::Failed | UploadStatus::Expired) {
                return Ok(ReportOutcome::NotActive);
            }
            let mut fresh = BTreeSet::new();
            for report in reports {
                let index = report.chunk_index;
                let Some(part) = stored_part(transaction, id, index)? else {
                    return Ok(ReportOutcome::UnknownPart(index));
                };
                if unquoted(&report.proof) != etag_of(&part.sha256) {
                    return Ok(ReportOutcome::WrongProof(index));
                }
                if !part.is_reported {
                    fresh.insert(index);
                }
            }
            let now = Micros(self.now());
            for index in &fresh {
                transaction.prepare_cached(REPORT)?.execute((id, index, now))?;
            }
            if !fresh.is_empty() {
                transaction.execute(TOUCH, (id, now))?;
            }
            let (total_completed, _) = reported(transaction, id)?;
            Ok(ReportOutcome::Accepted {
                processed: fresh.len() as u32,
                duplicates: (reports.len() - fresh.len()) as u32,
                total_completed,
            })
        })
    }
}

/// An ETag without the quotes, and without the mark of a weak one, that it may travel with.
fn unquoted(proof: &str) -> &str {
    let proof = proof.trim();
    proof.strip_prefix("W/").unwrap_or(proof).trim_matches('"')
}
