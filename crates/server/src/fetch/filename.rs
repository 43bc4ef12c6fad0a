//! The file name that a URL suggests.

/// Longest file name, in bytes (the wire allows 255 characters).
const FILENAME_BYTES_MAX: usize = 255;

/// The last segment of a URL path, percent-decoded, without path separators and control
/// characters; `None` if nothing usable is left. Bytes that are not UTF-8 become U+FFFD.
pub(super) fn from_url_path(path: &str) -> Option<String> {
    let segment = path.rsplit('/').next().unwrap_or_default();
    let decoded = percent_decoded(segment);
    let name = String::from_utf8_lossy(&decoded);
    // A decoded separator starts a new name: directories are never kept.
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut clean: String = name.chars().filter(|c| !c.is_control()).collect();
    clean.truncate(clean.floor_char_boundary(FILENAME_BYTES_MAX));
    let clean = clean.trim();
    let usable = !clean.is_empty() && clean.chars().any(|c| c != '.');
    usable.then(|| clean.to_owned())
}

/// Replaces each `%XX`; a percent sign without two hex digits stays.
fn percent_decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = (byte == b'%').then(|| bytes.get(at + 1..at + 3)).flatten();
        match escaped.and_then(hex_byte) {
            Some(value) => {
                decoded.push(value);
                at += 3;
            }
            None => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    decoded
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    let high = char::from(digits[0]).to_digit(16)?;
    let low = char::from(digits[1]).to_digit(16)?;
    u8::try_from(high * 16 + low).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_last_segment_and_leaves_nothing_harmful() {
        for (path, name) in [
            ("/a/cat.png", Some("cat.png")),
            ("/a%20cat.png", Some("a cat.png")),
            ("/%E7%8C%AB.jpg", Some("猫.jpg")),
            ("/x/..%2f..%2fetc%2fpasswd", Some("passwd")),
            ("/a%5Cb.png", Some("b.png")),
            ("/a%00b%0d%0a.png", Some("ab.png")),
            ("/%", Some("%")),
            ("/%4", Some("%4")),
            ("/%zz.png", Some("%zz.png")),
            ("/%FF.png", Some("\u{fffd}.png")),
            ("/", None),
            ("", None),
            ("/dir/", None),
            ("/%2e%2e", None),
            ("/%20", None),
        ] {
            assert_eq!(from_url_path(path).as_deref(), name, "{path}");
        }
        let long = from_url_path(&format!("/{}", "%E7%8C%AB".repeat(200))).unwrap();
        assert_eq!(long.len(), 255);
    }
}
