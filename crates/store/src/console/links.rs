//! Links that are good for one new account: to set up the server, or to join it.

use rusqlite::{Connection, OptionalExtension, Transaction};
use time::{Duration, OffsetDateTime};

use super::{Secret, secret_digest};
use crate::error::StoreError;
use crate::rows::{Micros, text_enum};
use crate::store::Store;

/// How long a set-up link is good for. A restart makes another.
const SET_UP_LIFE: Duration = Duration::hours(24);
/// How long an invitation is good for.
const INVITATION_LIFE: Duration = Duration::days(7);

const SELECT: &str = "SELECT purpose FROM console_links WHERE digest = ?1 AND expires_at > ?2";
const INSERT: &str = "INSERT INTO console_links (digest, purpose, created_at, expires_at) \
     VALUES (?1, ?2, ?3, ?4)";
const USE_UP: &str = "DELETE FROM console_links WHERE digest = ?1";
const DELETE_SET_UP: &str = "DELETE FROM console_links WHERE purpose = 'set_up'";
const DELETE_EXPIRED: &str = "DELETE FROM console_links WHERE expires_at <= ?1";

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkPurpose {
    /// The first account, which is an administrator's.
    SetUp,
    /// One more account.
    Invitation,
}

text_enum!(LinkPurpose { SetUp => "set_up", Invitation => "invitation" });

/// The link was used, has expired, or never was one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkRefusal;

impl Store {
    /// A fresh set-up link, which ends all earlier ones; `None` once there is a user.
    pub fn issue_set_up_link(&self) -> Result<Option<Secret>, StoreError> {
        if self.has_users()? {
            return Ok(None);
        }
        let secret = Secret::generate();
        self.database().write(|transaction| {
            transaction.execute(DELETE_SET_UP, [])?;
            insert(transaction, &secret, LinkPurpose::SetUp, self.now(), SET_UP_LIFE)
        })?;
        Ok(Some(secret))
    }

    /// A link for one new account, and when it ends.
    pub fn issue_invitation(&self) -> Result<(Secret, OffsetDateTime), StoreError> {
        let secret = Secret::generate();
        let now = self.now();
        self.database().write(|transaction| {
            transaction.execute(DELETE_EXPIRED, [Micros(now)])?;
            insert(transaction, &secret, LinkPurpose::Invitation, now, INVITATION_LIFE)
        })?;
        Ok((secret, now + INVITATION_LIFE))
    }

    /// What the link with this secret is for.
    pub fn link_purpose(
        &self,
        secret: &str,
    ) -> Result<Result<LinkPurpose, LinkRefusal>, StoreError> {
        let now = self.now();
        self.database().read(|connection| purpose(connection, secret, now))
    }
}

/// What the link is for, if it is still good.
pub(super) fn purpose(
    connection: &Connection,
    secret: &str,
    now: OffsetDateTime,
) -> Result<Result<LinkPurpose, LinkRefusal>, StoreError> {
    let parameters = (secret_digest(secret), Micros(now));
    let found = connection.query_row(SELECT, parameters, |row| row.get(0)).optional()?;
    Ok(found.ok_or(LinkRefusal))
}

/// Ends the link.
pub(super) fn use_up(transaction: &Transaction<'_>, secret: &str) -> Result<(), StoreError> {
    transaction.execute(USE_UP, [secret_digest(secret)])?;
    Ok(())
}

fn insert(
    transaction: &Transaction<'_>,
    secret: &Secret,
    purpose: LinkPurpose,
    now: OffsetDateTime,
    life: Duration,
) -> Result<(), StoreError> {
    transaction.execute(INSERT, (secret.digest(), purpose, Micros(now), Micros(now + life)))?;
    Ok(())
}
