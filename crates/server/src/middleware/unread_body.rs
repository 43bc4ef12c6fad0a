//! An answer given before the body was read ends the connection, and says so: the rest of the body
//! would otherwise stand where the next request should, and a client that reuses the connection
//! would lose that request.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderValue, Request, header};
use http_body::{Body as HttpBody, Frame, SizeHint};

/// Adds `connection: close` where the body of the request was not read to its end.
pub(crate) async fn close_after_unread_body(request: Request<Body>, next: Next) -> Response {
    let ended = Arc::new(AtomicBool::new(request.body().is_end_stream()));
    let watched = Arc::clone(&ended);
    let request = request.map(|inner| Body::new(WatchedBody { inner, ended: watched }));
    let mut response = next.run(request).await;
    if !ended.load(Ordering::Acquire) {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// A body that notes when it has been read to its end.
struct WatchedBody {
    inner: Body,
    ended: Arc<AtomicBool>,
}

impl HttpBody for WatchedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(context);
        if matches!(polled, Poll::Ready(None)) || self.inner.is_end_stream() {
            self.ended.store(true, Ordering::Release);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::post;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;

    async fn connection_header(path: &str, body: &'static str) -> Option<HeaderValue> {
        let reads = |body: Body| async move { body.collect().await.map(drop).unwrap_or_default() };
        let router = Router::new()
            .route("/reads", post(reads))
            .route("/refuses", post(|| async {}))
            .layer(axum::middleware::from_fn(close_after_unread_body));
        let request = Request::post(path).body(Body::from(body)).expect("a request");
        let response = router.oneshot(request).await.expect("an answer");
        response.headers().get(header::CONNECTION).cloned()
    }

    #[tokio::test]
    async fn only_an_unread_body_closes_the_connection() {
        assert_eq!(connection_header("/reads", "text").await, None);
        assert_eq!(connection_header("/reads", "").await, None);
        assert_eq!(connection_header("/refuses", "").await, None);
        let close = Some(HeaderValue::from_static("close"));
        assert_eq!(connection_header("/refuses", "text").await, close);
        assert_eq!(connection_header("/nowhere", "text").await, close);
    }
}
