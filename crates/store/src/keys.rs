//! API keys: making, listing, revoking them, and telling whose key a request carries.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row};
use subtle::ConstantTimeEq;
use time::{OffsetDateTime, UtcOffset};

use crate::accounts::{KEY_NAME_CHARS_MAX, check_name, require_open};
use crate::error::StoreError;
use crate::ids::AccountId;
use crate::key_text::{ApiKey, key_digest, key_id, key_id_named_by, key_prefix, looks_like_a_key};
use crate::rows::Micros;
use crate::scope::OwnerScope;
use crate::store::Store;

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

macro_rules! select_records {
    ($condition:literal) => {
        concat!(
            "SELECT keys.id, accounts.name, keys.name, keys.created_at, keys.expires_at, \
             keys.revoked_at, keys.last_used_at \
             FROM keys JOIN accounts ON accounts.id = keys.account_id \
             WHERE keys.is_console = 0 ",
            $condition,
            " ORDER BY keys.created_at, keys.id"
        )
    };
}

pub(crate) use select_records;

const SELECT_ALL: &str = select_records!("");
const SELECT_BY_ID: &str = select_records!("AND keys.id = ?1");
const SELECT_BY_NAME: &str = select_records!("AND keys.name = ?1");
const SELECT_SECRET: &str = "SELECT account_id, digest, expires_at, revoked_at, last_used_at \
                             FROM keys WHERE id = ?1";
const INSERT: &str = "INSERT INTO keys (id, account_id, name, digest, created_at, expires_at) \
                      VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const REVOKE: &str = "UPDATE keys SET revoked_at = ?2 WHERE id = ?1";
const NOTE_USE: &str = "UPDATE keys SET last_used_at = ?2 \
                        WHERE id = ?1 AND coalesce(last_used_at, 0) < ?2";

/// The least time between two notes of a key's use.
const NOTE_USE_EVERY: Duration = Duration::from_secs(60);

impl Store {
    /// Makes a key for `account`. The returned text is nowhere else: only its SHA-256 is stored.
    ///
    /// `name` has 1 to 64 characters; `expires_at` must lie in the future, in the year 9999 (UTC)
    /// at the latest. Fails with [`StoreErrorKind::NotFound`] for an unknown account and with
    /// [`StoreErrorKind::Closed`] for one that was closed.
    ///
    /// [`StoreErrorKind::NotFound`]: crate::StoreErrorKind::NotFound
    /// [`StoreErrorKind::Closed`]: crate::StoreErrorKind::Closed
    pub fn create_key(
        &self,
        account: &AccountId,
        name: &str,
        expires_at: Option<OffsetDateTime>,
    ) -> Result<(ApiKey, KeyRecord), StoreError> {
        check_name("key name", name, KEY_NAME_CHARS_MAX)?;
        let now = self.now();
        // Such a time has a name with an offset only, and could not be read back.
        if expires_at.is_some_and(|time| time.checked_to_offset(UtcOffset::UTC).is_none()) {
            return Err(StoreError::invalid("The expiry of a key must lie before the year 10000."));
        }
        if expires_at.is_some_and(|expires_at| expires_at <= now) {
            return Err(StoreError::invalid("The expiry of a key must lie in the future."));
        }
        let key = ApiKey::generate();
        let digest = key_digest(key.reveal());
        let record = self.database().write(|transaction| {
            require_open(transaction, account)?;
            let expires_at = expires_at.map(Micros);
            transaction
                .execute(INSERT, (key.id(), account, name, digest, Micros(now), expires_at))?;
            Ok(transaction.query_row(SELECT_BY_ID, [key.id()], record)?)
        })?;
        Ok((key, record))
    }

    /// All keys of all accounts, oldest first; those by which browsers act are left out.
    pub fn list_keys(&self) -> Result<Vec<KeyRecord>, StoreError> {
        self.database().read(|connection| {
            let mut statement = connection.prepare_cached(SELECT_ALL)?;
            Ok(statement.query_map([], record)?.collect::<Result<_, _>>()?)
        })
    }

    /// Revokes the key with this id, prefix or (if only one working key has it) name. A whole
    /// key is understood too. Effective at once, also in a server that runs.
    pub fn revoke_key(&self, id_or_prefix_or_name: &str) -> Result<RevokeOutcome, StoreError> {
        self.database().write(|transaction| {
            let mut named = Vec::new();
            if let Some(id) = key_id_named_by(id_or_prefix_or_name) {
                named = records(transaction, SELECT_BY_ID, id)?;
            }
            if named.is_empty() {
                named = records(transaction, SELECT_BY_NAME, id_or_prefix_or_name)?;
            }
            if named.is_empty() {
                return Ok(RevokeOutcome::NotFound);
            }
            named.retain(|key| key.revoked_at.is_none());
            match named.len() {
                0 => Ok(RevokeOutcome::AlreadyRevoked),
                1 => {
                    let id = &named[0].id;
                    transaction.execute(REVOKE, (id, Micros(self.now())))?;
                    let revoked = transaction.query_row(SELECT_BY_ID, [id], record)?;
                    Ok(RevokeOutcome::Revoked(revoked))
                }
                several => Ok(RevokeOutcome::Ambiguous(several)),
            }
        })
    }

    /// Whose key `presented` is, or why it is refused. Takes equally long for an unknown key and
    /// a wrong secret.
    pub fn authenticate(
        &self,
        presented: &str,
    ) -> Result<Result<OwnerScope, KeyRefusal>, StoreError> {
        if !looks_like_a_key(presented) {
            return Ok(Err(KeyRefusal::Malformed));
        }
        let id = key_id(presented);
        let digest = key_digest(presented);
        let secret = self.database().read(|connection| {
            let mut statement = connection.prepare_cached(SELECT_SECRET)?;
            Ok(statement.query_row([id], secret).optional()?)
        })?;
        let stored_digest = secret.as_ref().map_or([0; 32], |secret| secret.digest);
        let is_same = bool::from(digest.ct_eq(&stored_digest));
        let Some(secret) = secret.filter(|_| is_same) else {
            return Ok(Err(KeyRefusal::Unknown));
        };
        let now = self.now();
        if secret.revoked_at.is_some() {
            return Ok(Err(KeyRefusal::Revoked));
        }
        if secret.expires_at.is_some_and(|expires_at| expires_at <= now) {
            return Ok(Err(KeyRefusal::Expired));
        }
        if secret.last_used_at.is_none_or(|last| last + NOTE_USE_EVERY <= now) {
            self.note_use(id, now);
        }
        Ok(Ok(OwnerScope::new(secret.account, id.to_owned())))
    }

    /// Best effort: a request must neither wait nor fail for it.
    fn note_use(&self, id: &str, now: OffsetDateTime) {
        if !self.is_healthy() {
            return;
        }
        let noted = self
            .database()
            .write_if_idle(|transaction| Ok(transaction.execute(NOTE_USE, (id, Micros(now)))?));
        if let Err(error) = noted {
            tracing::warn!(key = id, ?error, "the use of a key could not be noted");
        }
    }
}

/// What authentication needs of a key.
struct KeySecret {
    account: AccountId,
    digest: [u8; 32],
    expires_at: Option<OffsetDateTime>,
    revoked_at: Option<OffsetDateTime>,
    last_used_at: Option<OffsetDateTime>,
}

fn secret(row: &Row<'_>) -> rusqlite::Result<KeySecret> {
    Ok(KeySecret {
        account: row.get(0)?,
        digest: row.get(1)?,
        expires_at: time_or_none(row, 2)?,
        revoked_at: time_or_none(row, 3)?,
        last_used_at: time_or_none(row, 4)?,
    })
}

pub(crate) fn record(row: &Row<'_>) -> rusqlite::Result<KeyRecord> {
    let id: String = row.get(0)?;
    Ok(KeyRecord {
        prefix: key_prefix(&id),
        id,
        account: row.get(1)?,
        name: row.get(2)?,
        created_at: row.get::<_, Micros>(3)?.0,
        expires_at: time_or_none(row, 4)?,
        revoked_at: time_or_none(row, 5)?,
        last_used_at: time_or_none(row, 6)?,
    })
}

fn records(
    connection: &Connection,
    sql: &str,
    parameter: &str,
) -> Result<Vec<KeyRecord>, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    Ok(statement.query_map([parameter], record)?.collect::<Result<_, _>>()?)
}

fn time_or_none(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<OffsetDateTime>> {
    Ok(row.get::<_, Option<Micros>>(column)?.map(|micros| micros.0))
}
