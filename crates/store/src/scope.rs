//! Proof of whose data a caller may touch.

use crate::ids::AccountId;

/// The account on whose behalf a query runs. Every method on owned data takes one.
///
/// There is no public constructor: a scope comes from [`Store::authenticate`], from a
/// [`Session`](crate::Session), from a verified
/// part token ([`PartPass::scope`]) or from a claimed task ([`ClaimedTask::scope`]).
///
/// [`Store::authenticate`]: crate::Store::authenticate
/// [`PartPass::scope`]: crate::PartPass::scope
/// [`ClaimedTask::scope`]: crate::ClaimedTask
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerScope {
    account: AccountId,
    key_id: String,
}

impl OwnerScope {
    /// For the queries that establish whose data it is.
    pub(crate) fn new(account: AccountId, key_id: String) -> Self {
        Self { account, key_id }
    }

    /// The owning account.
    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// The public id (8 characters) of the key behind the request that started this work.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }
}
