//! The four picture formats and how they are told apart.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A picture format that can be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageFormat {
    /// JPEG: baseline, extended or progressive, Huffman coded, 8 bits per sample.
    Jpeg,
    /// PNG, animated ones included.
    Png,
    /// WebP: lossy, lossless, extended, animated.
    WebP,
    /// GIF 87a or 89a.
    Gif,
}

impl ImageFormat {
    /// The media type, for example `image/jpeg`.
    #[must_use]
    pub fn mime(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::WebP => "image/webp",
            Self::Gif => "image/gif",
        }
    }

    /// The usual file name extension, without a dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::WebP => "webp",
            Self::Gif => "gif",
        }
    }
}

impl fmt::Display for ImageFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
            Self::Gif => "GIF",
        })
    }
}

/// Tells the format of a file from its first twelve bytes, or `None` where it is none of the four.
///
/// A match says what the file claims to be, not that it decodes.
#[must_use]
pub fn sniff(bytes: &[u8]) -> Option<ImageFormat> {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => Some(ImageFormat::Jpeg),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(ImageFormat::Png),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(ImageFormat::WebP),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(ImageFormat::Gif),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_four_formats_and_nothing_else() {
        let cases: [(&[u8], Option<ImageFormat>); 12] = [
            (b"\xff\xd8\xff\xe0", Some(ImageFormat::Jpeg)),
            (b"\x89PNG\r\n\x1a\n", Some(ImageFormat::Png)),
            (b"RIFF\x00\x00\x00\x00WEBPVP8 ", Some(ImageFormat::WebP)),
            (b"GIF89a", Some(ImageFormat::Gif)),
            (b"GIF87a", Some(ImageFormat::Gif)),
            (b"", None),
            (b"\xff\xd8", None),
            (b"RIFF\x00\x00\x00\x00WAVE", None),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", None),
            (b"%PDF-1.7", None),
            (b"\x00\x00\x00\x18ftypheic", None),
            (b"II*\x00", None),
        ];
        for (bytes, expected) in cases {
            assert_eq!(sniff(bytes), expected, "{bytes:?}");
        }
    }
}
