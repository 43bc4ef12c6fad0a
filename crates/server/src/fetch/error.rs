//! What a failed fetch says: one sentence to the client, the reason to the log.

use std::error::Error;
use std::fmt;

/// Why a URL gave no bytes.
///
/// `Display` is for the client. Refused by policy, unreachable, cut by a limit and answered with
/// the wrong status all read the same: telling them apart would turn the server into a scanner of
/// the network it stands in. [`FetchError::detail`] is for the log.
#[derive(Debug)]
pub struct FetchError {
    class: Class,
    detail: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Failed,
    TooLarge,
    Disabled,
}

impl FetchError {
    /// A refusal or failure; `detail` must hold nothing of the URL but its origin.
    pub(super) fn failed(detail: impl Into<String>) -> Self {
        Self { class: Class::Failed, detail: detail.into(), source: None }
    }

    /// A failure that another error caused.
    pub(super) fn caused(
        what: &'static str,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        let source = source.into();
        let mut detail = format!("{what}: {source}");
        let mut deeper = source.source();
        while let Some(cause) = deeper {
            detail.push_str(&format!(": {cause}"));
            deeper = cause.source();
        }
        Self { class: Class::Failed, detail, source: Some(source) }
    }

    /// A body above the cap.
    pub(super) fn too_large(detail: impl Into<String>) -> Self {
        Self { class: Class::TooLarge, detail: detail.into(), source: None }
    }

    /// The operator switched fetching off.
    pub(super) fn disabled() -> Self {
        Self { class: Class::Disabled, detail: "fetching is switched off".to_owned(), source: None }
    }

    /// The reason, for the log only: it may name addresses that clients must not learn. Holds no
    /// path and no query of the URL.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Whether the origin's body was above the cap. The one failure that a caller may report in
    /// words and with a status of its own (413): it can only be met on an address that policy
    /// allows.
    pub fn is_too_large(&self) -> bool {
        self.class == Class::TooLarge
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.class {
            Class::Failed => {
                "the URL could not be fetched: give a direct http or https link to a file on a \
                 public host that answers within the server's time limits, or send the file itself"
            }
            Class::TooLarge => {
                "the file behind the URL is larger than this server accepts: give a smaller one"
            }
            Class::Disabled => {
                "this server does not fetch URLs: upload the file or send it as base64"
            }
        })
    }
}

impl Error for FetchError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}
