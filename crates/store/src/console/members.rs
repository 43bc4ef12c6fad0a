//! The users as those who run the server see them, and the end of one.

use rusqlite::{OptionalExtension, Row};
use time::OffsetDateTime;

use super::User;
use super::users::fold_email;
use crate::error::StoreError;
use crate::ids::{AccountId, UserId};
use crate::rows::Micros;
use crate::store::Store;

const SELECT: &str = "SELECT console_users.id AS user_id, email, is_admin, console_users.created_at, \
     accounts.name, max(last_seen_at) \
     FROM console_users JOIN accounts ON accounts.id = account_id \
     LEFT JOIN console_sessions ON user_id = console_users.id \
     GROUP BY console_users.id ORDER BY console_users.created_at, console_users.id";
const SELECT_BY_EMAIL: &str =
    "SELECT id AS user_id, email, is_admin FROM console_users WHERE email_folded = ?1";
/// An administrator stays: without one nobody could invite.
const ACCOUNT: &str = "SELECT account_id FROM console_users WHERE id = ?1 AND is_admin = 0";
const REVOKE: &str = "UPDATE keys SET revoked_at = ?2 WHERE account_id = ?1 AND revoked_at IS NULL";
const CLOSE: [&str; 4] = [
    "DELETE FROM console_users WHERE account_id = ?1",
    "DELETE FROM assets WHERE account_id = ?1",
    "DELETE FROM uploads WHERE account_id = ?1",
    "DELETE FROM tasks WHERE account_id = ?1",
];
/// Its name is the e-mail address, which may be invited again, to an account of its own.
const MARK_CLOSED: &str =
    "UPDATE accounts SET name = 'closed-' || id, closed_at = ?2 WHERE id = ?1";

/// A user, with what an administrator may know of it: nothing of what its account holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user: User,
    /// The name of the account that the user owns.
    pub account: String,
    /// When the user joined.
    pub created_at: OffsetDateTime,
    /// When a session that has not been forgotten was last used, to the minute.
    pub last_seen_at: Option<OffsetDateTime>,
}

impl Store {
    /// All users, oldest first.
    pub fn members(&self) -> Result<Vec<Member>, StoreError> {
        self.database().read(|connection| {
            let mut statement = connection.prepare_cached(SELECT)?;
            Ok(statement.query_map([], member)?.collect::<Result<_, _>>()?)
        })
    }

    /// The user with this e-mail address.
    pub fn user_with_email(&self, email: &str) -> Result<Option<User>, StoreError> {
        self.database().read(|connection| {
            let parameters = [fold_email(email)];
            Ok(connection.query_row(SELECT_BY_EMAIL, parameters, User::from_row).optional()?)
        })
    }

    /// Closes the account of a user who is no administrator: the user and every session are gone,
    /// every key is revoked, every picture, vector, upload and task is deleted, and what requests
    /// under way still bring is refused. What its keys used stays counted. False if there is no
    /// such user.
    pub fn close_account(&self, user: &UserId) -> Result<bool, StoreError> {
        self.serving()?;
        let closed: Option<AccountId> = self.database().write_to_free(|transaction| {
            let found = transaction.query_row(ACCOUNT, [user], |row| row.get(0)).optional()?;
            let Some(account) = found else { return Ok(None) };
            let now = Micros(self.now());
            transaction.execute(REVOKE, (&account, now))?;
            transaction.execute(MARK_CLOSED, (&account, now))?;
            for statement in CLOSE {
                transaction.execute(statement, [&account])?;
            }
            Ok(Some(account))
        })?;
        // The rows are gone; files that a crash leaves here are removed at the next start.
        if let Some(account) = &closed {
            self.disk().remove_account(account);
        }
        Ok(closed.is_some())
    }
}

fn member(row: &Row<'_>) -> rusqlite::Result<Member> {
    let created_at = row.get::<_, Micros>(3)?.0;
    let last_seen_at = row.get::<_, Option<Micros>>(5)?.map(|time| time.0);
    Ok(Member { user: User::from_row(row)?, account: row.get(4)?, created_at, last_seen_at })
}
