use crate::*;
use std::path::Path;
use std::time::Duration;
use time::OffsetDateTime;
type R<T> = Result<T, StoreError>;
#[derive(Clone)]
pub struct Store;
pub enum Access { Serve, Administer }
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SweepReport { pub uploads_expired: u64, pub tasks_removed: u64, pub files_removed: u64 }
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StartReport { pub blobs_missing: u64, pub files_removed: u64 }
pub struct BlobWriter;
impl std::io::Write for BlobWriter {
    fn write(&mut self, _b: &[u8]) -> std::io::Result<usize> { unimplemented!() }
    fn flush(&mut self) -> std::io::Result<()> { unimplemented!() }
}
impl BlobWriter { pub fn finish(self) -> R<StagedBlob> { unimplemented!() } }
pub struct StagedBlob;
impl StagedBlob {
    pub fn len(&self) -> u64 { unimplemented!() }
    pub fn is_empty(&self) -> bool { unimplemented!() }
    pub fn sha256(&self) -> &str { unimplemented!() }
    pub fn read(&self) -> R<Vec<u8>> { unimplemented!() }
}
pub struct PartPass;
impl PartPass {
    pub fn scope(&self) -> &OwnerScope { unimplemented!() }
    pub fn upload(&self) -> &Upload { unimplemented!() }
    pub fn chunk_index(&self) -> u32 { unimplemented!() }
    pub fn bytes_max(&self) -> u64 { unimplemented!() }
}
impl Store {
    pub fn open(data_dir: &Path, access: Access) -> R<Store> { unimplemented!() }
    pub fn is_first_start(&self) -> bool { unimplemented!() }
    pub fn is_healthy(&self) -> bool { unimplemented!() }
    pub fn start_report(&self) -> StartReport { unimplemented!() }
    pub fn checkpoint(&self) -> R<()> { unimplemented!() }
    pub fn sweep(&self, now: OffsetDateTime) -> R<SweepReport> { unimplemented!() }
    pub fn ensure_account(&self, name: &str) -> R<AccountId> { unimplemented!() }
    pub fn create_key(&self, account: &AccountId, name: &str, expires_at: Option<OffsetDateTime>) -> R<(ApiKey, KeyRecord)> { unimplemented!() }
    pub fn list_keys(&self) -> R<Vec<KeyRecord>> { unimplemented!() }
    pub fn revoke_key(&self, id_or_prefix_or_name: &str) -> R<RevokeOutcome> { unimplemented!() }
    pub fn authenticate(&self, presented: &str) -> R<Result<OwnerScope, KeyRefusal>> { unimplemented!() }
    pub fn stage_blob(&self, bytes_max: u64) -> R<BlobWriter> { unimplemented!() }
    pub fn create_asset(&self, scope: &OwnerScope, new: NewAsset, blob: StagedBlob) -> R<Asset> { unimplemented!() }
    pub fn asset(&self, scope: &OwnerScope, id: &AssetId) -> R<Option<Asset>> { unimplemented!() }
    pub fn list_assets(&self, scope: &OwnerScope, filter: &AssetFilter, page: PageRequest) -> R<Page<Asset>> { unimplemented!() }
    pub fn delete_asset(&self, scope: &OwnerScope, id: &AssetId) -> R<bool> { unimplemented!() }
    pub fn read_asset(&self, scope: &OwnerScope, id: &AssetId) -> R<Option<(Asset, Vec<u8>)>> { unimplemented!() }
    pub fn change_user_metadata(&self, scope: &OwnerScope, id: &AssetId, change: MetadataChange) -> R<bool> { unimplemented!() }
    pub fn create_upload(&self, scope: &OwnerScope, new: NewUpload) -> R<Upload> { unimplemented!() }
    pub fn upload(&self, scope: &OwnerScope, id: &UploadId) -> R<Option<Upload>> { unimplemented!() }
    pub fn list_uploads(&self, scope: &OwnerScope, page: PageRequest) -> R<Page<Upload>> { unimplemented!() }
    pub fn sign_part(&self, scope: &OwnerScope, upload: &Upload, chunk_index: u32, expires_at: OffsetDateTime) -> R<String> { unimplemented!() }
    pub fn verify_part(&self, token: &str) -> R<Option<PartPass>> { unimplemented!() }
    pub fn put_part(&self, pass: &PartPass, blob: StagedBlob) -> R<String> { unimplemented!() }
    pub fn report_parts(&self, scope: &OwnerScope, id: &UploadId, reports: &[PartReport]) -> R<ReportOutcome> { unimplemented!() }
    pub fn parts(&self, scope: &OwnerScope, id: &UploadId, page: PageRequest) -> R<Page<PartRecord>> { unimplemented!() }
    pub fn part_counts(&self, scope: &OwnerScope, id: &UploadId) -> R<PartCounts> { unimplemented!() }
    pub fn assemble_upload(&self, scope: &OwnerScope, id: &UploadId) -> R<StagedBlob> { unimplemented!() }
    pub fn complete_upload(&self, scope: &OwnerScope, id: &UploadId, new: NewAsset, blob: StagedBlob) -> R<Asset> { unimplemented!() }
    pub fn fail_upload(&self, scope: &OwnerScope, id: &UploadId) -> R<()> { unimplemented!() }
    pub fn create_task(&self, scope: &OwnerScope, new: NewTask) -> R<Task> { unimplemented!() }
    pub fn task(&self, scope: &OwnerScope, id: &TaskId) -> R<Option<Task>> { unimplemented!() }
    pub fn list_tasks(&self, scope: &OwnerScope, filter: &TaskFilter, page: PageRequest) -> R<Page<Task>> { unimplemented!() }
    pub fn claim_task(&self, lease: Duration) -> R<Option<ClaimedTask>> { unimplemented!() }
    pub fn finish_task(&self, claimed: &ClaimedTask, outcome: Result<serde_json::Value, String>) -> R<()> { unimplemented!() }
}
