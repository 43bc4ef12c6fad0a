//! Links that are good once: to set up the server, to join it, or to set a forgotten password anew.

use rusqlite::{Connection, OptionalExtension, Transaction};
use time::{Duration, OffsetDateTime};

use super::{Secret, User, secret_digest};
use crate::error::StoreError;
use crate::ids::UserId;
use crate::rows::{Micros, text_enum};
use crate::store::Store;

/// How long a set-up link is good for. A restart makes another.
const SET_UP_LIFE: Duration = Duration::hours(24);
/// How long an invitation is good for.
const INVITATION_LIFE: Duration = Duration::days(7);
/// How long a link for a new password is good for.
const PASSWORD_RESET_LIFE: Duration = Duration::hours(24);

const SELECT: &str = "SELECT purpose FROM console_links WHERE digest = ?1 AND expires_at > ?2";
const SELECT_RESET: &str = "SELECT user_id, email, is_admin \
     FROM console_links JOIN console_users ON console_users.id = user_id \
     WHERE digest = ?1 AND expires_at > ?2 AND purpose = 'password_reset'";
const INSERT: &str = "INSERT INTO console_links (digest, purpose, user_id, created_at, expires_at) \
     VALUES (?1, ?2, ?3, ?4, ?5)";
const USE_UP: &str = "DELETE FROM console_links WHERE digest = ?1";
const DELETE_SET_UP: &str = "DELETE FROM console_links WHERE purpose = 'set_up'";
const DELETE_RESETS: &str = "DELETE FROM console_links WHERE user_id = ?1";
const DELETE_EXPIRED: &str = "DELETE FROM console_links WHERE expires_at <= ?1";

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkPurpose {
    /// The first account, which is an administrator's.
    SetUp,
    /// One more account.
    Invitation,
    /// A new password for a user.
    PasswordReset,
}

text_enum!(LinkPurpose {
    SetUp => "set_up",
    Invitation => "invitation",
    PasswordReset => "password_reset",
});

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
            insert(transaction, &secret, (LinkPurpose::SetUp, None), self.now(), SET_UP_LIFE)
        })?;
        Ok(Some(secret))
    }

    /// A link for one new account, and when it ends.
    pub fn issue_invitation(&self) -> Result<(Secret, OffsetDateTime), StoreError> {
        let secret = Secret::generate();
        let now = self.now();
        self.database().write(|transaction| {
            transaction.execute(DELETE_EXPIRED, [Micros(now)])?;
            insert(transaction, &secret, (LinkPurpose::Invitation, None), now, INVITATION_LIFE)
        })?;
        Ok((secret, now + INVITATION_LIFE))
    }

    /// A link by which `user` sets a new password without the old one, and when it ends. Earlier
    /// ones end now. Sessions and the old password go on until it is used.
    pub fn issue_password_reset(
        &self,
        user: &UserId,
    ) -> Result<(Secret, OffsetDateTime), StoreError> {
        let secret = Secret::generate();
        let now = self.now();
        self.database().write(|transaction| {
            end_resets(transaction, user)?;
            let meant = (LinkPurpose::PasswordReset, Some(user));
            insert(transaction, &secret, meant, now, PASSWORD_RESET_LIFE)
        })?;
        Ok((secret, now + PASSWORD_RESET_LIFE))
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

/// Whose password the link resets, if it is such a link and still good.
pub(super) fn user_to_reset(
    connection: &Connection,
    secret: &str,
    now: OffsetDateTime,
) -> Result<Option<User>, StoreError> {
    let parameters = (secret_digest(secret), Micros(now));
    Ok(connection.query_row(SELECT_RESET, parameters, User::from_row).optional()?)
}

/// Ends the links by which the user's password could be set.
pub(super) fn end_resets(transaction: &Transaction<'_>, user: &UserId) -> Result<(), StoreError> {
    transaction.execute(DELETE_RESETS, [user])?;
    Ok(())
}

/// Ends the link.
pub(super) fn use_up(transaction: &Transaction<'_>, secret: &str) -> Result<(), StoreError> {
    transaction.execute(USE_UP, [secret_digest(secret)])?;
    Ok(())
}

fn insert(
    transaction: &Transaction<'_>,
    secret: &Secret,
    (purpose, user): (LinkPurpose, Option<&UserId>),
    now: OffsetDateTime,
    life: Duration,
) -> Result<(), StoreError> {
    let (from, to) = (Micros(now), Micros(now + life));
    transaction.execute(INSERT, (secret.digest(), purpose, user, from, to))?;
    Ok(())
}
