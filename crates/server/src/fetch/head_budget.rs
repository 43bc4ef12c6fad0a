//! A stream that stops giving bytes when a response head takes too many.
//!
//! The HTTP parser bounds one head, but skips any number of `1xx` heads before it. Counting what is
//! read from the connection until the head is there bounds them all.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Fails reads once `bytes_max` were read before the budget was [lifted](HeadArrived::lift).
pub(super) struct HeadBudget<S> {
    inner: S,
    bytes_left: usize,
    lifted: Arc<AtomicBool>,
}

/// Tells a [`HeadBudget`] that the head has arrived; the body has limits of its own.
pub(super) struct HeadArrived(Arc<AtomicBool>);

impl HeadArrived {
    /// Ends the budget.
    pub(super) fn lift(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl<S> HeadBudget<S> {
    /// Puts `inner` under a budget of `bytes_max` bytes.
    pub(super) fn new(inner: S, bytes_max: usize) -> (Self, HeadArrived) {
        let lifted = Arc::new(AtomicBool::new(false));
        (Self { inner, bytes_left: bytes_max, lifted: Arc::clone(&lifted) }, HeadArrived(lifted))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for HeadBudget<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let lifted = self.lifted.load(Ordering::Relaxed);
        if !lifted && self.bytes_left == 0 {
            return Poll::Ready(Err(io::Error::other("response head above its budget")));
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(context, buffer);
        if !lifted {
            self.bytes_left = self.bytes_left.saturating_sub(buffer.filled().len() - before);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for HeadBudget<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
