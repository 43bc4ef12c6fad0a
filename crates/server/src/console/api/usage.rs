//! `/console/api/usage`: what the account's keys used, as JSON and as CSV.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{Uri, header};
use onespace_store::{Session, UsageRow};
use serde::Serialize;
use time::{Date, Duration, OffsetDateTime};

use crate::app::App;
use crate::console::SignedIn;
use crate::error::{ApiError, ApiResult, blocking};
use crate::query::Query;

/// The longest stretch of days that can be asked for.
const DAYS_MAX: i64 = 366;
const DAYS_DEFAULT: i64 = 30;

/// The use of one key on one day.
#[derive(Serialize)]
struct Row {
    day: String,
    key_id: String,
    key_name: String,
    requests: u64,
    images: u64,
    tokens: u64,
    errors: u64,
}

#[derive(Serialize)]
struct Usage {
    from: String,
    to: String,
    rows: Vec<Row>,
}

/// `GET /console/api/usage`.
pub(crate) async fn show(
    State(app): State<App>,
    SignedIn(session): SignedIn,
    uri: Uri,
) -> ApiResult<Response> {
    let (from, to, rows) = rows(&app, session, &uri).await?;
    let rows = rows.into_iter().map(row).collect();
    Ok(Json(Usage { from: iso(from), to: iso(to), rows }).into_response())
}

/// `GET /console/api/usage.csv`.
pub(crate) async fn download(
    State(app): State<App>,
    SignedIn(session): SignedIn,
    uri: Uri,
) -> ApiResult<Response> {
    let (from, to, rows) = rows(&app, session, &uri).await?;
    let mut text = String::from("day,key_id,key_name,requests,images,tokens,errors\r\n");
    for row in rows.into_iter().map(row) {
        let Row { day, key_id, key_name, requests, images, tokens, errors } = row;
        let name = csv_cell(&key_name);
        text += &format!("{day},{key_id},{name},{requests},{images},{tokens},{errors}\r\n");
    }
    let filename = format!("onespace-usage-{}-{}.csv", iso(from), iso(to));
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{filename}\"")),
    ];
    Ok((headers, text).into_response())
}

async fn rows(app: &App, session: Session, uri: &Uri) -> ApiResult<(Date, Date, Vec<UsageRow>)> {
    let query = Query::of(uri, &["days"])?;
    let days = match query.last("days") {
        None => DAYS_DEFAULT,
        Some(text) => {
            let days = text.parse().ok().filter(|days| (1..=DAYS_MAX).contains(days));
            let what = format!("must be a whole number from 1 to {DAYS_MAX}.");
            days.ok_or_else(|| ApiError::invalid("days", what))?
        }
    };
    let to = OffsetDateTime::now_utc().date();
    let from = to - Duration::days(days - 1);
    let store = app.store.clone();
    let rows = blocking(move || store.usage(&session.scope, from, to)).await?;
    Ok((from, to, rows))
}

fn row(row: UsageRow) -> Row {
    let UsageRow { day, key_id, key_name, counts } = row;
    let (requests, images) = (counts.requests, counts.images);
    let (tokens, errors) = (counts.tokens, counts.errors);
    Row { day: iso(day), key_id, key_name, requests, images, tokens, errors }
}

fn iso(day: Date) -> String {
    format!("{:04}-{:02}-{:02}", day.year(), u8::from(day.month()), day.day())
}

/// What begins a formula, in table calculations of East Asia also at full width.
const FORMULA_BEGINS: [char; 10] = ['=', '+', '-', '@', '＝', '＋', '－', '＠', '\t', '\r'];
/// What ends a cell, in this or another country: many take a semicolon, and then quotes within a
/// line do not hold a cell together.
const SEPARATORS: [char; 4] = [',', ';', '\t', '|'];

/// A cell in quotes, no part of which a table calculation takes for a formula.
fn csv_cell(text: &str) -> String {
    let mut cell = String::from("\"");
    let mut begins = true;
    for character in text.chars() {
        if begins && FORMULA_BEGINS.contains(&character) {
            cell.push('\'');
        }
        // Spaces and quotes before a formula are skipped by some.
        begins = SEPARATORS.contains(&character)
            || begins && (character.is_whitespace() || character == '"');
        cell.push(character);
        if character == '"' {
            cell.push('"');
        }
    }
    cell + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_keys_cannot_leave_their_cell() {
        let cases = [
            ("laptop", "\"laptop\""),
            ("a,b\"c", "\"a,b\"\"c\""),
            ("=1+1", "\"'=1+1\""),
            ("@x", "\"'@x\""),
            ("a = 1 - 2", "\"a = 1 - 2\""),
            ("＝1+1", "\"'＝1+1\""),
            (" =1", "\" '=1\""),
            ("a;=1+1", "\"a;'=1+1\""),
            ("a; \"=1+1", "\"a; \"\"'=1+1\""),
            ("a|-1", "\"a|'-1\""),
        ];
        for (name, cell) in cases {
            assert_eq!(csv_cell(name), cell);
        }
    }
}
