//! How Rust values are written into columns: times as integer microseconds, JSON and enumerations
//! as text.

use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};
use serde::Serialize;
use serde::de::DeserializeOwned;
use time::OffsetDateTime;

/// A time as integer microseconds since 1970 UTC.
#[derive(Clone, Copy)]
pub(crate) struct Micros(pub(crate) OffsetDateTime);

/// `time` cut to what a column holds, in UTC.
pub(crate) fn to_stored_precision(time: OffsetDateTime) -> OffsetDateTime {
    let cut = time.nanosecond() % 1000;
    (time - time::Duration::nanoseconds(i64::from(cut))).to_offset(time::UtcOffset::UTC)
}

impl ToSql for Micros {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        // Years up to 9999 take 58 bits.
        Ok(ToSqlOutput::from((self.0.unix_timestamp_nanos().div_euclid(1000)) as i64))
    }
}

impl FromSql for Micros {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let micros = value.as_i64()?;
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000)
            .map(Self)
            .map_err(|_| FromSqlError::OutOfRange(micros))
    }
}

/// A value as JSON text.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: Serialize> ToSql for Json<T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        serde_json::to_string(&self.0)
            .map(ToSqlOutput::from)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
    }
}

impl<T: DeserializeOwned> FromSql for Json<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_str(value.as_str()?)
            .map(Self)
            .map_err(|error| FromSqlError::Other(Box::new(error)))
    }
}

/// Gives an enumeration its wire and column texts.
macro_rules! text_enum {
    ($name:ident { $($variant:ident => $text:literal),+ $(,)? }) => {
        impl $name {
            /// The lower-case word for it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text),+
                }
            }

            /// The value that `text` names.
            pub fn parse(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }

        impl rusqlite::ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
                Ok(self.as_str().into())
            }
        }

        impl rusqlite::types::FromSql for $name {
            fn column_result(
                value: rusqlite::types::ValueRef<'_>,
            ) -> rusqlite::types::FromSqlResult<Self> {
                Self::parse(value.as_str()?).ok_or(rusqlite::types::FromSqlError::InvalidType)
            }
        }
    };
}
pub(crate) use text_enum;

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn times_survive_a_column_to_the_microsecond() {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        for time in [
            datetime!(2026-08-01 10:00:00.123456789 +2),
            datetime!(1969-12-31 23:59:59.999999999 UTC),
            datetime!(9999-12-31 23:59:59 UTC),
        ] {
            let read: Micros =
                connection.query_row("SELECT ?1", [Micros(time)], |row| row.get(0)).unwrap();
            assert_eq!(read.0, to_stored_precision(time));
            assert!(time - read.0 < time::Duration::microseconds(1));
        }
    }
}
