//! Why a model could not be pulled, each with what to do.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use crate::name::RepositoryName;

/// A pull that did not succeed. What arrived is kept, unless it was wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// The endpoint is no URL, or one that a token must not be sent to.
    #[error("the hub's address {endpoint:?} cannot be used: {reason}")]
    Endpoint {
        /// What was given.
        endpoint: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// No connection, or no name.
    #[error(
        "{host} cannot be reached. Check the network and HTTPS_PROXY; without a network, pull the \
         model elsewhere and copy its folder"
    )]
    Unreachable {
        /// Who was called.
        host: String,
        /// What the network said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The repository is not there, or not for everyone.
    #[error(
        "{repository} was not found on {host}: check its name. A private or gated one is only shown \
         with a token in HF_TOKEN"
    )]
    NoSuchModel {
        /// What was asked for.
        repository: RepositoryName,
        /// Who was asked.
        host: String,
    },
    /// The branch, tag or commit is not there.
    #[error("{repository} has no revision {revision}: name a branch, a tag or a commit of it")]
    NoSuchRevision {
        /// What was asked for.
        repository: RepositoryName,
        /// Of it, this.
        revision: String,
    },
    /// Its terms must be accepted first.
    #[error(
        "{repository} is gated: accept its terms at {page}, make a token that may read it, and set \
         HF_TOKEN"
    )]
    Gated {
        /// What was asked for.
        repository: RepositoryName,
        /// Where its terms stand.
        page: String,
    },
    /// The token is not accepted.
    #[error("{host} does not accept the token in HF_TOKEN: make a new one, or unset it")]
    TokenRefused {
        /// Who was asked.
        host: String,
    },
    /// The hub does not want to answer now.
    #[error("{host} answered {status} too often: wait, then run the same command again")]
    Busy {
        /// Who was asked.
        host: String,
        /// The status of the last answer.
        status: u16,
    },
    /// An answer that a hub does not give.
    #[error("{host} does not answer as a hub does ({what}): check HF_ENDPOINT and proxies")]
    NotAHub {
        /// Who was asked.
        host: String,
        /// What is wrong with the answer.
        what: String,
    },
    /// The repository holds no model that this program could load.
    #[error("{repository} {what}")]
    NotAModel {
        /// What was asked for.
        repository: RepositoryName,
        /// What is missing.
        what: String,
    },
    /// More than the operator allows.
    #[error(
        "{repository} would download {bytes} bytes, more than {bytes_max}; raise --bytes-max if \
         that is meant"
    )]
    TooLarge {
        /// What was asked for.
        repository: RepositoryName,
        /// Its size.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// Not enough room.
    #[error(
        "{} has {free_bytes} bytes free, {needed_bytes} are needed: make room, or choose another \
         disk with --models-dir", folder.display()
    )]
    NoRoom {
        /// Where it was to go.
        folder: PathBuf,
        /// What is free.
        free_bytes: u64,
        /// What is needed.
        needed_bytes: u64,
    },
    /// The disk filled up meanwhile.
    #[error(
        "the disk of {} is full: make room and run the same command again; what arrived is kept",
        path.display()
    )]
    DiskFull {
        /// What was being written.
        path: PathBuf,
    },
    /// A file could not be read or written.
    #[error("{} cannot be {action}: check the folder's owner and rights", path.display())]
    Storage {
        /// Which.
        path: PathBuf,
        /// What was being done to it.
        action: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The connection broke too often.
    #[error(
        "{file} stopped at {received} of {bytes} bytes: run the same command again, it goes on from \
         there"
    )]
    Interrupted {
        /// Which file.
        file: String,
        /// What is there.
        received: u64,
        /// What there should be.
        bytes: u64,
        /// The last fault.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// What arrived is not what the hub said. It is removed.
    #[error(
        "{file} is not what the hub announced (digest {found}, announced {expected}); it was \
         removed. Run the same command again; if it happens again, something on the way changes files"
    )]
    WrongDigest {
        /// Which file.
        file: String,
        /// What the hub announced.
        expected: String,
        /// What arrived.
        found: String,
    },
    /// A folder stands there that did not come from a pull.
    #[error(
        "{} is in the way: it was not pulled, so it is not replaced; move it elsewhere, or serve it \
         as it is", folder.display()
    )]
    Occupied {
        /// Where the model was to go.
        folder: PathBuf,
    },
    /// Someone else is at it.
    #[error("another process is pulling {repository}: let it finish, then run this again")]
    AlreadyPulling {
        /// What was asked for.
        repository: RepositoryName,
    },
}

impl HubError {
    /// For what the file system refuses.
    pub(crate) fn storage(path: &Path, action: &'static str, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            _ => Self::Storage { path, action, source },
        }
    }
}
