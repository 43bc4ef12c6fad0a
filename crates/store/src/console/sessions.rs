//! Sessions of signed-in browsers: they live in the database, so they end when the server says so.

use rusqlite::{OptionalExtension, Row, Transaction};
use time::{Duration, OffsetDateTime};

use super::proofs::is_current;
use super::{ProvenUser, Secret, User, secret_digest};
use crate::error::StoreError;
use crate::rows::Micros;
use crate::scope::OwnerScope;
use crate::store::Store;

/// A session ends after this many minutes without a request.
pub const SESSION_IDLE_MINUTES_MAX: i64 = 60;
/// A session ends after this many hours whatever happens.
pub const SESSION_HOURS_MAX: i64 = 12;

const IDLE_MAX: Duration = Duration::minutes(SESSION_IDLE_MINUTES_MAX);
const LIFE_MAX: Duration = Duration::hours(SESSION_HOURS_MAX);
/// The least time between two notes of a session's use.
const NOTE_USE_EVERY: Duration = Duration::minutes(1);

const INSERT: &str = "INSERT INTO console_sessions (digest, user_id, created_at, last_seen_at) \
     VALUES (?1, ?2, ?3, ?3)";
const SELECT: &str = "SELECT user_id, email, is_admin, account_id, key_id, \
     console_sessions.created_at, last_seen_at \
     FROM console_sessions JOIN console_users ON console_users.id = user_id WHERE digest = ?1";
const NOTE_USE: &str = "UPDATE console_sessions SET last_seen_at = ?2 WHERE digest = ?1";
const DELETE: &str = "DELETE FROM console_sessions WHERE digest = ?1";
const DELETE_ENDED: &str =
    "DELETE FROM console_sessions WHERE created_at <= ?1 OR last_seen_at <= ?2";

/// A signed-in browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Who is signed in.
    pub user: User,
    /// What the user may touch.
    pub scope: OwnerScope,
}

impl Store {
    /// Signs a user in: the secret of a new session, never of an old one. `None` if the password
    /// was changed, or the account closed, since it was proven: who knew the old password only
    /// must not have a session that outlives the change.
    pub fn start_session(&self, proven: &ProvenUser) -> Result<Option<Secret>, StoreError> {
        let secret = Secret::generate();
        let now = Micros(self.now());
        self.database().write(|transaction| {
            if !is_current(transaction, proven)? {
                return Ok(None);
            }
            transaction.execute(INSERT, (secret.digest(), &proven.user.id, now))?;
            Ok(Some(secret))
        })
    }

    /// The session with this secret, unless it has ended or never was.
    pub fn session(&self, secret: &str) -> Result<Option<Session>, StoreError> {
        let digest = secret_digest(secret);
        let found = self.database().read(|connection| {
            let mut statement = connection.prepare_cached(SELECT)?;
            Ok(statement.query_row([digest], session).optional()?)
        })?;
        let now = self.now();
        let Some((session, created_at, last_seen_at)) = found else { return Ok(None) };
        if now >= created_at + LIFE_MAX || now >= last_seen_at + IDLE_MAX {
            return Ok(None);
        }
        if now >= last_seen_at + NOTE_USE_EVERY && self.is_healthy() {
            // Best effort, as for keys: the next request tries again.
            let noted =
                self.database().write_if_idle(|t| Ok(t.execute(NOTE_USE, (digest, Micros(now)))?));
            if let Err(error) = noted {
                tracing::warn!(?error, "the use of a session could not be noted");
            }
        }
        Ok(Some(session))
    }

    /// Ends the session with this secret, if there is one.
    pub fn end_session(&self, secret: &str) -> Result<(), StoreError> {
        let digest = secret_digest(secret);
        self.database().write_to_free(|transaction| Ok(transaction.execute(DELETE, [digest])?))?;
        Ok(())
    }
}

/// Forgets sessions that have ended by `now`.
pub(crate) fn delete_ended_sessions(
    transaction: &Transaction<'_>,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    transaction.execute(DELETE_ENDED, (Micros(now - LIFE_MAX), Micros(now - IDLE_MAX)))?;
    Ok(())
}

fn session(row: &Row<'_>) -> rusqlite::Result<(Session, OffsetDateTime, OffsetDateTime)> {
    let user = User::from_row(row)?;
    let scope = OwnerScope::new(row.get(3)?, row.get(4)?);
    let (created_at, last_seen_at) = (row.get::<_, Micros>(5)?, row.get::<_, Micros>(6)?);
    Ok((Session { user, scope }, created_at.0, last_seen_at.0))
}
