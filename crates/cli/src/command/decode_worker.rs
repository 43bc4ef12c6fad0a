//! `decode-worker`: decodes pictures for the server, with a limit on its own memory.

use rustix::process::{Resource, Rlimit, setrlimit};

use crate::failure::Failure;

/// Address space of a decoder, in bytes: the largest allowed picture several times over.
const ADDRESS_SPACE_BYTES_MAX: u64 = 1 << 30;

/// Answers pictures on stdin until it is closed.
pub(crate) fn run() -> Result<(), Failure> {
    limit(Resource::As, ADDRESS_SPACE_BYTES_MAX)?;
    // A crash here is expected and must leave no picture behind on the disk.
    limit(Resource::Core, 0)?;
    onespace_media::worker::serve(std::io::stdin().lock(), std::io::stdout().lock())
        .map_err(|error| Failure::because("The decoder lost its server.", error))
}

fn limit(resource: Resource, bytes: u64) -> Result<(), Failure> {
    setrlimit(resource, Rlimit { current: Some(bytes), maximum: Some(bytes) })
        .map_err(|error| Failure::because("The decoder cannot limit itself.", error))
}
