//! Users: made by a link or by open sign-up, known by e-mail address and password.

use rusqlite::{Connection, OptionalExtension, Row, Transaction};
use time::OffsetDateTime;

use super::links::{self, LinkPurpose, LinkRefusal};
use super::passwords::{PasswordRecord, check_password};
use crate::accounts::{account_named, insert_account};
use crate::error::StoreError;
use crate::ids::{AccountId, UserId, random_bytes};
use crate::key_text::random_key_id;
use crate::rows::Micros;
use crate::store::Store;

/// RFC 5321's limit on a path, less its brackets.
const EMAIL_CHARS_MAX: usize = 254;
/// The account that the first start makes, and `onespace keys create` uses without `--account`.
/// The user of the set-up link takes it over, so that the first key and the first user share it.
const FIRST_ACCOUNT: &str = "default";
/// The name of the key by which a signed-in browser acts.
const CONSOLE_KEY_NAME: &str = "Console";

const ANY: &str = "SELECT EXISTS (SELECT 1 FROM console_users)";
const TAKEN: &str = "SELECT EXISTS (SELECT 1 FROM console_users WHERE email_folded = ?1)";
const OWNED: &str = "SELECT EXISTS (SELECT 1 FROM console_users WHERE account_id = ?1)";
const INSERT: &str = "INSERT INTO console_users (id, account_id, key_id, email, email_folded, \
     password_salt, password_digest, is_admin, created_at) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
const INSERT_KEY: &str = "INSERT INTO keys (id, account_id, name, digest, created_at, is_console) \
     VALUES (?1, ?2, ?3, ?4, ?5, 1)";
const SELECT_PASSWORD: &str = "SELECT id, email, is_admin, password_salt, password_digest \
     FROM console_users WHERE email_folded = ?1";
const SET_PASSWORD: &str =
    "UPDATE console_users SET password_salt = ?2, password_digest = ?3 WHERE id = ?1";

/// A user of the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// The e-mail address as given.
    pub email: String,
    /// Whether the user may invite others.
    pub is_admin: bool,
}

/// Who wants to become a user.
pub struct NewUser<'a> {
    /// The e-mail address.
    pub email: &'a str,
    /// The password in clear.
    pub password: &'a str,
    /// The secret of the link that was opened, if any.
    pub link: Option<&'a str>,
}

/// Why somebody did not become a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignUpRefusal {
    /// The link was used, has expired, or never was one.
    LinkInvalid,
    /// There is no link, and sign-up is closed.
    Closed,
    /// The address is in use.
    EmailTaken,
}

impl Store {
    /// Whether there is any user yet.
    pub fn has_users(&self) -> Result<bool, StoreError> {
        self.database().read(|connection| Ok(connection.query_row(ANY, [], |row| row.get(0))?))
    }

    /// Makes a user with an account, by a link or (if `sign_up_is_open`) without one. The user of
    /// a set-up link is an administrator and owns the account `default`; every other user gets an
    /// account of their own, named after the address.
    ///
    /// Hashes the password: at most a few calls should run at once.
    pub fn create_user(
        &self,
        new: &NewUser<'_>,
        sign_up_is_open: bool,
    ) -> Result<Result<User, SignUpRefusal>, StoreError> {
        check_email(new.email)?;
        check_password(new.password, new.email)?;
        // Before the costly hash; again under the write lock.
        let now = self.now();
        let allowed = self.database().read(|c| may_join(c, new.link, sign_up_is_open, now))?;
        if let Err(refusal) = allowed {
            return Ok(Err(refusal));
        }
        let password = PasswordRecord::of(new.password)?;
        self.database().write(|transaction| {
            let now = self.now();
            let purpose = match may_join(transaction, new.link, sign_up_is_open, now)? {
                Ok(purpose) => purpose,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let user = User {
                id: UserId::new(),
                email: new.email.to_owned(),
                is_admin: purpose == Some(LinkPurpose::SetUp),
            };
            let account = match account_for(transaction, &user, now)? {
                Ok(account) => account,
                Err(refusal) => return Ok(Err(refusal)),
            };
            insert_user(transaction, &user, &account, &password, now)?;
            if let Some(link) = new.link {
                links::use_up(transaction, link)?;
            }
            Ok(Ok(user))
        })
    }

    /// The user with this address and password. Takes equally long whether the address is known.
    ///
    /// Hashes the password: at most a few calls should run at once.
    pub fn user_with_password(
        &self,
        email: &str,
        password: &str,
    ) -> Result<Option<User>, StoreError> {
        let found = self.database().read(|connection| {
            Ok(connection.query_row(SELECT_PASSWORD, [fold(email)], known).optional()?)
        })?;
        let (user, record) = match found {
            Some((user, record)) => (Some(user), record),
            None => (None, PasswordRecord::of_nobody()),
        };
        let fits = record.fits(password)?;
        Ok(user.filter(|_| fits))
    }

    /// Sets a new password and ends every session of the user. The old password is to be checked
    /// first, with [`Store::user_with_password`].
    pub fn change_password(&self, user: &User, new: &str) -> Result<(), StoreError> {
        check_password(new, &user.email)?;
        let record = PasswordRecord::of(new)?;
        self.database().write(|transaction| set_password(transaction, user, &record))
    }

    /// Sets a new password by a link of [`Store::issue_password_reset`], which is used up, and ends
    /// every session of its user.
    ///
    /// Hashes the password: at most a few calls should run at once.
    pub fn reset_password(
        &self,
        link: &str,
        new: &str,
    ) -> Result<Result<User, LinkRefusal>, StoreError> {
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
            links::use_up(transaction, link)?;
            set_password(transaction, &user, &record)?;
            Ok(Ok(user))
        })
    }
}

fn set_password(
    transaction: &Transaction<'_>,
    user: &User,
    record: &PasswordRecord,
) -> Result<(), StoreError> {
    transaction.execute(SET_PASSWORD, (&user.id, record.salt, record.digest))?;
    transaction.execute("DELETE FROM console_sessions WHERE user_id = ?1", [&user.id])?;
    Ok(())
}

/// What admits a newcomer: the purpose of the link, or `None` for open sign-up.
fn may_join(
    connection: &Connection,
    link: Option<&str>,
    sign_up_is_open: bool,
    now: OffsetDateTime,
) -> Result<Result<Option<LinkPurpose>, SignUpRefusal>, StoreError> {
    let has_users: bool = connection.query_row(ANY, [], |row| row.get(0))?;
    let Some(link) = link else {
        // The first user must come by the link that only the operator saw.
        let open = sign_up_is_open && has_users;
        return Ok(if open { Ok(None) } else { Err(SignUpRefusal::Closed) });
    };
    Ok(match links::purpose(connection, link, now)? {
        Ok(purpose @ LinkPurpose::Invitation) => Ok(Some(purpose)),
        Ok(purpose @ LinkPurpose::SetUp) if !has_users => Ok(Some(purpose)),
        _ => Err(SignUpRefusal::LinkInvalid),
    })
}

/// The account that a new user owns. An account that exists is taken over only by the set-up
/// link: nobody proves that an address is theirs.
fn account_for(
    transaction: &Transaction<'_>,
    user: &User,
    now: OffsetDateTime,
) -> Result<Result<AccountId, SignUpRefusal>, StoreError> {
    if transaction.query_row(TAKEN, [fold(&user.email)], |row| row.get(0))? {
        return Ok(Err(SignUpRefusal::EmailTaken));
    }
    let name = if user.is_admin { FIRST_ACCOUNT } else { &user.email };
    match account_named(transaction, name)? {
        None => Ok(Ok(insert_account(transaction, name, now)?)),
        Some(account) if user.is_admin => {
            let owned: bool = transaction.query_row(OWNED, [&account], |row| row.get(0))?;
            Ok(if owned { Err(SignUpRefusal::LinkInvalid) } else { Ok(account) })
        }
        Some(_) => Ok(Err(SignUpRefusal::EmailTaken)),
    }
}

fn insert_user(
    transaction: &Transaction<'_>,
    user: &User,
    account: &AccountId,
    password: &PasswordRecord,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let key_id = random_key_id();
    // A digest of no text that anybody knows.
    let digest: [u8; 32] = random_bytes();
    transaction.execute(INSERT_KEY, (&key_id, account, CONSOLE_KEY_NAME, digest, Micros(now)))?;
    transaction.execute(
        INSERT,
        (
            &user.id,
            account,
            &key_id,
            &user.email,
            fold(&user.email),
            password.salt,
            password.digest,
            user.is_admin,
            Micros(now),
        ),
    )?;
    Ok(())
}

/// Whether the address has a chance to exist; only a letter to it would tell.
fn check_email(email: &str) -> Result<(), StoreError> {
    let is_plain =
        !email.chars().any(|character| character.is_whitespace() || character.is_control());
    let parts = email.split_once('@').filter(|(name, host)| {
        !name.is_empty() && !host.is_empty() && !host.contains('@') && !host.starts_with('.')
    });
    if is_plain && parts.is_some() && email.chars().count() <= EMAIL_CHARS_MAX {
        return Ok(());
    }
    Err(StoreError::invalid("The e-mail address must look like name@example.com."))
}

/// The form in which addresses are compared.
pub(super) fn fold(email: &str) -> String {
    email.trim().to_lowercase()
}

fn known(row: &Row<'_>) -> rusqlite::Result<(User, PasswordRecord)> {
    let user = User { id: row.get(0)?, email: row.get(1)?, is_admin: row.get(2)? };
    Ok((user, PasswordRecord { salt: row.get(3)?, digest: row.get(4)? }))
}
