//! From vetted addresses to a connection.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::FetchError;

/// Addresses of one name that are tried before giving up.
const ADDRESSES_TRIED_MAX: usize = 4;

/// Connects to the first of `vetted` that answers, within `connect_timeout` for all of them; each
/// gets an equal share of the time that is left. Takes addresses, not names: what was judged is
/// what is dialled.
///
/// # Errors
/// None answered, or the peer is not the address that was dialled.
pub(super) async fn connect(
    vetted: &[SocketAddr],
    connect_timeout: Duration,
) -> Result<TcpStream, FetchError> {
    let deadline = Instant::now() + connect_timeout;
    let mut failure = FetchError::failed("no address to dial");
    let tried = vetted.len().min(ADDRESSES_TRIED_MAX);
    for (left, address) in (1..=tried).rev().zip(vetted) {
        let share = deadline.saturating_duration_since(Instant::now()) / left as u32;
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return confirmed(stream, *address),
            Ok(Err(source)) => failure = FetchError::caused("connect", source),
            Err(_) => failure = FetchError::failed("connecting took longer than allowed"),
        }
    }
    Err(failure)
}

/// The second wall: the socket itself says whom it reached.
fn confirmed(stream: TcpStream, dialled: SocketAddr) -> Result<TcpStream, FetchError> {
    match stream.peer_addr() {
        Ok(peer) if peer == dialled => Ok(stream),
        Ok(_) => Err(FetchError::failed("peer is not the address that was dialled")),
        Err(source) => Err(FetchError::caused("peer address", source)),
    }
}
