//! Users: made by a link or by open sign-up, each with an account.

use rusqlite::{Connection, OptionalExtension, Row, Transaction};
use time::OffsetDateTime;

use super::links::{self, LinkPurpose};
use super::passwords::{PasswordRecord, check_password};
use super::proofs::ProvenUser;
use crate::accounts::{account_named, insert_account};
use crate::error::StoreError;
use crate::ids::{AccountId, UserId, random_bytes};
use crate::key_text::random_key_id;
use crate::printable::{is_shown, joins};
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
const NAMED_ALIKE: &str = "SELECT EXISTS (SELECT 1 FROM accounts WHERE name = ?1 COLLATE NOCASE)";
const INSERT: &str = "INSERT INTO console_users (id, account_id, key_id, email, email_folded, \
     password_salt, password_digest, is_admin, created_at) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
const INSERT_KEY: &str = "INSERT INTO keys (id, account_id, name, digest, created_at, is_console) \
     VALUES (?1, ?2, ?3, ?4, ?5, 1)";
const SELECT_ACCOUNT: &str = "SELECT account_id FROM console_users WHERE email_folded = ?1";

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

impl User {
    /// The user in a row with the columns `user_id`, `email` and `is_admin`.
    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let is_admin = row.get("is_admin")?;
        Ok(Self { id: row.get("user_id")?, email: row.get("email")?, is_admin })
    }
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
    ) -> Result<Result<ProvenUser, SignUpRefusal>, StoreError> {
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
            Ok(Ok(ProvenUser { user, password_digest: password.digest }))
        })
    }
}

/// The account of the user with this e-mail address.
pub(crate) fn account_of_user(
    connection: &Connection,
    email: &str,
) -> Result<Option<AccountId>, StoreError> {
    let mut statement = connection.prepare_cached(SELECT_ACCOUNT)?;
    Ok(statement.query_row([fold_email(email)], |row| row.get(0)).optional()?)
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
    if transaction.query_row(TAKEN, [fold_email(&user.email)], |row| row.get(0))? {
        return Ok(Err(SignUpRefusal::EmailTaken));
    }
    if !user.is_admin {
        // In whatever case: `--account` with the address must not change its meaning.
        if transaction.query_row(NAMED_ALIKE, [&user.email], |row| row.get(0))? {
            return Ok(Err(SignUpRefusal::EmailTaken));
        }
        return Ok(Ok(insert_account(transaction, &user.email, now)?));
    }
    match account_named(transaction, FIRST_ACCOUNT)? {
        None => Ok(Ok(insert_account(transaction, FIRST_ACCOUNT, now)?)),
        Some(account) => {
            let owned: bool = transaction.query_row(OWNED, [&account], |row| row.get(0))?;
            Ok(if owned { Err(SignUpRefusal::LinkInvalid) } else { Ok(account) })
        }
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
            fold_email(&user.email),
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
    let is_plain = email.chars().all(|c| is_shown(c) && !c.is_whitespace() && !joins(c));
    let parts = email.split_once('@').filter(|(name, host)| {
        !name.is_empty() && !host.is_empty() && !host.contains('@') && !host.starts_with('.')
    });
    if is_plain && parts.is_some() && email.chars().count() <= EMAIL_CHARS_MAX {
        return Ok(());
    }
    Err(StoreError::invalid(
        "The e-mail address must look like name@example.com, without spaces or invisible characters.",
    ))
}

/// The form in which addresses are compared.
pub fn fold_email(email: &str) -> String {
    email.trim().to_lowercase()
}
