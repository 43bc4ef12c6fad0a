//! Room on the disk, opening files, and making names last.

use std::fs::File;
use std::io;
use std::path::Path;

/// Bytes that an unprivileged process may still write where `folder` is.
pub(crate) fn free_bytes(folder: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(folder)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Opens an ordinary file. Anything else is refused before it is opened: the opening of a pipe waits
/// for somebody who writes.
///
/// # Errors
/// When it is none, or cannot be opened.
pub fn open_ordinary(path: &Path) -> io::Result<File> {
    if std::fs::metadata(path)?.is_file() {
        File::open(path)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no ordinary file"))
    }
}

/// Makes the names in `folder` survive a crash.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
