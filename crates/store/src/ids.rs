//! Identifiers of stored resources: 24 lower-case hexadecimal digits, the first twelve of them the
//! creation time in milliseconds, the rest random.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// Digits in an identifier.
pub(crate) const ID_DIGITS: usize = 24;

/// Fills an array with bytes from the operating system's generator.
pub(crate) fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system provides random bytes");
    bytes
}

/// A fresh identifier text: six bytes of Unix milliseconds, six random bytes.
pub(crate) fn fresh_id() -> String {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // 48 bits of milliseconds last until the year 10889.
    let time = (elapsed.as_millis() as u64).to_be_bytes();
    let mut bytes = [0; ID_DIGITS / 2];
    bytes[..6].copy_from_slice(&time[2..]);
    bytes[6..].copy_from_slice(&random_bytes::<6>());
    hex::encode(bytes)
}

/// Whether `text` has the shape of an identifier.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == ID_DIGITS && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

macro_rules! resource_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// A fresh identifier; later ones sort after earlier ones (to the millisecond).
            #[expect(clippy::new_without_default, reason = "a random value is no default")]
            pub fn new() -> Self {
                Self(fresh_id())
            }

            /// The identifier written as `text`, or `None` unless it is 24 lower-case hex digits.
            pub fn parse(text: &str) -> Option<Self> {
                is_id(text).then(|| Self(text.to_owned()))
            }

            /// The 24 digits.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl rusqlite::ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
                self.0.to_sql()
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

resource_id!(
    /// Names an account, the owner of keys, assets, uploads and tasks.
    AccountId
);
resource_id!(
    /// Names an asset.
    AssetId
);
resource_id!(
    /// Names a multipart upload.
    UploadId
);
resource_id!(
    /// Names an embedding task.
    TaskId
);
resource_id!(
    /// Names a user of the console.
    UserId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_24_lower_case_hex_digits_parse() {
        let id = AssetId::new();
        assert_eq!(AssetId::parse(id.as_str()), Some(id.clone()));
        assert_eq!(id.to_string().len(), ID_DIGITS);
        for bad in ["", "abc", "65f0c0ffee0123456789abcg", "65F0C0FFEE0123456789ABCD", "../../etc"]
        {
            assert_eq!(AssetId::parse(bad), None, "{bad}");
        }
        assert_eq!(AssetId::parse(&format!("{id}0")), None);
    }

    #[test]
    fn later_identifiers_sort_later_and_never_repeat() {
        let first = TaskId::new();
        std::thread::sleep(std::time::Duration::from_millis(3));
        assert!(first < TaskId::new());
        let many: std::collections::HashSet<_> = (0..10_000).map(|_| UploadId::new()).collect();
        assert_eq!(many.len(), 10_000);
    }
}
