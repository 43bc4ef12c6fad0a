//! Durable state: accounts, keys, console users, assets, uploads, tasks and usage. The only crate that knows SQL.
//!
//! [`Store`] is a data directory: an SQLite database and plain files beside it. What a method has
//! acknowledged survives a crash and a power cut: bytes are made durable under their final name
//! first, and the row that makes them visible is committed second. Every method on owned data
//! takes an [`OwnerScope`]; another account's object behaves as one that never existed.

mod accounts;
mod asset_thumbnails;
mod asset_vectors;
mod assets;
mod blobs;
mod claims;
mod clock;
mod console;
mod database;
mod disk;
mod error;
mod faults;
mod health;
mod ids;
mod key_text;
mod keys;
mod migrations;
mod own_keys;
mod page;
mod printable;
mod readers;
mod recovery;
mod rows;
mod scope;
mod store;
mod sweep;
mod tasks;
#[cfg(test)]
mod tests;
mod uploads;
mod usage;

pub use asset_vectors::{NearAsset, VectorCoverage};
pub use assets::{
    Asset, AssetFilter, AssetMethod, MetadataChange, NewAsset, USER_METADATA_BYTES_MAX,
};
pub use blobs::{BlobWriter, StagedBlob};
pub use console::{
    LinkPurpose, LinkRefusal, Member, NewUser, PASSWORD_CHARS_MIN, ProvenUser, SESSION_HOURS_MAX,
    SESSION_IDLE_MINUTES_MAX, Secret, Session, SignUpRefusal, User, fold_email,
};
pub use error::{StoreError, StoreErrorKind};
pub use ids::{AccountId, AssetId, TaskId, UploadId, UserId};
pub use key_text::{ApiKey, looks_like_a_key};
pub use keys::{KeyRecord, KeyRefusal, RevokeOutcome};
pub use page::{Page, PageRequest};
pub use printable::is_shown;
pub use recovery::StartReport;
pub use scope::OwnerScope;
pub use store::{Access, Store};
pub use sweep::SweepReport;
pub use tasks::{ClaimedTask, NewTask, Task, TaskFilter, TaskStatus};
pub use uploads::{
    NewUpload, PartCounts, PartPass, PartRecord, PartReport, PartStatus, ReportOutcome, Upload,
    UploadStatus,
};
pub use usage::{UsageBatch, UsageCounts, UsageRow};
