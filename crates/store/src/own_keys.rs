//! The keys of one account, as its owner sees and changes them.

use rusqlite::OptionalExtension;
use time::OffsetDateTime;

use crate::error::StoreError;
use crate::key_text::ApiKey;
use crate::keys::{KeyRecord, record, select_records};
use crate::rows::Micros;
use crate::scope::OwnerScope;
use crate::store::Store;

const SELECT_OWN: &str = select_records!("AND keys.account_id = ?1");
const REVOKE: &str = "UPDATE keys SET revoked_at = ?3 \
     WHERE id = ?1 AND account_id = ?2 AND is_console = 0 AND revoked_at IS NULL";
const EXISTS: &str = "SELECT 1 FROM keys WHERE id = ?1 AND account_id = ?2 AND is_console = 0";

impl Store {
    /// The account's keys, oldest first; the one by which its browser acts is left out.
    pub fn own_keys(&self, scope: &OwnerScope) -> Result<Vec<KeyRecord>, StoreError> {
        self.database().read(|connection| {
            let mut statement = connection.prepare_cached(SELECT_OWN)?;
            Ok(statement.query_map([scope.account()], record)?.collect::<Result<_, _>>()?)
        })
    }

    /// Makes a key for the account, as [`Store::create_key`] does.
    pub fn create_own_key(
        &self,
        scope: &OwnerScope,
        name: &str,
        expires_at: Option<OffsetDateTime>,
    ) -> Result<(ApiKey, KeyRecord), StoreError> {
        self.create_key(scope.account(), name, expires_at)
    }

    /// Revokes the account's key with this id, effective at once. False if there is none, or it
    /// is not the caller's; a key that was revoked before stays as it was.
    pub fn revoke_own_key(&self, scope: &OwnerScope, id: &str) -> Result<bool, StoreError> {
        self.database().write(|transaction| {
            let now = Micros(self.now());
            transaction.execute(REVOKE, (id, scope.account(), now))?;
            let found = transaction.query_row(EXISTS, (id, scope.account()), |_| Ok(()));
            Ok(found.optional()?.is_some())
        })
    }
}
