//! The text of an API key: `osk_`, an 8-character public id, `_`, 43 characters of secret (256
//! random bits) and a 6-character CRC-32 of everything before, all in base 62.
//!
//! The checksum lets junk be refused without a database read; it protects nothing.

use sha2::{Digest, Sha256};

use crate::ids::random_bytes;

const MARK: &str = "osk_";
const ID_CHARS: usize = 8;
const SECRET_BYTES: usize = 32;
/// 62^43 is just above 2^256.
const SECRET_CHARS: usize = 43;
const CHECKSUM_CHARS: usize = 6;
const SECRET_START: usize = MARK.len() + ID_CHARS + 1;
const CHECKSUM_START: usize = SECRET_START + SECRET_CHARS;
const KEY_CHARS: usize = CHECKSUM_START + CHECKSUM_CHARS;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// An API key in clear. It can be revealed on purpose but not printed, logged or serialised by
/// accident; the store keeps only its SHA-256.
pub struct ApiKey(String);

impl ApiKey {
    /// The text to hand to the key's owner, once.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// A key with fresh random id and secret.
    pub(crate) fn generate() -> Self {
        let mut text = String::with_capacity(KEY_CHARS);
        text.push_str(MARK);
        text.push_str(&random_key_id());
        text.push('_');
        text.push_str(&random_secret());
        Self(with_checksum(text))
    }

    /// The public id within the text.
    pub(crate) fn id(&self) -> &str {
        key_id(&self.0)
    }
}

/// Whether `presented` has the shape of a key and a matching checksum. Reads no database, so it
/// is the cheap first test of a request; only [`Store::authenticate`] says whether the key is
/// good.
///
/// [`Store::authenticate`]: crate::Store::authenticate
pub fn looks_like_a_key(presented: &str) -> bool {
    let bytes = presented.as_bytes();
    if bytes.len() != KEY_CHARS || !presented.starts_with(MARK) || bytes[SECRET_START - 1] != b'_' {
        return false;
    }
    let is_base62 = |part: &[u8]| part.iter().all(u8::is_ascii_alphanumeric);
    if !is_base62(&bytes[MARK.len()..SECRET_START - 1]) || !is_base62(&bytes[SECRET_START..]) {
        return false;
    }
    with_checksum(presented[..CHECKSUM_START].to_owned()) == presented
}

/// The text followed by its checksum.
pub(crate) fn with_checksum(mut text: String) -> String {
    let checksum = crc32fast::hash(text.as_bytes());
    push_base62(&mut text, checksum.to_be_bytes(), CHECKSUM_CHARS);
    text
}

/// The public id of a text for which [`looks_like_a_key`] holds.
pub(crate) fn key_id(text: &str) -> &str {
    &text[MARK.len()..MARK.len() + ID_CHARS]
}

/// The start of a key that may be shown: `osk_` and the public id.
pub(crate) fn key_prefix(id: &str) -> String {
    format!("{MARK}{id}")
}

/// The public id that `text` (an id, a prefix or a whole key) names, if it has such a shape.
pub(crate) fn key_id_named_by(text: &str) -> Option<&str> {
    if looks_like_a_key(text) {
        return Some(key_id(text));
    }
    let id = text.strip_prefix(MARK).unwrap_or(text);
    (id.len() == ID_CHARS && id.bytes().all(|b| b.is_ascii_alphanumeric())).then_some(id)
}

/// SHA-256 of the whole key text.
pub(crate) fn key_digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// 256 random bits, 43 characters.
pub(crate) fn random_secret() -> String {
    let mut text = String::with_capacity(SECRET_CHARS);
    push_base62(&mut text, random_bytes::<SECRET_BYTES>(), SECRET_CHARS);
    text
}

/// A fresh public id.
pub(crate) fn random_key_id() -> String {
    let mut id = String::with_capacity(ID_CHARS);
    while id.len() < ID_CHARS {
        for byte in random_bytes::<16>() {
            // 248 is the largest multiple of 62 in a byte: above it the draw would be uneven.
            if byte < 248 && id.len() < ID_CHARS {
                id.push(char::from(ALPHABET[usize::from(byte % 62)]));
            }
        }
    }
    id
}

/// Appends the big-endian number `number` in base 62, padded to `width` characters.
fn push_base62<const N: usize>(text: &mut String, mut number: [u8; N], width: usize) {
    let mut digits = vec![0; width];
    for digit in digits.iter_mut().rev() {
        let mut remainder = 0_u32;
        for byte in &mut number {
            let dividend = remainder << 8 | u32::from(*byte);
            *byte = (dividend / 62) as u8;
            remainder = dividend % 62;
        }
        *digit = ALPHABET[remainder as usize];
    }
    debug_assert!(number.iter().all(|byte| *byte == 0), "the width holds the number");
    text.extend(digits.into_iter().map(char::from));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_keys_have_the_documented_shape() {
        for _ in 0..200 {
            let key = ApiKey::generate();
            let text = key.reveal();
            assert_eq!(text.len(), 62);
            assert!(looks_like_a_key(text), "{text}");
            assert_eq!(&key_prefix(key.id()), &text[..12]);
            assert_eq!(key_id_named_by(text), Some(key.id()));
        }
    }

    #[test]
    fn every_single_character_change_is_noticed() {
        let key = ApiKey::generate();
        for place in 0..KEY_CHARS {
            let mut bytes = key.reveal().as_bytes().to_vec();
            bytes[place] = if bytes[place] == b'x' { b'y' } else { b'x' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(!looks_like_a_key(&changed), "{place}");
        }
    }

    #[test]
    fn junk_is_refused() {
        let valid = ApiKey::generate().0;
        let junk = [
            String::new(),
            "tlk_123".into(),
            "é".repeat(31),
            "osk_".to_owned() + &"é".repeat(29),
            valid[..61].to_owned(),
            format!("{valid} "),
            format!(" {valid}"),
            valid.to_uppercase(),
            valid.replace("osk_", "tlk_"),
            "a".repeat(1 << 20),
        ];
        for text in junk {
            assert!(!looks_like_a_key(&text), "{}", &text.chars().take(70).collect::<String>());
        }
    }

    #[test]
    fn base62_holds_the_largest_numbers() {
        let mut text = String::new();
        push_base62(&mut text, [0xff; SECRET_BYTES], SECRET_CHARS);
        assert_eq!(text.len(), SECRET_CHARS);
        text.clear();
        push_base62(&mut text, 61_u32.to_be_bytes(), 6);
        assert_eq!(text, "00000z");
        text.clear();
        push_base62(&mut text, u32::MAX.to_be_bytes(), 6);
        assert_eq!(text, "4gfFC3");
    }
}
