//! Durable state: accounts, keys, assets, uploads and tasks. The only crate that knows SQL.

mod assets;
mod error;
mod ids;
mod key_text;
mod keys;
mod page;
mod scope;
mod skeleton;
mod tasks;
mod uploads;

pub use assets::{Asset, AssetFilter, AssetMethod, MetadataChange, NewAsset};
pub use error::{StoreError, StoreErrorKind};
pub use ids::{AccountId, AssetId, TaskId, UploadId};
pub use key_text::{ApiKey, looks_like_a_key};
pub use keys::{KeyRecord, KeyRefusal, RevokeOutcome};
pub use page::{Page, PageRequest};
pub use scope::OwnerScope;
pub use skeleton::*;
pub use tasks::{ClaimedTask, NewTask, Task, TaskFilter, TaskStatus};
pub use uploads::{
    NewUpload, PartCounts, PartRecord, PartReport, PartStatus, ReportOutcome, Upload, UploadStatus,
};
