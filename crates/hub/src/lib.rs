//! From a model's name to a verified folder: a client of the Hugging Face hub that only downloads.
//!
//! [`HubClient::pull`] is the whole of it. It resolves the revision to a commit, asks for the list
//! of files with their digests, picks those that a model consists of ([`selection`]), and fetches
//! them one after the other into a folder beside the models, each checked against the digest that
//! the hub stated. Only when all are there and synced is the folder renamed to its place: a model
//! is whole or absent, whenever the program is killed. What arrived stays, and the next pull goes
//! on behind the last byte.
//!
//! Nothing in this crate runs by itself: a server never downloads. The hub is the operator's choice
//! (an endpoint, `https` unless they say otherwise), so the rules for clients' URLs do not apply
//! here; what the hub sends is bounded and checked all the same.
//!
//! The official crate (`hf-hub` 1.0) was weighed: it neither checks the digest of what it downloads
//! nor goes on with a file after a restart, and brings 75 crates. On the `reqwest` of this
//! workspace, which shares the server's `hyper` and `rustls`, the part that is needed is small.
//!
//! Wire format: the hub's own client, `huggingface_hub` 2.4 (`hf_api.py`, `file_download.py`,
//! `utils/_http.py`).

mod client;
mod digest;
mod disk;
mod download;
mod error;
pub mod known;
pub mod licence;
mod listing;
pub mod models_dir;
mod name;
mod pull;
mod record;
pub mod selection;
mod tls;

pub use client::{HubClient, HubSettings};
pub use digest::{DigestMismatch, ExpectedDigest, sha256_of_file};
pub use disk::open_ordinary;
pub use error::HubError;
pub use listing::{HubFile, Listing};
pub use models_dir::ModelsDir;
pub use name::{ModelReference, NameError, RepositoryName};
pub use pull::{PullEvent, PullOutcome, Pulled};
pub use record::{RECORD_FILE, RecordedFile, SourceRecord};
