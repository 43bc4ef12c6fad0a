//! Requests that a page of another origin caused are refused.
//!
//! A browser says where a request comes from: `Sec-Fetch-Site` where the page is trustworthy
//! (HTTPS or loopback), and `Origin` with everything that changes something. Both must fit. This is
//! the rule of Go's `CrossOriginProtection`, made stricter: what changes something must carry at
//! least one of the two. No token is needed, so none can leak.

use axum::body::Body;
use axum::extract::State;
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderName, Method, Request, header};
use onespace_wire::error_code::ErrorCode;
use url::Url;

use super::cookie::is_loopback;
use crate::app::App;
use crate::error::{ApiError, ApiResult};
use crate::public_url::PublicUrl;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Lets a request of our own pages pass.
pub(crate) async fn require(
    State(app): State<App>,
    request: Request<Body>,
    next: Next,
) -> Result<Response, ApiError> {
    check(&app, request.method(), request.headers())?;
    Ok(next.run(request).await)
}

/// Whether a request may use a session.
///
/// # Errors
///
/// `cross_site_refused`.
pub(crate) fn check(app: &App, method: &Method, headers: &HeaderMap) -> ApiResult<()> {
    let text =
        |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"));
    let request = Provenance {
        changes_something: !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS),
        site: text(&SEC_FETCH_SITE),
        origin: text(&header::ORIGIN),
        host: text(&header::HOST),
    };
    if request.is_ours(app.settings.public_url.as_ref()) {
        return Ok(());
    }
    let message = "This request was caused by a page of another origin, and is refused.";
    Err(ApiError::new(ErrorCode::CrossSiteRefused, message))
}

/// Whether a browser says that one of our own pages sent the request.
pub(crate) fn is_of_our_page(headers: &HeaderMap) -> bool {
    headers.get(SEC_FETCH_SITE).is_some_and(|site| site == "same-origin")
}

/// Where a request says that it comes from.
#[derive(Clone, Copy)]
struct Provenance<'a> {
    changes_something: bool,
    site: Option<&'a str>,
    origin: Option<&'a str>,
    host: Option<&'a str>,
}

impl Provenance<'_> {
    fn is_ours(self, public_url: Option<&PublicUrl>) -> bool {
        let site_fits = match self.site {
            // A bookmark, or an address that was typed.
            Some("none") => !self.changes_something,
            Some(site) => site == "same-origin",
            None => true,
        };
        let origin_fits = self.origin.is_none_or(|origin| self.is_own(origin, public_url));
        let is_stated = self.site.is_some() || self.origin.is_some();
        site_fits && origin_fits && (is_stated || !self.changes_something)
    }

    /// Whether `origin` is where the request went, scheme and port included: the public address
    /// that a proxy stands for, or else the host by plain HTTP, which is what is spoken here. Where
    /// the public address has HTTPS, plain HTTP is ours on this machine only: in between, anybody
    /// could answer for the host.
    fn is_own(self, origin: &str, public_url: Option<&PublicUrl>) -> bool {
        let Ok(origin) = Url::parse(origin).map(|url| url.origin()) else { return false };
        if public_url.is_some_and(|url| url.origin() == origin) {
            return true;
        }
        let is_https = public_url.is_some_and(PublicUrl::is_https);
        let host = self.host.filter(|host| !is_https || is_loopback(host));
        let own = host.and_then(|host| Url::parse(&format!("http://{host}/")).ok());
        own.is_some_and(|own| own.origin() == origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_pages_pass() {
        let (host, own) = (Some("127.0.0.1:8080"), Some("http://127.0.0.1:8080"));
        // changes something, Sec-Fetch-Site, Origin, passes
        let cases = [
            (true, Some("same-origin"), own, true),
            (true, None, own, true),
            (true, Some("same-origin"), None, true),
            (true, None, None, false),
            (true, Some("none"), None, false),
            (true, Some("none"), own, false),
            (true, Some("same-site"), own, false),
            (true, Some("cross-site"), own, false),
            (true, Some("unreadable"), own, false),
            (true, Some("same-origin"), Some("null"), false),
            (true, None, Some("null"), false),
            (true, None, Some("http://127.0.0.1:8081"), false),
            (true, None, Some("http://evil.example"), false),
            (true, None, Some("https://127.0.0.1:8080"), false),
            (true, None, Some("HTTP://127.0.0.1:8080"), true),
            (true, None, Some("http://127.0.0.1:8080.evil.example"), false),
            (true, None, Some(""), false),
            (false, None, None, true),
            (false, Some("none"), None, true),
            (false, Some("same-origin"), None, true),
            (false, Some("same-site"), None, false),
            (false, Some("cross-site"), None, false),
            (false, None, Some("http://evil.example"), false),
        ];
        let wrong: Vec<_> = cases
            .into_iter()
            .filter(|&(changes_something, site, origin, passes)| {
                Provenance { changes_something, site, origin, host }.is_ours(None) != passes
            })
            .collect();
        assert!(wrong.is_empty(), "{wrong:?}");
    }

    #[test]
    fn the_public_address_counts_as_our_own() {
        let is_ours = |origin, host, public: Option<&str>| {
            let (origin, host) = (Some(origin), Some(host));
            let public = public.map(|url| PublicUrl::parse(url).unwrap());
            Provenance { changes_something: true, site: None, origin, host }
                .is_ours(public.as_ref())
        };
        let (inner, name, own) = ("10.0.0.7:8080", "emb.example.com", "https://emb.example.com");
        // origin, host, public address, passes
        let cases = [
            (own, inner, None, false),
            (own, inner, Some("https://emb.example.com"), true),
            (own, inner, Some("HTTPS://Emb.Example.COM:443/behind/"), true),
            ("https://EMB.example.com:443", inner, Some(own), true),
            ("https://emb.example.org", inner, Some(own), false),
            ("https://emb.example.com:8443", inner, Some(own), false),
            ("http://emb.example.com", inner, Some(own), false),
            ("http://emb.example.com", name, Some(own), false),
            ("http://emb.example.com:443", name, Some(own), false),
            ("http://emb.example.com", name, None, true),
            ("http://127.0.0.1:8080", "127.0.0.1:8080", Some(own), true),
            ("http://emb.example.com", "emb.example.com:80", None, true),
        ];
        let wrong: Vec<_> = cases
            .into_iter()
            .filter(|&(origin, host, public, passes)| is_ours(origin, host, public) != passes)
            .collect();
        assert!(wrong.is_empty(), "{wrong:?}");
    }
}
