//! What a URL may look like: rules on the raw string, one parse, rules on its parts.
//!
//! The raw rules come first because they refuse the strings on which parsers disagree (backslash,
//! user info, percent signs and non-ASCII in hosts, white space); what then passes the parser means
//! the same to everyone. The parsed form is what the rest of the fetcher uses; the string is never
//! parsed a second time.

use std::net::IpAddr;

use url::{Host, Url};

use super::FetchError;

/// Longest URL, in bytes.
const URL_BYTES_MAX: usize = 2_048;
/// Ports that may be dialled on public addresses.
const PUBLIC_PORTS: [u16; 4] = [80, 443, 8080, 8443];
/// Names with these last labels only exist inside a network.
const PRIVATE_SUFFIXES: [&str; 5] = ["localhost", "internal", "local", "localdomain", "home.arpa"];

/// A URL that passed the string rules.
#[derive(Debug, Clone)]
pub(super) struct Target {
    url: Url,
    host: TargetHost,
    port: u16,
    opened_only: Option<&'static str>,
}

/// Where a [`Target`] points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TargetHost {
    /// An IP literal in any of the spellings of the URL standard.
    Literal(IpAddr),
    /// A DNS name in lower-case ASCII, without the final dot.
    Name(String),
}

impl Target {
    /// Checks and parses `raw`. Where the operator opened ranges (`ranges_opened`), ports and names
    /// that are refused on public hosts pass for now, marked as [`Target::opened_only`].
    ///
    /// # Errors
    /// Names the broken rule, never the URL.
    pub(super) fn parse(raw: &str, ranges_opened: bool) -> Result<Self, FetchError> {
        characters_allowed(raw)?;
        authority_allowed(raw)?;
        let url = Url::parse(raw).map_err(|source| FetchError::caused("URL parser", source))?;
        let host = host_of(&url)?;
        let port = url.port_or_known_default().filter(|port| *port != 0);
        let port = port.ok_or_else(|| FetchError::failed("no usable port"))?;
        let opened_only = only_in_opened_ranges(&host, port);
        match opened_only {
            Some(rule) if !ranges_opened => Err(FetchError::failed(rule)),
            _ => Ok(Self { url, host, port, opened_only }),
        }
    }

    /// Where a redirect from `self` leads: `location` resolved against the current URL, then
    /// checked from the first rule on, like a URL that a client gave.
    ///
    /// # Errors
    /// As [`Target::parse`], and for a step from `https` down to `http`.
    pub(super) fn redirected(
        &self,
        location: &str,
        ranges_opened: bool,
    ) -> Result<Self, FetchError> {
        characters_allowed(location)?;
        let absolute = if has_scheme(location) {
            location.to_owned()
        } else if location.starts_with("//") {
            format!("{}:{location}", self.url.scheme())
        } else {
            let joined = self.url.join(location);
            joined.map_err(|source| FetchError::caused("redirect target", source))?.into()
        };
        let next = Self::parse(&absolute, ranges_opened)?;
        if self.is_https() && !next.is_https() {
            return Err(FetchError::failed("redirect from https down to http"));
        }
        Ok(next)
    }

    /// The parsed URL.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// Where it points.
    pub(super) fn host(&self) -> &TargetHost {
        &self.host
    }

    /// The port to dial.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The rule that this URL breaks unless all its addresses lie in ranges that the operator
    /// opened.
    pub(super) fn opened_only(&self) -> Option<&'static str> {
        self.opened_only
    }

    /// Whether TLS is spoken.
    pub(super) fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// The value of the `Host` header: no user info, the port only where it is not the scheme's.
    pub(super) fn host_header(&self) -> String {
        let host = match &self.host {
            TargetHost::Literal(IpAddr::V6(v6)) => format!("[{v6}]"),
            TargetHost::Literal(IpAddr::V4(v4)) => v4.to_string(),
            TargetHost::Name(name) => name.clone(),
        };
        match self.url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host,
        }
    }

    /// What goes into the request line: path and query, never the fragment.
    pub(super) fn path_and_query(&self) -> &str {
        &self.url[url::Position::BeforePath..url::Position::AfterQuery]
    }

    /// Scheme, host and port: all of a URL that may be logged.
    pub(super) fn origin_for_log(&self) -> String {
        self.url.origin().ascii_serialization()
    }
}

/// Only visible ASCII without the backslash, and not too much of it.
fn characters_allowed(raw: &str) -> Result<(), FetchError> {
    if raw.is_empty() || raw.len() > URL_BYTES_MAX {
        return Err(FetchError::failed(format!("URL of {} bytes", raw.len())));
    }
    if raw.bytes().any(|byte| !byte.is_ascii_graphic() || byte == b'\\') {
        return Err(FetchError::failed("backslash, white space, control or non-ASCII in the URL"));
    }
    Ok(())
}

/// `http://` or `https://` spelled out, then a host without user info and percent signs.
fn authority_allowed(raw: &str) -> Result<(), FetchError> {
    let (scheme, rest) = raw.split_once("://").ok_or_else(|| FetchError::failed("no scheme://"))?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Err(FetchError::failed("scheme is not http or https"));
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() || authority.contains(['@', '%']) {
        return Err(FetchError::failed("empty host, user info, or percent sign in the host"));
    }
    Ok(())
}

/// Whether a `Location` starts with `name:`, that is, whether it replaces the whole URL.
fn has_scheme(location: &str) -> bool {
    location.find([':', '/', '?', '#']).is_some_and(|at| location.as_bytes()[at] == b':')
}

fn host_of(url: &Url) -> Result<TargetHost, FetchError> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err(FetchError::failed("user info in the URL"));
    }
    match url.host() {
        Some(Host::Ipv4(v4)) => Ok(TargetHost::Literal(v4.into())),
        Some(Host::Ipv6(v6)) => Ok(TargetHost::Literal(v6.into())),
        Some(Host::Domain(name)) => {
            let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
            if is_dns_name(&name) {
                Ok(TargetHost::Name(name))
            } else {
                Err(FetchError::failed("host is not a DNS name"))
            }
        }
        None => Err(FetchError::failed("no host")),
    }
}

/// Lengths of RFC 1035; letters, digits, hyphen and underscore.
fn is_dns_name(name: &str) -> bool {
    name.len() <= 253
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        })
}

/// The rule that forbids this host and port on the public Internet, if one does.
fn only_in_opened_ranges(host: &TargetHost, port: u16) -> Option<&'static str> {
    if !PUBLIC_PORTS.contains(&port) {
        return Some("port other than 80, 443, 8080, 8443");
    }
    let TargetHost::Name(name) = host else { return None };
    let is_private = PRIVATE_SUFFIXES.iter().any(|suffix| {
        name.strip_suffix(suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    });
    (is_private || !name.contains('.')).then_some("name of a private network")
}
