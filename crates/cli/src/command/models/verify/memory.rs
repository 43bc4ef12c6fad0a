//! The memory of this process.

use std::fs;

/// Bytes of memory that this process holds now; unknown where the system has no `/proc`.
pub(super) fn resident_bytes() -> Option<u64> {
    field("VmRSS:")
}

/// The most bytes of memory that this process held.
pub(super) fn peak_bytes() -> Option<u64> {
    field("VmHWM:")
}

fn field(name: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}
