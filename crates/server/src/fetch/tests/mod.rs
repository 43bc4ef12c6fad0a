//! The fetcher's tests: the decision as pure functions, the rest against origins on loopback. The
//! same rows run against the whole server, with real DNS and TLS, in `tests/ssrf`.

mod limits;
mod loopback;
mod origin;
mod property;
mod rows;

use std::net::{IpAddr, SocketAddr};

use super::address_policy::AddressPolicy;
use super::url_rules::{Target, TargetHost};
use super::{FetchError, FetchSettings, Fetched, Fetcher};

/// What the decision functions make of a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Decision {
    /// Refused by the string alone.
    Syntax,
    /// Refused by address.
    Address,
    /// These would be dialled.
    Dial(Vec<SocketAddr>),
}

/// The whole decision for one hop, with `answers` in place of DNS.
fn decide(settings: &FetchSettings, url: &str, answers: &[IpAddr]) -> Decision {
    let policy = AddressPolicy::new(settings);
    let Ok(target) = Target::parse(url, policy.opens_ranges()) else {
        return Decision::Syntax;
    };
    let vetted = match target.host() {
        TargetHost::Literal(literal) => policy.vet(&target, &[*literal]),
        TargetHost::Name(_) => policy.vet(&target, answers),
    };
    vetted.map_or(Decision::Address, Decision::Dial)
}

/// Limits that end quickly, with IPv4 loopback opened.
fn quick_settings() -> FetchSettings {
    FetchSettings {
        allow_private: vec!["127.0.0.0/8".parse().unwrap()],
        fetch_bytes_max: 100_000,
        header_timeout_ms: 400,
        total_timeout_ms: 4_000,
        bytes_per_second_min: 20_000,
        rate_grace_ms: 300,
        failure_step_ms: 1,
        ..FetchSettings::default()
    }
}

async fn fetch(settings: FetchSettings, url: &str) -> Result<Fetched, FetchError> {
    Fetcher::new(settings).fetch(url, u64::MAX).await
}
