//! Closing a connection so that its last answer arrives.
//!
//! An early refusal (401, 413) leaves part of the request unread. Closing at once would make the
//! kernel send a reset, and a client that is still sending would lose the answer. So the write side
//! is closed, and what still arrives is thrown away for a bounded time.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longest time to throw input away.
const LINGER: Duration = Duration::from_secs(10);
/// Longest silence of the client in that time.
const SILENCE: Duration = Duration::from_secs(2);

/// Closes the write side and drains the read side, within limits.
pub(crate) async fn close_lingering(mut stream: TcpStream) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let drain = async {
        let mut discarded = vec![0; 16 << 10];
        while let Ok(Ok(1..)) = tokio::time::timeout(SILENCE, stream.read(&mut discarded)).await {}
    };
    let _cut_off = tokio::time::timeout(LINGER, drain).await;
}
