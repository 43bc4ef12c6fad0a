//! API keys.

use time::OffsetDateTime;

/// A stored key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// The public id, 8 characters.
    pub id: String,
    /// The name of the owning account.
    pub account: String,
    /// The name given at creation, 1 to 64 characters.
    pub name: String,
    /// `osk_` and the id: the start of the key's text.
    pub prefix: String,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it stops working; `None` for never.
    pub expires_at: Option<OffsetDateTime>,
    /// When it was revoked.
    pub revoked_at: Option<OffsetDateTime>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<OffsetDateTime>,
}

/// What came of a request to revoke a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevokeOutcome {
    /// The key has stopped working.
    Revoked(KeyRecord),
    /// No key has this id, prefix or name.
    NotFound,
    /// So many working keys have this name; nothing was revoked.
    Ambiguous(usize),
    /// The key was revoked before.
    AlreadyRevoked,
}

/// Why a presented key was refused. Tell callers one and the same thing for all of them except
/// where the key itself was proven ([`KeyRefusal::Expired`], [`KeyRefusal::Revoked`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRefusal {
    /// Not of the shape of a key, or the checksum is wrong. No database was read.
    Malformed,
    /// No such key, or the secret is wrong.
    Unknown,
    /// The key was right but its time is over.
    Expired,
    /// The key was right but has been revoked.
    Revoked,
}
