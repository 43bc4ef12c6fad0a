//! The forms of an asset's name and type that filters compare.

/// The class of media that a MIME type belongs to: `image`, `video`, `audio` or `document`.
pub(super) fn media_type(file_type: &str) -> &'static str {
    match file_type.split('/').next() {
        Some("image") => "image",
        Some("video") => "video",
        Some("audio") => "audio",
        _ => "document",
    }
}

/// A form in which texts that differ only in case are equal. By way of upper case, because some
/// letters (ς and σ) share only that.
pub(super) fn fold_case(text: &str) -> String {
    text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}
