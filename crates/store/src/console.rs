//! People with an e-mail address and a password: the users of the console.
//!
//! A user owns one account of the store. What a signed-in browser does is done by a key of that
//! account that nobody knows the secret of, so that ownership, usage and logs work as for any key.

mod links;
mod members;
mod passwords;
mod proofs;
mod sessions;
mod users;

pub use links::{LinkPurpose, LinkRefusal};
pub use members::Member;
pub use passwords::PASSWORD_CHARS_MIN;
pub use proofs::ProvenUser;
pub use sessions::{SESSION_HOURS_MAX, SESSION_IDLE_MINUTES_MAX, Session};
pub use users::{NewUser, SignUpRefusal, User, fold_email};

pub(crate) use sessions::delete_ended_sessions;
pub(crate) use users::account_of_user;

use sha2::{Digest, Sha256};

use crate::key_text::random_secret;

/// A random text of 256 bits that opens something: a link, or a session. It can be revealed on
/// purpose but not printed, logged or serialised by accident; the store keeps only its SHA-256.
pub struct Secret(String);

impl Secret {
    pub(crate) fn generate() -> Self {
        Self(random_secret())
    }

    /// The text to hand to its owner, once.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    pub(crate) fn digest(&self) -> [u8; 32] {
        secret_digest(&self.0)
    }
}

/// What is stored of a secret. Plain SHA-256 is right for 256 random bits: there is nothing to
/// guess, so nothing to slow down.
pub(crate) fn secret_digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}
