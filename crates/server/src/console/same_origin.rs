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

use crate::app::App;
use crate::error::{ApiError, ApiResult};

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
    if request.is_ours(app.settings.public_url.as_deref()) {
        return Ok(());
    }
    let message = "This request was caused by a page of another origin, and is refused.";
    Err(ApiError::new(ErrorCode::CrossSiteRefused, message))
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
    fn is_ours(self, public_url: Option<&str>) -> bool {
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

    /// Whether `origin` is where the request went: its host, or the public address that a proxy
    /// stands for.
    fn is_own(self, origin: &str, public_url: Option<&str>) -> bool {
        if public_url
            .is_some_and(|url| authority(url) == authority(origin) && authority(url).is_some())
        {
            return true;
        }
        let (authority, host) = (authority(origin), self.host);
        authority.zip(host).is_some_and(|(authority, host)| authority.eq_ignore_ascii_case(host))
    }
}

/// The host and port of an origin or a URL.
fn authority(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    rest.split('/').next().filter(|authority| !authority.is_empty())
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
        let request = Provenance {
            changes_something: true,
            site: None,
            origin: Some("https://embeddings.example.com"),
            host: Some("10.0.0.7:8080"),
        };
        assert!(!request.is_ours(None));
        assert!(request.is_ours(Some("https://embeddings.example.com")));
        assert!(request.is_ours(Some("https://embeddings.example.com/behind")));
        assert!(!request.is_ours(Some("https://embeddings.example.org")));
    }
}
