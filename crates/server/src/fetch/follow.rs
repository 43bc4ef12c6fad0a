//! From URL to body, hop by hop. A redirect is no more trusted than the client: its target starts
//! again at the string rules, is looked up, judged and dialled like a URL in a request.

use std::time::Duration;

use http::header::LOCATION;
use http::{HeaderMap, StatusCode};
use tokio::time::timeout;

use super::exchange::{self, Exchange};
use super::url_rules::{Target, TargetHost};
use super::{FetchError, Fetcher, body, dial};

impl Fetcher {
    /// Fetches `target`, following redirects, and reads at most `bytes_max` bytes.
    pub(super) async fn follow(
        &self,
        mut target: Target,
        bytes_max: u64,
    ) -> Result<Vec<u8>, FetchError> {
        for _ in 0..=self.settings.redirects_max {
            let exchange = self.hop(&target).await?;
            let status = exchange.response.status();
            if status == StatusCode::OK {
                return body::read(exchange, bytes_max, &self.settings).await;
            }
            let location = redirect_location(status, exchange.response.headers())?;
            target = target.redirected(location, self.policy.opens_ranges())?;
        }
        Err(FetchError::failed("too many redirects"))
    }

    /// Resolves, judges, dials and asks: once each.
    async fn hop(&self, target: &Target) -> Result<Exchange, FetchError> {
        let answers = match target.host() {
            TargetHost::Literal(address) => vec![*address],
            TargetHost::Name(name) => self.resolver.lookup(name).await?,
        };
        let vetted = self.policy.vet(target, &answers)?;
        let slot = self.slots.take(&vetted).await?;
        let connect_timeout = Duration::from_millis(self.settings.connect_timeout_ms);
        let stream = dial::connect(&vetted, connect_timeout).await?;
        let header_timeout = Duration::from_millis(self.settings.header_timeout_ms);
        let exchange = timeout(header_timeout, async {
            if target.is_https() {
                let stream = self.tls.secure(stream, target.host()).await?;
                exchange::get(stream, target, slot).await
            } else {
                exchange::get(stream, target, slot).await
            }
        });
        exchange.await.unwrap_or_else(|_| Err(FetchError::failed("no response head in time")))
    }
}

/// The one `Location` of a redirect; anything that is neither 200 nor such a redirect is an error.
fn redirect_location(status: StatusCode, headers: &HeaderMap) -> Result<&str, FetchError> {
    let is_redirect = matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308);
    let mut locations = headers.get_all(LOCATION).iter();
    match (is_redirect, locations.next(), locations.next()) {
        (true, Some(location), None) => {
            location.to_str().map_err(|source| FetchError::caused("Location", source))
        }
        (true, ..) => Err(FetchError::failed("redirect without one Location")),
        (false, ..) => Err(FetchError::failed(format!("status {}", status.as_u16()))),
    }
}
