//! Length-prefixed frames.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes of the length in front of each frame.
pub const FRAME_PREFIX_BYTES: usize = 8;

/// Longest JSON header in bytes.
const HEADER_BYTES_MAX: usize = 64 << 10;
const HEADER_PREFIX_BYTES: usize = 4;
/// Reserved before the first byte of a payload has arrived; more is reserved as it comes.
const READ_AHEAD_BYTES: u64 = 1 << 20;

/// The two sides of the decoder protocol no longer understand each other.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// Reading or writing failed, or the stream ended within a frame.
    #[error("the connection between server and decoder process failed")]
    Io(#[from] io::Error),
    /// A frame is longer than allowed.
    #[error("a frame of {bytes} bytes was announced; at most {bytes_max} are allowed")]
    TooLong {
        /// Announced length in bytes.
        bytes: u64,
        /// Longest length allowed in bytes.
        bytes_max: u64,
    },
    /// A frame's header is not what the protocol says.
    #[error("a frame's header cannot be read; do both processes run the same version?")]
    Header(#[from] serde_json::Error),
    /// A frame ends within its header, or its pixels do not fit its header.
    #[error("a frame's parts do not fit together; do both processes run the same version?")]
    Parts,
}

/// Length of the payload in bytes that an 8-byte prefix announces.
///
/// # Errors
/// [`ProtocolError::TooLong`] above `bytes_max`.
pub fn payload_length(
    prefix: [u8; FRAME_PREFIX_BYTES],
    bytes_max: u64,
) -> Result<usize, ProtocolError> {
    let bytes = u64::from_le_bytes(prefix);
    match usize::try_from(bytes) {
        Ok(length) if bytes <= bytes_max => Ok(length),
        _ => Err(ProtocolError::TooLong { bytes, bytes_max }),
    }
}

/// Reads one frame's payload; `None` where the stream ends before a frame begins.
///
/// # Errors
/// [`ProtocolError`] on failing I/O, an end within a frame, or a payload above `bytes_max`.
pub fn read_frame(mut input: impl Read, bytes_max: u64) -> Result<Option<Vec<u8>>, ProtocolError> {
    let mut prefix = [0; FRAME_PREFIX_BYTES];
    let first = loop {
        match input.read(&mut prefix) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => break read?,
        }
    };
    if first == 0 {
        return Ok(None);
    }
    input.read_exact(&mut prefix[first..])?;
    let length = payload_length(prefix, bytes_max)?;
    let announced = length as u64;
    let mut payload = Vec::with_capacity(announced.min(READ_AHEAD_BYTES) as usize);
    input.take(announced).read_to_end(&mut payload)?;
    if payload.len() != length {
        return Err(ProtocolError::Io(io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(Some(payload))
}

/// Writes a whole frame, prefix included, and flushes.
///
/// # Errors
/// [`ProtocolError::Io`].
pub fn write_frame(mut output: impl Write, frame: &[u8]) -> Result<(), ProtocolError> {
    output.write_all(frame)?;
    output.flush()?;
    Ok(())
}

/// Prefix and header of a frame whose body has `body_bytes` bytes, with room for the body.
pub(super) fn head(header: &impl Serialize, body_bytes: usize) -> Vec<u8> {
    let json = serde_json::to_vec(header).expect("headers have string keys and finite fields only");
    let payload_bytes = HEADER_PREFIX_BYTES + json.len() + body_bytes;
    let header_bytes = u32::try_from(json.len()).expect("a header is a few hundred bytes");
    let mut frame = Vec::with_capacity(FRAME_PREFIX_BYTES + payload_bytes);
    frame.extend_from_slice(&(payload_bytes as u64).to_le_bytes());
    frame.extend_from_slice(&header_bytes.to_le_bytes());
    frame.extend_from_slice(&json);
    frame
}

/// Header and body of a frame's payload.
pub(super) fn parts<H: DeserializeOwned>(payload: &[u8]) -> Result<(H, &[u8]), ProtocolError> {
    let (length, rest) =
        payload.split_at_checked(HEADER_PREFIX_BYTES).ok_or(ProtocolError::Parts)?;
    let length = u32::from_le_bytes(length.try_into().map_err(|_| ProtocolError::Parts)?);
    let length = usize::try_from(length).map_err(|_| ProtocolError::Parts)?;
    if length > HEADER_BYTES_MAX {
        let (bytes, bytes_max) = (length as u64, HEADER_BYTES_MAX as u64);
        return Err(ProtocolError::TooLong { bytes, bytes_max });
    }
    let (json, body) = rest.split_at_checked(length).ok_or(ProtocolError::Parts)?;
    Ok((serde_json::from_slice(json)?, body))
}
