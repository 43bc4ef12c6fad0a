//! Which passwords are taken, and what is stored of them: argon2id (RFC 9106) with the parameters
//! that OWASP's password storage guide names first for servers.

use std::collections::HashSet;
use std::sync::LazyLock;

use argon2::{Algorithm, Argon2, Params, Version};
use subtle::ConstantTimeEq;

use crate::error::{StoreError, StoreErrorKind};
use crate::ids::random_bytes;

/// The fewest characters of a password.
pub const PASSWORD_CHARS_MIN: usize = 8;
/// The most characters of a password: enough for any phrase.
const PASSWORD_CHARS_MAX: usize = 256;
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
pub(super) const DIGEST_BYTES: usize = 32;
const SALT_BYTES: usize = 16;

/// The 3,000 most frequent passwords of at least [`PASSWORD_CHARS_MIN`] characters, most frequent
/// first; from zxcvbn 4.4.2 (MIT licence), which counted them in published leaks.
const COMMON_PASSWORDS: &str = include_str!("common_passwords.txt");

/// What is stored of a password.
pub(crate) struct PasswordRecord {
    pub(crate) salt: [u8; SALT_BYTES],
    pub(crate) digest: [u8; DIGEST_BYTES],
}

impl PasswordRecord {
    /// A record with a fresh salt. Takes some 20 ms and [`MEMORY_KIB`].
    pub(crate) fn of(password: &str) -> Result<Self, StoreError> {
        let salt = random_bytes();
        Ok(Self { salt, digest: digest(password, &salt)? })
    }

    /// Whether `password` is the one of this record.
    pub(crate) fn fits(&self, password: &str) -> Result<bool, StoreError> {
        // What is longer was never stored, and need not be hashed.
        if password.chars().count() > PASSWORD_CHARS_MAX {
            return Ok(false);
        }
        Ok(digest(password, &self.salt)?.ct_eq(&self.digest).into())
    }

    /// A record that nothing fits, so that an unknown user takes as long as a known one.
    pub(crate) fn of_nobody() -> Self {
        Self { salt: [0; SALT_BYTES], digest: random_bytes() }
    }
}

/// Refuses passwords that are too short, too long, or among the first that are tried.
pub(crate) fn check_password(password: &str, email: &str) -> Result<(), StoreError> {
    let length = password.chars().count();
    if length < PASSWORD_CHARS_MIN {
        return Err(StoreError::invalid(format!(
            "The password must have at least {PASSWORD_CHARS_MIN} characters; 15 and more are better."
        )));
    }
    if length > PASSWORD_CHARS_MAX {
        return Err(StoreError::invalid(format!(
            "The password must have at most {PASSWORD_CHARS_MAX} characters."
        )));
    }
    static COMMON: LazyLock<HashSet<&str>> = LazyLock::new(|| COMMON_PASSWORDS.lines().collect());
    let lower = password.to_lowercase();
    if COMMON.contains(lower.as_str()) {
        return Err(StoreError::invalid(
            "This password is among the most common ones, which are tried first. Choose another.",
        ));
    }
    let email = email.to_lowercase();
    if lower == email || email.split('@').next() == Some(&lower) {
        return Err(StoreError::invalid("The password must not be the e-mail address."));
    }
    Ok(())
}

fn digest(password: &str, salt: &[u8]) -> Result<[u8; DIGEST_BYTES], StoreError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(DIGEST_BYTES))
        .expect("the constants are within argon2's bounds");
    let mut digest = [0; DIGEST_BYTES];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password.as_bytes(), salt, &mut digest)
        .map_err(|error| {
            tracing::error!(%error, "a password could not be hashed");
            StoreError::from(StoreErrorKind::Database)
        })?;
    Ok(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_password_fits() {
        let record = PasswordRecord::of("correct horse battery").unwrap();
        assert!(record.fits("correct horse battery").unwrap());
        for wrong in
            ["correct horse batterz", "", "Correct horse battery", "correct horse battery "]
        {
            assert!(!record.fits(wrong).unwrap(), "{wrong}");
        }
        let again = PasswordRecord::of("correct horse battery").unwrap();
        assert_ne!(record.digest, again.digest, "salted");
        assert!(!PasswordRecord::of_nobody().fits("correct horse battery").unwrap());
    }

    /// Computed with the reference implementation (argon2-cffi 25.1).
    #[test]
    fn digests_are_argon2id_with_the_documented_cost() {
        let expected = "2b5dc4054886ec957ef59c73b661c54dd6fb274590b278f657c6d96aac8fa6d1";
        let ours = hex::encode(digest("password", b"somesaltsomesalt").unwrap());
        assert_eq!(ours, expected);
    }

    #[test]
    fn the_list_holds_three_thousand_that_are_long_enough() {
        let common: Vec<_> = COMMON_PASSWORDS.lines().collect();
        assert_eq!(common.len(), 3_000);
        assert!(common.iter().all(|password| password.len() >= PASSWORD_CHARS_MIN));
        for password in common {
            assert!(check_password(password, "a@b.c").is_err(), "{password}");
            assert!(check_password(&password.to_uppercase(), "a@b.c").is_err(), "{password}");
        }
    }

    #[test]
    fn any_long_enough_password_is_taken_whatever_is_in_it() {
        let longest = "é".repeat(PASSWORD_CHARS_MAX);
        for good in ["k7#pqz!m", "        x", "correct horse battery", "пароль из слов", &longest]
        {
            check_password(good, "a@b.c").unwrap();
        }
        let long_mail = "somebody@example.com";
        for bad in ["", "1234567", "seven77", long_mail, "SOMEBODY", &format!("{longest}x")] {
            assert!(check_password(bad, long_mail).is_err(), "{bad}");
        }
    }
}
