//! Room on the disk, and making names last.

use std::fs::File;
use std::io;
use std::path::Path;

/// Bytes that an unprivileged process may still write where `folder` is.
pub(crate) fn free_bytes(folder: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(folder)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Makes the names in `folder` survive a crash.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
