//! Who proves to be a user, by a password or a link that sets a new one.

use std::fmt;

use rusqlite::{OptionalExtension, Row, Transaction};

use super::links::{self, LinkRefusal};
use super::passwords::{DIGEST_BYTES, PasswordRecord, check_password};
use super::users::{User, fold_email};
use crate::error::StoreError;
use crate::store::Store;

const SELECT_PASSWORD: &str = "SELECT id AS user_id, email, is_admin, password_salt, password_digest \
     FROM console_users WHERE email_folded = ?1";
const HAS_PASSWORD: &str =
    "SELECT EXISTS (SELECT 1 FROM console_users WHERE id = ?1 AND password_digest = ?2)";
const SET_PASSWORD: &str =
    "UPDATE console_users SET password_salt = ?2, password_digest = ?3 WHERE id = ?1";

/// A user whose password was proven, or set, just now: what a session starts with. It stands for
/// that very password, and is worth nothing once there is another.
#[derive(Clone, PartialEq, Eq)]
pub struct ProvenUser {
    /// Who.
    pub user: User,
    pub(super) password_digest: [u8; DIGEST_BYTES],
}

impl fmt::Debug for ProvenUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The digest stays where it is.
        f.debug_tuple("ProvenUser").field(&self.user).finish()
    }
}

impl Store {
    /// The user with this address and password. Takes equally long whether the address is known.
    ///
    /// Hashes the password: at most a few calls should run at once.
    pub fn user_with_password(
        &self,
        email: &str,
        password: &str,
    ) -> Result<Option<ProvenUser>, StoreError> {
        let found = self.database().read(|connection| {
            Ok(connection.query_row(SELECT_PASSWORD, [fold_email(email)], known).optional()?)
        })?;
        let (user, record) = match found {
            Some((user, record)) => (Some(user), record),
            None => (None, PasswordRecord::of_nobody()),
        };
        let fits = record.fits(password)?;
        let user = user.filter(|_| fits);
        Ok(user.map(|user| ProvenUser { user, password_digest: record.digest }))
    }

    /// Sets a new password in the place of the one that `proven` stands for, and ends every
    /// session and every reset link of the user. `None` if there is another password meanwhile.
    ///
    /// Hashes the password: at most a few calls should run at once.
    pub fn change_password(
        &self,
        proven: &ProvenUser,
        new: &str,
    ) -> Result<Option<ProvenUser>, StoreError> {
        check_password(new, &proven.user.email)?;
        let record = PasswordRecord::of(new)?;
        self.database().write(|transaction| {
            if !is_current(transaction, proven)? {
                return Ok(None);
            }
            set_password(transaction, &proven.user, &record).map(Some)
        })
    }

    /// Sets a new password by a link of [`Store::issue_password_reset`], which is used up, and ends
    /// every session and every other such link of its user.
    ///
    /// Hashes the password: at most a few calls should run at once.
    pub fn reset_password(
        &self,
        link: &str,
        new: &str,
    ) -> Result<Result<ProvenUser, LinkRefusal>, StoreError> {
        // Before the costly hash; again under the write lock.
        let now = self.now();
        let user = self.database().read(|c| links::user_to_reset(c, link, now))?;
        let Some(user) = user else { return Ok(Err(LinkRefusal)) };
        check_password(new, &user.email)?;
        let record = PasswordRecord::of(new)?;
        self.database().write(|transaction| {
            let Some(user) = links::user_to_reset(transaction, link, self.now())? else {
                return Ok(Err(LinkRefusal));
            };
            set_password(transaction, &user, &record).map(Ok)
        })
    }
}

fn set_password(
    transaction: &Transaction<'_>,
    user: &User,
    record: &PasswordRecord,
) -> Result<ProvenUser, StoreError> {
    transaction.execute(SET_PASSWORD, (&user.id, record.salt, record.digest))?;
    transaction.execute("DELETE FROM console_sessions WHERE user_id = ?1", [&user.id])?;
    // Whoever has such a link could set the password once more.
    links::end_resets(transaction, &user.id)?;
    Ok(ProvenUser { user: user.clone(), password_digest: record.digest })
}

/// Whether the password that was proven is still the one of the user.
pub(super) fn is_current(
    transaction: &Transaction<'_>,
    proven: &ProvenUser,
) -> Result<bool, StoreError> {
    let parameters = (&proven.user.id, proven.password_digest);
    Ok(transaction.query_row(HAS_PASSWORD, parameters, |row| row.get(0))?)
}

fn known(row: &Row<'_>) -> rusqlite::Result<(User, PasswordRecord)> {
    let (salt, digest) = (row.get("password_salt")?, row.get("password_digest")?);
    Ok((User::from_row(row)?, PasswordRecord { salt, digest }))
}
