//! `accounts`: the users of the console, on the database itself, so that it works while a server
//! runs, and for an administrator who forgot the password.

use onespace_server::public_url::PublicUrl;
use onespace_store::{Member, Store};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::keys::{date, open_existing, storage_failure};
use crate::arguments::{AccountsAction, AccountsArguments};
use crate::failure::Failure;
use crate::output::{note, say, say_json, table};

pub(crate) fn run(arguments: AccountsArguments) -> Result<(), Failure> {
    match arguments.action {
        AccountsAction::List { json, data } => list(&open_existing(&data)?, json),
        AccountsAction::ResetPassword { email, public_url, json, data } => {
            reset_password(&open_existing(&data)?, &email, &public_url, json)
        }
    }
}

fn list(store: &Store, as_json: bool) -> Result<(), Failure> {
    let members = store.members().map_err(storage_failure)?;
    if as_json {
        return members.iter().try_for_each(|member| say_json(&described(member)));
    }
    let rows: Vec<_> = members.iter().map(row).collect();
    table(&["E-MAIL", "ROLE", "ACCOUNT", "JOINED", "LAST SEEN"], &rows)
        .iter()
        .for_each(|line| say(line));
    Ok(())
}

fn reset_password(
    store: &Store,
    email: &str,
    public_url: &PublicUrl,
    as_json: bool,
) -> Result<(), Failure> {
    let user = store.user_with_email(email).map_err(storage_failure)?.ok_or_else(|| {
        Failure::new(format!(
            "No user has the e-mail address `{email}`; `onespace accounts list` shows them all."
        ))
    })?;
    let (secret, expires_at) = store.issue_password_reset(&user.id).map_err(storage_failure)?;
    let link = format!("{public_url}/#/reset/{}", secret.reveal());
    if as_json {
        return say_json(
            &json!({"email": user.email, "link": link, "expires_at": text(expires_at)}),
        );
    }
    say(&link);
    note(&format!(
        "Open it in a browser to set a new password for {}. It works once, for 24 hours; a new \
         link ends it.",
        user.email
    ));
    Ok(())
}

fn role(member: &Member) -> &'static str {
    if member.user.is_admin { "administrator" } else { "member" }
}

fn text(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).unwrap_or_default()
}

fn row(member: &Member) -> Vec<String> {
    vec![
        member.user.email.clone(),
        role(member).to_owned(),
        member.account.clone(),
        date(member.created_at),
        member.last_seen_at.map_or_else(|| "not lately".to_owned(), date),
    ]
}

fn described(member: &Member) -> Value {
    json!({
        "email": member.user.email,
        "role": role(member),
        "account": member.account,
        "created_at": text(member.created_at),
        "last_seen_at": member.last_seen_at.map(text),
    })
}
