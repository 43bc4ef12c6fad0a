//! One creation or deletion at a time for each asset id: a second creation under the same id must
//! not replace the file of the first.

use std::collections::HashSet;
use std::sync::{Condvar, Mutex, PoisonError};

use crate::ids::AssetId;

/// The assets being created or deleted now.
#[derive(Default)]
pub(crate) struct AssetClaims {
    held: Mutex<HashSet<AssetId>>,
    released: Condvar,
}

/// The sole right to create or delete an asset, until dropped.
pub(crate) struct AssetClaim<'a> {
    claims: &'a AssetClaims,
    id: &'a AssetId,
}

impl AssetClaims {
    /// Waits until no other thread holds `id`.
    pub(crate) fn acquire<'a>(&'a self, id: &'a AssetId) -> AssetClaim<'a> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        while !held.insert(id.clone()) {
            held = self.released.wait(held).unwrap_or_else(PoisonError::into_inner);
        }
        AssetClaim { claims: self, id }
    }
}

impl Drop for AssetClaim<'_> {
    fn drop(&mut self) {
        self.claims.held.lock().unwrap_or_else(PoisonError::into_inner).remove(self.id);
        self.claims.released.notify_all();
    }
}
