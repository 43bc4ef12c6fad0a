//! The fetcher's limits, with the values that a server starts from.

use std::net::SocketAddr;

use super::Cidr;

/// Limits of a [`Fetcher`](super::Fetcher). Times are in milliseconds, sizes in bytes.
#[derive(Debug, Clone)]
pub struct FetchSettings {
    /// Whether URLs are fetched at all. Default: true.
    pub enabled: bool,
    /// Ranges that may be dialled although they are not public. Inside them any port is allowed,
    /// and names that are refused elsewhere (`localhost`, single labels, `.internal`, `.local`) if
    /// all their addresses lie in one of these ranges. Default: none.
    pub allow_private: Vec<Cidr>,
    /// The server's own listen addresses, never dialled, also not inside `allow_private`. An
    /// unspecified address (`0.0.0.0`, `::`) stands for every address of this host. Default: none.
    pub own_listeners: Vec<SocketAddr>,
    /// Largest body. Default: 32 MiB.
    pub fetch_bytes_max: u64,
    /// Longest wait for a TCP connection, over all addresses of a name. Default: 5000.
    pub connect_timeout_ms: u64,
    /// Longest wait from the connection to the end of the response head, the TLS handshake
    /// included. Default: 5000.
    pub header_timeout_ms: u64,
    /// Longest time for a whole fetch: waiting for a slot, lookups, all hops, body. Default: 10000.
    pub total_timeout_ms: u64,
    /// Longest wait for one DNS lookup. Default: 3000.
    pub dns_timeout_ms: u64,
    /// DNS lookups under way at once. A lookup that ran into its timeout counts until the system
    /// resolver gives up. Default: 32.
    pub dns_concurrent_max: usize,
    /// Most addresses that a name may have; more refuses the name. Default: 64.
    pub dns_answers_max: usize,
    /// Most redirects that are followed. Default: 3.
    pub redirects_max: usize,
    /// Connections at once to one address and port. Default: 8.
    pub per_origin_max: usize,
    /// Connections at once in all. Default: 64.
    pub concurrent_max: usize,
    /// Lowest average rate of a body once `rate_grace_ms` have passed. Default: 65536.
    pub bytes_per_second_min: u64,
    /// How long a body may be slower than `bytes_per_second_min`. Default: 3000.
    pub rate_grace_ms: u64,
    /// A failure that needed the network is reported at the next whole multiple of this time
    /// since the fetch began, so that its delay tells little about what was met. Default: 250.
    pub failure_step_ms: u64,
}

impl Default for FetchSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            allow_private: Vec::new(),
            own_listeners: Vec::new(),
            fetch_bytes_max: 32 * 1024 * 1024,
            connect_timeout_ms: 5_000,
            header_timeout_ms: 5_000,
            total_timeout_ms: 10_000,
            dns_timeout_ms: 3_000,
            dns_concurrent_max: 32,
            dns_answers_max: 64,
            redirects_max: 3,
            per_origin_max: 8,
            concurrent_max: 64,
            bytes_per_second_min: 64 * 1024,
            rate_grace_ms: 3_000,
            failure_step_ms: 250,
        }
    }
}
