//! Accounts, the owners of everything.

use rusqlite::{Connection, OptionalExtension};

use crate::error::StoreError;
use crate::ids::AccountId;
use crate::rows::Micros;
use crate::store::Store;

const NAME_CHARS_MAX: usize = 64;

const SELECT_BY_NAME: &str = "SELECT id FROM accounts WHERE name = ?1";
const INSERT: &str = "INSERT INTO accounts (id, name, created_at) VALUES (?1, ?2, ?3)";

impl Store {
    /// The account called `name` (1 to 64 characters), made if there is none.
    pub fn ensure_account(&self, name: &str) -> Result<AccountId, StoreError> {
        check_name("account name", name)?;
        if let Some(id) = self.database().read(|connection| account_named(connection, name))? {
            return Ok(id);
        }
        self.database().write(|transaction| {
            // Another process may have made it since.
            if let Some(id) = account_named(transaction, name)? {
                return Ok(id);
            }
            let id = AccountId::new();
            transaction.execute(INSERT, (&id, name, Micros(self.now())))?;
            Ok(id)
        })
    }
}

fn account_named(connection: &Connection, name: &str) -> Result<Option<AccountId>, StoreError> {
    Ok(connection.query_row(SELECT_BY_NAME, [name], |row| row.get(0)).optional()?)
}

/// Refuses names that are empty, too long or would not print on one line.
pub(crate) fn check_name(what: &str, name: &str) -> Result<(), StoreError> {
    let is_printable = !name.chars().any(char::is_control);
    if is_printable && name.trim() == name && (1..=NAME_CHARS_MAX).contains(&name.chars().count()) {
        return Ok(());
    }
    Err(StoreError::invalid(format!(
        "The {what} must have 1 to {NAME_CHARS_MAX} characters, without control characters and \
         without spaces at either end."
    )))
}
