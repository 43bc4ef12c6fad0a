//! What each key used on each day, counted exactly.
//!
//! Counts are added before their answers leave, many answers in one transaction. That transaction
//! is not synced by itself: the operating system has it, so `kill -9` and crashes of the program
//! lose nothing, and a power cut loses no more than what was added since the last
//! [`Store::sync_usage`] (or any other commit, since all share one log).

use std::collections::BTreeMap;

use rusqlite::{Row, Transaction};
use time::Date;

use crate::error::StoreError;
use crate::scope::OwnerScope;
use crate::store::Store;

const ADD: &str = "INSERT INTO usage (key_id, day, requests, images, tokens, errors) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
     ON CONFLICT (key_id, day) DO UPDATE SET requests = requests + excluded.requests, \
     images = images + excluded.images, tokens = tokens + excluded.tokens, \
     errors = errors + excluded.errors";
const SELECT: &str = "SELECT day, key_id, keys.name, requests, images, tokens, errors \
     FROM usage JOIN keys ON keys.id = key_id WHERE account_id = ?1 AND day BETWEEN ?2 AND ?3 \
     ORDER BY day, keys.created_at, key_id";

/// 1970-01-01 as a Julian day.
const EPOCH_JULIAN_DAY: i32 = 2_440_588;

/// What is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsageCounts {
    /// Requests answered.
    pub requests: u64,
    /// Pictures embedded.
    pub images: u64,
    /// Tokens read by the model, of text and of pictures.
    pub tokens: u64,
    /// Requests answered with a status of 400 or above.
    pub errors: u64,
}

impl UsageCounts {
    fn add(&mut self, more: Self) {
        self.requests += more.requests;
        self.images += more.images;
        self.tokens += more.tokens;
        self.errors += more.errors;
    }
}

/// Counts on their way into the store.
#[derive(Clone, Debug, Default)]
pub struct UsageBatch(BTreeMap<(String, i32), UsageCounts>);

impl UsageBatch {
    /// Adds what the key of `scope` used on `day` (UTC).
    pub fn add(&mut self, scope: &OwnerScope, day: Date, counts: UsageCounts) {
        self.0.entry((scope.key_id().to_owned(), day_number(day))).or_default().add(counts);
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The use of one key on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageRow {
    /// The day, in UTC.
    pub day: Date,
    /// The public id of the key.
    pub key_id: String,
    /// The name of the key.
    pub key_name: String,
    /// What it used.
    pub counts: UsageCounts,
}

impl Store {
    /// Adds counts, all or none. They survive the end of this process at once, and a power cut
    /// after the next [`Store::sync_usage`].
    pub fn add_usage(&self, batch: &UsageBatch) -> Result<(), StoreError> {
        self.database().write_unsynced(|transaction| add_all(transaction, batch))
    }

    /// Makes all counts added so far durable.
    pub fn sync_usage(&self) -> Result<(), StoreError> {
        self.database().sync_log()
    }

    /// What the account's keys used from the day `from` to the day `to`, both included; days
    /// without use are left out.
    pub fn usage(
        &self,
        scope: &OwnerScope,
        from: Date,
        to: Date,
    ) -> Result<Vec<UsageRow>, StoreError> {
        self.database().read(|connection| {
            let mut statement = connection.prepare_cached(SELECT)?;
            let parameters = (scope.account(), day_number(from), day_number(to));
            Ok(statement.query_map(parameters, usage_row)?.collect::<Result<_, _>>()?)
        })
    }
}

/// Adds counts within a transaction that does more.
pub(crate) fn add_all(transaction: &Transaction<'_>, batch: &UsageBatch) -> Result<(), StoreError> {
    let mut statement = transaction.prepare_cached(ADD)?;
    for ((key_id, day), counts) in &batch.0 {
        let UsageCounts { requests, images, tokens, errors } = *counts;
        statement.execute((key_id, day, requests, images, tokens, errors))?;
    }
    Ok(())
}

fn day_number(day: Date) -> i32 {
    day.to_julian_day() - EPOCH_JULIAN_DAY
}

fn usage_row(row: &Row<'_>) -> rusqlite::Result<UsageRow> {
    let day: i32 = row.get(0)?;
    let day = Date::from_julian_day(day.saturating_add(EPOCH_JULIAN_DAY))
        .map_err(|_| rusqlite::Error::IntegralValueOutOfRange(0, day.into()))?;
    Ok(UsageRow {
        day,
        key_id: row.get(1)?,
        key_name: row.get(2)?,
        counts: UsageCounts {
            requests: row.get(3)?,
            images: row.get(4)?,
            tokens: row.get(5)?,
            errors: row.get(6)?,
        },
    })
}
