//! How slowly a body may arrive: in each window of time it must bring a minimum, or end. A limit on
//! silence alone would let one byte every few seconds hold memory for ever.

use std::time::Duration;

use tokio::time::Instant;

use crate::settings::RequestLimits;

/// The pace of one body.
pub(crate) struct Pace {
    window: Duration,
    bytes_min: usize,
    window_ends: Instant,
    window_bytes: usize,
}

/// A window ended without its minimum.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooSlow;

impl Pace {
    /// A pace that begins now.
    pub(crate) fn new(limits: &RequestLimits) -> Self {
        let window = Duration::from_millis(limits.body_window_ms);
        Self {
            window,
            bytes_min: limits.body_window_bytes_min,
            window_ends: Instant::now() + window,
            window_bytes: 0,
        }
    }

    /// Notes that bytes arrived.
    pub(crate) fn received(&mut self, bytes: usize) {
        self.window_bytes = self.window_bytes.saturating_add(bytes);
    }

    /// Waits for the next piece of the body, but not beyond a window that brought too little.
    pub(crate) async fn within<T>(&mut self, next: impl Future<Output = T>) -> Result<T, TooSlow> {
        let mut next = std::pin::pin!(next);
        loop {
            if let Ok(piece) = tokio::time::timeout_at(self.window_ends, &mut next).await {
                return Ok(piece);
            }
            if self.window_bytes < self.bytes_min {
                return Err(TooSlow);
            }
            (self.window_ends, self.window_bytes) = (Instant::now() + self.window, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace() -> Pace {
        let limits = RequestLimits {
            body_window_ms: 1_000,
            body_window_bytes_min: 100,
            ..RequestLimits::default()
        };
        Pace::new(&limits)
    }

    /// Pieces of `bytes` every `ms` until the pace is refused or twenty have come.
    async fn pieces_taken(bytes: usize, ms: u64) -> usize {
        let mut pace = pace();
        for taken in 0..20 {
            if pace.within(tokio::time::sleep(Duration::from_millis(ms))).await.is_err() {
                return taken;
            }
            pace.received(bytes);
        }
        20
    }

    #[tokio::test(start_paused = true)]
    async fn drips_end_and_streams_go_on() {
        assert_eq!(pieces_taken(100, 900).await, 20, "enough in each window");
        assert_eq!(pieces_taken(1, 300).await, 3, "a drip ends with its first window");
        assert_eq!(pieces_taken(1_000, 5_000).await, 0, "silence ends with its first window");
        assert_eq!(pieces_taken(1, 1).await, 20, "a short body may be as small as it likes");
    }
}
