//! The address by which clients reach the server, as its operator says.

use std::fmt;

use url::{Origin, Url};

/// A URL in one form only: scheme and host in lower case, no port that the scheme implies, no
/// trailing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    url: Url,
    text: String,
}

impl PublicUrl {
    /// Parses the URL of the server, without `/v1.3`.
    ///
    /// # Errors
    ///
    /// What was expected, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let is_plain =
            !text.contains(|character: char| "?#@".contains(character) || character <= ' ');
        let url = Url::parse(text)
            .ok()
            .filter(|url| is_plain && matches!(url.scheme(), "http" | "https") && url.has_host());
        let expected = "expected a URL such as https://embeddings.example.com, without /v1.3";
        let url = url.ok_or(expected)?;
        let text = url.as_str().trim_end_matches('/').to_owned();
        if text.ends_with("/v1.3") {
            return Err(expected.to_owned());
        }
        Ok(Self { url, text })
    }

    /// Whether clients come by HTTPS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// What browsers call the origin of pages from there.
    pub(crate) fn origin(&self) -> Origin {
        self.url.origin()
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_one_form() {
        for (given, expected) in [
            ("https://embeddings.example.com", "https://embeddings.example.com"),
            ("HTTPS://Embeddings.Example.COM:443/", "https://embeddings.example.com"),
            ("http://example.com:80/behind/", "http://example.com/behind"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("https://example.com:80", "https://example.com:80"),
        ] {
            assert_eq!(PublicUrl::parse(given).unwrap().to_string(), expected);
        }
        for bad in [
            "",
            "example.com",
            "ftp://example.com",
            "https://",
            "https://example.com/v1.3",
            "https://example.com/v1.3/",
            "https://example.com?x",
            "https://example.com#x",
            "https://me@example.com",
            "https://exa mple.com",
            " https://example.com",
        ] {
            assert!(PublicUrl::parse(bad).is_err(), "{bad}");
        }
    }
}
