//! One GET over one connection. Nothing of the client's request travels with it: the headers are
//! fixed, there are no cookies, no referrer and no proxy.

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONNECTION, HOST, USER_AGENT};
use http::{Request, Response};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;

use super::FetchError;
use super::head_budget::HeadBudget;
use super::slots::Slot;
use super::url_rules::Target;

/// What origins see; the same for every fetch.
const FETCH_USER_AGENT: &str = concat!("onespace/", env!("CARGO_PKG_VERSION"));
/// Most bytes of one response head.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Most bytes read before the final head is there, with all `1xx` heads before it and the part of
/// the body that came along.
const UNTIL_HEAD_BYTES_MAX: usize = 2 * HEAD_BYTES_MAX;
/// Most header lines.
const HEADERS_MAX: usize = 100;

/// A response whose head has arrived. Dropping it closes the connection.
pub(super) struct Exchange {
    /// The head, and the body as it comes.
    pub(super) response: Response<Incoming>,
    /// Drives the connection.
    pub(super) connection: ConnectionTask,
}

/// The task that moves bytes for an [`Exchange`]; ends with it.
pub(super) struct ConnectionTask(JoinHandle<()>);

impl Drop for ConnectionTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Sends the request for `target` over `stream` and waits for the response head. `slot` is given back
/// when the connection is closed, which is a moment after the exchange is dropped.
///
/// # Errors
/// The origin spoke no HTTP/1, closed the connection, or its head went over a limit.
pub(super) async fn get<S>(stream: S, target: &Target, slot: Slot) -> Result<Exchange, FetchError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (stream, head) = HeadBudget::new(stream, UNTIL_HEAD_BYTES_MAX);
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_BYTES_MAX)
        .max_header_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|source| FetchError::caused("HTTP", source))?;
    let connection = ConnectionTask(tokio::spawn(async move {
        let _slot = slot;
        if let Err(error) = connection.await {
            tracing::debug!(%error, "connection to an origin ended early");
        }
    }));
    let response = sender
        .send_request(request(target)?)
        .await
        .map_err(|source| FetchError::caused("HTTP", source))?;
    head.lift();
    Ok(Exchange { response, connection })
}

fn request(target: &Target) -> Result<Request<Empty<Bytes>>, FetchError> {
    Request::get(target.path_and_query())
        .header(HOST, target.host_header())
        .header(USER_AGENT, FETCH_USER_AGENT)
        .header(ACCEPT, "*/*")
        .header(ACCEPT_ENCODING, "identity")
        .header(CONNECTION, "close")
        .body(Empty::new())
        .map_err(|source| FetchError::caused("request", source))
}
