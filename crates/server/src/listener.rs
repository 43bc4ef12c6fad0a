//! The accept loop: one task for each connection, with limits on heads, silence and numbers, and a
//! drain at the end. (axum's own `serve` sets no timeouts at all.)

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::lingering::close_lingering;
use crate::settings::ConnectionLimits;

/// Who is at the other end of the connection: a client, or a proxy. An extension of each request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeerAddress(pub(crate) IpAddr);

/// Serves `router` on `listener` until `stopping`, then lets requests finish.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    stopping: CancellationToken,
) {
    let tracker = TaskTracker::new();
    let places = Arc::new(Semaphore::new(limits.connections_max));
    let cut = CancellationToken::new();
    while let Some((stream, peer, place)) = next_connection(&listener, &places, &stopping).await {
        let connection = Connection {
            router: router.clone(),
            limits: limits.clone(),
            stopping: stopping.clone(),
        };
        let cut = cut.clone();
        tracker.spawn(async move {
            tokio::select! {
                () = connection.run(stream, peer) => {}
                () = cut.cancelled() => {}
            }
            drop(place);
        });
    }
    drop(listener);
    tracker.close();
    let drain = Duration::from_millis(limits.drain_ms_max);
    if tokio::time::timeout(drain, tracker.wait()).await.is_err() {
        tracing::warn!(connections = tracker.len(), "stopped before these connections ended");
        // Their requests end here, and are counted, while there is still somebody who counts.
        cut.cancel();
        tracker.wait().await;
    }
}

/// Waits for a free place and then for a connection; `None` when the server stops.
async fn next_connection(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    stopping: &CancellationToken,
) -> Option<(TcpStream, IpAddr, tokio::sync::OwnedSemaphorePermit)> {
    loop {
        let accepted = async {
            let place = Arc::clone(places).acquire_owned().await.ok()?;
            Some((listener.accept().await, place))
        };
        let (accepted, place) = tokio::select! {
            () = stopping.cancelled() => return None,
            accepted = accepted => accepted?,
        };
        match accepted {
            Ok((stream, peer)) => return Some((stream, peer.ip(), place)),
            Err(error) => {
                // Out of file descriptors, or a client that left at once: neither ends the server.
                tracing::warn!(cause = %error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

struct Connection {
    router: Router,
    limits: ConnectionLimits,
    stopping: CancellationToken,
}

impl Connection {
    async fn run(self, stream: TcpStream, peer: IpAddr) {
        let _nagle_stays_on = stream.set_nodelay(true);
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(Duration::from_millis(self.limits.header_ms_max))
            // hyper reads up to twice this before it refuses a head.
            .max_buf_size(self.limits.header_bytes_max / 2)
            .max_headers(self.limits.headers_max);
        let service = self.router.map_request(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(PeerAddress(peer));
            request
        });
        let mut connection =
            http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        let mut draining = false;
        let ended = loop {
            let served = std::future::poll_fn(|context| connection.poll_without_shutdown(context));
            tokio::select! {
                ended = served => break ended,
                () = self.stopping.cancelled(), if !draining => {
                    draining = true;
                    std::pin::Pin::new(&mut connection).graceful_shutdown();
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(cause = %error, "a connection ended early");
        }
        close_lingering(connection.into_parts().io.into_inner()).await;
    }
}

/// Binds `address`.
///
/// # Errors
///
/// The operating system's reason, for the caller to put into words.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}
