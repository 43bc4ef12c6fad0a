//! The protocol of a decoder process, over any pair of byte streams.
//!
//! Decoding strangers' pictures is best done in a child process: a memory limit, a time limit or a
//! crash then costs one picture. The child runs [`serve`] over its standard input and output; the
//! parent sends a [`Request`], waits for one [`Reply`], and sends the next.
//!
//! # Frames
//!
//! Both directions carry frames:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | length of all that follows in this frame, unsigned little-endian |
//! | 4 | length of the header, unsigned little-endian |
//! | header length | header, JSON |
//! | the rest | request: the picture file; reply: prepared pixels, `height x width x 3`, or nothing |
//!
//! [`Request::encode`] and [`Reply::encode`] give whole frames, `decode` takes a frame's payload:
//! what follows the 8 bytes. A parent with its own kind of I/O reads 8 bytes, asks
//! [`payload_length`] how many follow (the cap is checked there, before anything is allocated),
//! reads them and calls [`Reply::decode`]. [`write_frame`] and [`read_frame`] do that over
//! blocking streams.
//!
//! A frame that breaks the protocol ends [`serve`] with an error: after that the two sides no
//! longer agree on where frames begin. A picture that is refused does not: it is a
//! [`Reply::Refused`].

mod frame;
mod message;

use std::io::{Read, Write};
use std::sync::Arc;

pub use frame::{FRAME_PREFIX_BYTES, ProtocolError, payload_length, read_frame, write_frame};
pub use message::{Reply, Request, Task};

use crate::pipeline::{decode_with_facts, prepare_with_facts};

/// Longest request payload that [`serve`] takes, in bytes. A backstop only: the limit that matters
/// travels in the request, as `image_bytes_max`.
pub const REQUEST_BYTES_MAX: u64 = 1 << 30;

/// Answers requests until the input ends.
///
/// # Errors
/// [`ProtocolError`] on failing I/O or on a frame that breaks the protocol; the caller should end
/// the process.
pub fn serve(mut input: impl Read, mut output: impl Write) -> Result<(), ProtocolError> {
    while let Some(payload) = read_frame(&mut input, REQUEST_BYTES_MAX)? {
        let reply = answer(&Request::decode(&payload)?);
        // The file is no longer needed while the reply is written.
        drop(payload);
        write_frame(&mut output, &reply.encode())?;
    }
    Ok(())
}

/// Does what a request asks for.
#[must_use]
pub fn answer(request: &Request<'_>) -> Reply {
    let done = match &request.task {
        Task::Prepare(spec) => prepare_with_facts(request.image, &request.limits, spec)
            .map(|(facts, image)| Reply::Prepared { facts, image }),
        Task::Check => decode_with_facts(request.image, &request.limits)
            .map(|(facts, _)| Reply::Checked { facts }),
    };
    done.unwrap_or_else(Reply::Refused)
}

/// Bytes as a shared slice, for pixels that several readers hold.
fn shared(bytes: &[u8]) -> Arc<[u8]> {
    Arc::from(bytes)
}

#[cfg(test)]
mod tests;
