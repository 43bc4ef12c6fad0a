//! Reading a body under a cap on bytes and a floor on rate.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, TRANSFER_ENCODING};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};

use super::exchange::Exchange;
use super::{FetchError, FetchSettings};

/// The whole body of `exchange`, at most `bytes_max` bytes.
///
/// # Errors
/// Too large (by its declared length before a byte is read, or by count), encoded, cut short, or
/// slower than the floor.
pub(super) async fn read(
    exchange: Exchange,
    bytes_max: u64,
    settings: &FetchSettings,
) -> Result<Vec<u8>, FetchError> {
    // Named, not `_`: the connection must live until the body is read.
    let Exchange { response, connection: _connection } = exchange;
    encodings_allowed(response.headers())?;
    let mut body = response.into_body();
    if body.size_hint().lower() > bytes_max {
        return Err(FetchError::too_large("declared length above the cap"));
    }
    let rate = RateFloor::starting_now(settings);
    let mut bytes = Vec::new();
    loop {
        let frame = timeout_at(rate.deadline(bytes.len() as u64), body.frame());
        let frame = frame.await.map_err(|_| FetchError::failed("body slower than the floor"))?;
        let Some(frame) = frame else { return Ok(bytes) };
        let frame = frame.map_err(|source| FetchError::caused("body", source))?;
        append(&mut bytes, frame.into_data().unwrap_or_default(), bytes_max)?;
    }
}

fn append(bytes: &mut Vec<u8>, data: Bytes, bytes_max: u64) -> Result<(), FetchError> {
    if bytes.len() as u64 + data.len() as u64 > bytes_max {
        return Err(FetchError::too_large("body above the cap"));
    }
    bytes.extend_from_slice(&data);
    Ok(())
}

/// The request asked for identity; a body that comes packed all the same is not unpacked.
fn encodings_allowed(headers: &HeaderMap) -> Result<(), FetchError> {
    let only = |name, allowed: &str| {
        headers.get_all(name).iter().all(|value| {
            value.to_str().is_ok_and(|value| value.trim().eq_ignore_ascii_case(allowed))
        })
    };
    if only(CONTENT_ENCODING, "identity") && only(TRANSFER_ENCODING, "chunked") {
        Ok(())
    } else {
        Err(FetchError::failed("body with a content or transfer encoding"))
    }
}

/// The lowest average rate that a body may have, once a time of grace has passed.
struct RateFloor {
    started: Instant,
    grace: Duration,
    bytes_per_second_min: u64,
}

impl RateFloor {
    fn starting_now(settings: &FetchSettings) -> Self {
        Self {
            started: Instant::now(),
            grace: Duration::from_millis(settings.rate_grace_ms),
            bytes_per_second_min: settings.bytes_per_second_min.max(1),
        }
    }

    /// When a body of which `received` bytes are there falls below the floor if no more come.
    fn deadline(&self, received: u64) -> Instant {
        let earned =
            Duration::from_millis(received.saturating_mul(1000) / self.bytes_per_second_min);
        self.started + self.grace.max(earned)
    }
}
