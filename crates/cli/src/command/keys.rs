//! `keys`: make, list and revoke, on the database itself, so that it works while a server runs.

use onespace_store::{Access, KeyRecord, RevokeOutcome, Store};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::arguments::{DataArguments, KeysAction, KeysArguments};
use crate::expiry::Expiry;
use crate::failure::Failure;
use crate::output::{note, say, say_json, table};

pub(crate) fn run(arguments: KeysArguments) -> Result<(), Failure> {
    match arguments.action {
        KeysAction::Create { name, expires, account, json, data } => {
            create(&open(&data)?, &name, expires, &account, json)
        }
        KeysAction::List { json, data } => list(&open_existing(&data)?, json),
        KeysAction::Revoke { key, json, data } => revoke(&open_existing(&data)?, &key, json),
    }
}

/// Opens a data directory that is there: looking must not make one.
pub(crate) fn open_existing(data: &DataArguments) -> Result<Store, Failure> {
    if !data.data_dir.is_dir() {
        let folder = data.data_dir.display();
        return Err(Failure::new(format!(
            "There is no data directory {folder}; name the server's with --data-dir."
        )));
    }
    open(data)
}

fn open(data: &DataArguments) -> Result<Store, Failure> {
    Store::open(&data.data_dir, Access::Administer).map_err(storage_failure)
}

/// A fault of the store; its text is made for users.
pub(crate) fn storage_failure(error: onespace_store::StoreError) -> Failure {
    Failure::because("The data directory cannot be used.", error)
}

fn create(
    store: &Store,
    name: &str,
    expires: Expiry,
    account: &str,
    as_json: bool,
) -> Result<(), Failure> {
    let account = store.ensure_account(account).map_err(storage_failure)?;
    let expires_at = expires.after(OffsetDateTime::now_utc());
    let (key, record) = store.create_key(&account, name, expires_at).map_err(storage_failure)?;
    if as_json {
        let mut value = described(&record);
        value["key"] = key.reveal().into();
        return say_json(&value);
    }
    say(key.reveal());
    let end = record.expires_at.map_or_else(|| "never".to_owned(), date);
    note(&format!("Key `{}` of account `{}`, expires: {end}.", record.name, record.account));
    note("It is shown this once. Send it in the header `x-api-key`.");
    Ok(())
}

fn list(store: &Store, as_json: bool) -> Result<(), Failure> {
    let keys = store.list_keys().map_err(storage_failure)?;
    if as_json {
        return keys.iter().try_for_each(|key| say_json(&described(key)));
    }
    let rows: Vec<_> = keys.iter().map(row).collect();
    table(&["PREFIX", "NAME", "ACCOUNT", "STATE", "CREATED", "EXPIRES", "LAST USED"], &rows)
        .iter()
        .for_each(|line| say(line));
    Ok(())
}

fn revoke(store: &Store, key: &str, as_json: bool) -> Result<(), Failure> {
    match store.revoke_key(key).map_err(storage_failure)? {
        RevokeOutcome::Revoked(record) if as_json => say_json(&described(&record)),
        RevokeOutcome::Revoked(record) => {
            say(&format!("Key `{}` ({}) is revoked.", record.name, record.prefix));
            Ok(())
        }
        RevokeOutcome::AlreadyRevoked => {
            note("The key was revoked before.");
            Ok(())
        }
        RevokeOutcome::NotFound => Err(Failure::new(format!(
            "No key has the id, prefix or name `{key}`; `onespace keys list` shows them all."
        ))),
        RevokeOutcome::Ambiguous(count) => Err(Failure::new(format!(
            "{count} keys are named `{key}`: name one by its prefix, from `onespace keys list`."
        ))),
    }
}

fn state(key: &KeyRecord) -> &'static str {
    if key.revoked_at.is_some() {
        "revoked"
    } else if key.expires_at.is_some_and(|end| end <= OffsetDateTime::now_utc()) {
        "expired"
    } else {
        "active"
    }
}

pub(crate) fn date(time: OffsetDateTime) -> String {
    time.date().to_string()
}

fn row(key: &KeyRecord) -> Vec<String> {
    let or = |time: Option<OffsetDateTime>| time.map_or_else(|| "never".to_owned(), date);
    vec![
        key.prefix.clone(),
        key.name.clone(),
        key.account.clone(),
        state(key).to_owned(),
        date(key.created_at),
        or(key.expires_at),
        or(key.last_used_at),
    ]
}

fn described(key: &KeyRecord) -> Value {
    let text = |time: OffsetDateTime| time.format(&Rfc3339).unwrap_or_default();
    json!({
        "id": key.id,
        "prefix": key.prefix,
        "name": key.name,
        "account": key.account,
        "state": state(key),
        "created_at": text(key.created_at),
        "expires_at": key.expires_at.map(text),
        "revoked_at": key.revoked_at.map(text),
        "last_used_at": key.last_used_at.map(text),
    })
}
