//! Accounts, the owners of everything.

use rusqlite::{Connection, OptionalExtension, Transaction};
use time::OffsetDateTime;

use crate::console::account_of_user;
use crate::error::{StoreError, StoreErrorKind};
use crate::ids::AccountId;
use crate::printable::is_readable;
use crate::rows::Micros;
use crate::store::Store;

/// The longest name of a key.
pub(crate) const KEY_NAME_CHARS_MAX: usize = 64;
/// The longest name of an account: an e-mail address fits.
const ACCOUNT_NAME_CHARS_MAX: usize = 254;

const SELECT_BY_NAME: &str = "SELECT id FROM accounts WHERE name = ?1";
const IS_OPEN: &str = "SELECT closed_at IS NULL FROM accounts WHERE id = ?1";
const INSERT: &str = "INSERT INTO accounts (id, name, created_at) VALUES (?1, ?2, ?3)";

impl Store {
    /// The account that `name` (1 to 254 characters) means: that of the user with this e-mail
    /// address, in whatever case; else the one called so, made if there is none.
    pub fn ensure_account(&self, name: &str) -> Result<AccountId, StoreError> {
        check_name("account name", name, ACCOUNT_NAME_CHARS_MAX)?;
        if let Some(id) = self.database().read(|connection| account_meant(connection, name))? {
            return Ok(id);
        }
        self.database().write(|transaction| {
            // Another process may have made it since.
            if let Some(id) = account_meant(transaction, name)? {
                return Ok(id);
            }
            insert_account(transaction, name, self.now())
        })
    }
}

fn account_meant(connection: &Connection, name: &str) -> Result<Option<AccountId>, StoreError> {
    match account_of_user(connection, name)? {
        Some(id) => Ok(Some(id)),
        None => account_named(connection, name),
    }
}

/// Refuses to add anything to an account that was closed, or never was one. To be asked in the
/// transaction that adds it: a request may have begun before the account was closed.
pub(crate) fn require_open(
    transaction: &Transaction<'_>,
    account: &AccountId,
) -> Result<(), StoreError> {
    let mut statement = transaction.prepare_cached(IS_OPEN)?;
    match statement.query_row([account], |row| row.get(0)).optional()? {
        Some(true) => Ok(()),
        Some(false) => Err(StoreErrorKind::Closed.into()),
        None => Err(StoreError::not_found("account")),
    }
}

pub(crate) fn account_named(
    connection: &Connection,
    name: &str,
) -> Result<Option<AccountId>, StoreError> {
    Ok(connection.query_row(SELECT_BY_NAME, [name], |row| row.get(0)).optional()?)
}

pub(crate) fn insert_account(
    transaction: &Transaction<'_>,
    name: &str,
    now: OffsetDateTime,
) -> Result<AccountId, StoreError> {
    let id = AccountId::new();
    transaction.execute(INSERT, (&id, name, Micros(now)))?;
    Ok(id)
}

/// Refuses names that are empty, too long or would not be read as they are.
pub(crate) fn check_name(what: &str, name: &str, chars_max: usize) -> Result<(), StoreError> {
    let has_length = (1..=chars_max).contains(&name.chars().count());
    if has_length && is_readable(name) && name.trim() == name {
        return Ok(());
    }
    Err(StoreError::invalid(format!(
        "The {what} must have 1 to {chars_max} characters, without spaces at either end, and \
         without characters that are invisible or turn the direction of others."
    )))
}
