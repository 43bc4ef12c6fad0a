//! Accounts, the owners of everything.

use rusqlite::{Connection, OptionalExtension, Transaction};
use time::OffsetDateTime;

use crate::error::StoreError;
use crate::ids::AccountId;
use crate::rows::Micros;
use crate::store::Store;

/// The longest name of a key.
pub(crate) const KEY_NAME_CHARS_MAX: usize = 64;
/// The longest name of an account: an e-mail address fits.
const ACCOUNT_NAME_CHARS_MAX: usize = 254;

const SELECT_BY_NAME: &str = "SELECT id FROM accounts WHERE name = ?1";
const INSERT: &str = "INSERT INTO accounts (id, name, created_at) VALUES (?1, ?2, ?3)";

impl Store {
    /// The account called `name` (1 to 254 characters), made if there is none.
    pub fn ensure_account(&self, name: &str) -> Result<AccountId, StoreError> {
        check_name("account name", name, ACCOUNT_NAME_CHARS_MAX)?;
        if let Some(id) = self.database().read(|connection| account_named(connection, name))? {
            return Ok(id);
        }
        self.database().write(|transaction| {
            // Another process may have made it since.
            if let Some(id) = account_named(transaction, name)? {
                return Ok(id);
            }
            insert_account(transaction, name, self.now())
        })
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

/// Refuses names that are empty, too long or would not print on one line.
pub(crate) fn check_name(what: &str, name: &str, chars_max: usize) -> Result<(), StoreError> {
    let is_printable = !name.chars().any(char::is_control);
    if is_printable && name.trim() == name && (1..=chars_max).contains(&name.chars().count()) {
        return Ok(());
    }
    Err(StoreError::invalid(format!(
        "The {what} must have 1 to {chars_max} characters, without control characters and \
         without spaces at either end."
    )))
}
