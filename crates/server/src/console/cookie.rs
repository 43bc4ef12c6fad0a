//! The cookie that carries a session's secret.
//!
//! Behind HTTPS it is `__Host-onespace`: `Secure`, for this host only, not for its siblings. On
//! loopback, where there is no TLS and nobody to listen, it is a plain one. Anywhere else there is
//! no sign-in at all.

use http::{HeaderMap, HeaderValue, header};
use onespace_store::{SESSION_HOURS_MAX, Secret};
use onespace_wire::error_code::ErrorCode;

use crate::app::App;
use crate::error::{ApiError, ApiResult};
use crate::public_url::PublicUrl;

const SECURE_NAME: &str = "__Host-onespace";
const LOOPBACK_NAME: &str = "onespace";
/// The longest secret that is looked at, in bytes.
const SECRET_BYTES_MAX: usize = 128;

/// Which of the two cookies this client is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionCookie {
    /// Over HTTPS.
    Secure,
    /// Plain, on this machine.
    Loopback,
}

impl SessionCookie {
    /// The cookie for a client that reached the server as `headers` say; `None` where a session
    /// would travel in the clear.
    pub(crate) fn of(app: &App, headers: &HeaderMap) -> Option<Self> {
        if is_behind_https(app) {
            return Some(Self::Secure);
        }
        let host = headers.get(header::HOST)?.to_str().ok()?;
        is_loopback(host).then_some(Self::Loopback)
    }

    /// As [`Self::of`], for routes that start a session.
    ///
    /// # Errors
    ///
    /// `sign_in_refused`, saying what the operator must change.
    pub(crate) fn required(app: &App, headers: &HeaderMap) -> ApiResult<Self> {
        Self::of(app, headers).ok_or_else(|| {
            let message = "The console can only be used over HTTPS or on this machine itself. \
                           Put a proxy with TLS in front and start the server with `--public-url \
                           https://…`, or open it as http://127.0.0.1.";
            ApiError::new(ErrorCode::SignInRefused, message)
        })
    }

    /// The secret in the request's cookie.
    pub(crate) fn secret(self, headers: &HeaderMap) -> Option<String> {
        let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut named = pairs
            .flat_map(|pairs| pairs.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(name, _)| *name == self.name());
        let (_, secret) = named.next()?;
        (secret.len() <= SECRET_BYTES_MAX).then(|| secret.to_owned())
    }

    /// The header that starts the session.
    pub(crate) fn set(self, secret: &Secret) -> ApiResult<HeaderValue> {
        let seconds = SESSION_HOURS_MAX * 3_600;
        self.header(secret.reveal(), seconds)
    }

    /// The header that makes the browser forget it.
    pub(crate) fn clear(self) -> ApiResult<HeaderValue> {
        self.header("", 0)
    }

    fn header(self, value: &str, seconds: i64) -> ApiResult<HeaderValue> {
        let secure = if self == Self::Secure { "; Secure" } else { "" };
        let name = self.name();
        let text =
            format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
        HeaderValue::from_str(&text).map_err(ApiError::internal)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Secure => SECURE_NAME,
            Self::Loopback => LOOPBACK_NAME,
        }
    }
}

/// Whether clients reach the server by HTTPS, as its operator says.
pub(crate) fn is_behind_https(app: &App) -> bool {
    app.settings.public_url.as_ref().is_some_and(PublicUrl::is_https)
}

/// Whether `host` (with or without a port) names this machine to itself.
pub(super) fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        for host in
            ["localhost", "LOCALHOST:80", "127.0.0.1:8080", "127.1.2.3", "[::1]:8080", "[::1]"]
        {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "example.com",
            "localhost.example.com",
            "127.0.0.1.example.com",
            "10.0.0.1",
            "0.0.0.0",
            "[::]:8080",
            "::1",
            "2130706433",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn the_right_cookie_is_found_among_others() {
        let secret = |cookie: SessionCookie, text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, HeaderValue::from_static(text));
            cookie.secret(&headers)
        };
        let loopback = SessionCookie::Loopback;
        assert_eq!(secret(loopback, "a=1; onespace=xyz; b=2").as_deref(), Some("xyz"));
        assert_eq!(secret(loopback, "__Host-onespace=xyz"), None);
        assert_eq!(secret(SessionCookie::Secure, "onespace=abc"), None);
        assert_eq!(secret(SessionCookie::Secure, "__Host-onespace=x").as_deref(), Some("x"));
        assert_eq!(secret(loopback, ""), None);
    }
}
