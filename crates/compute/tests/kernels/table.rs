//! Table tests that report every failing row, and the values and comparisons they share.

use std::fmt::Debug;
use std::io::Write;
use std::sync::Once;

use onespace_compute::Isa;
pub(crate) use onespace_compute::reference::values;

/// Checks each row and panics with all that fail.
pub(crate) fn check_rows<R: Debug>(
    rows: impl IntoIterator<Item = R>,
    check: impl Fn(&R) -> Result<(), String>,
) {
    let (mut count, mut failures) = (0, Vec::new());
    for row in rows {
        count += 1;
        if let Err(reason) = check(&row) {
            failures.push(format!("{row:?}: {reason}"));
        }
    }
    assert!(count > 0, "a table without rows checks nothing");
    let failed = failures.len();
    assert!(failed == 0, "{failed} of {count} rows failed:\n{}", failures.join("\n"));
}

/// The instruction sets of this machine. Says once on the real standard error, which the test
/// harness does not swallow, which ones go untested here.
pub(crate) fn isas() -> Vec<Isa> {
    static ABSENT: Once = Once::new();
    ABSENT.call_once(|| {
        for name in Isa::NAMES.iter().filter(|name| Isa::named(name).is_none()) {
            let line = format!("skipped here: {name} kernels, this processor has none\n");
            std::io::stderr().write_all(line.as_bytes()).expect("standard error can be written");
        }
    });
    Isa::available()
}

/// Whether each number is within `tolerance` of the expected one, absolute below 1 and relative
/// above.
pub(crate) fn close(found: &[f32], expected: &[f64], tolerance: f64) -> Result<(), String> {
    if found.len() != expected.len() {
        return Err(format!("{} numbers, expected {}", found.len(), expected.len()));
    }
    for (at, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        let error = (f64::from(found) - expected).abs() / expected.abs().max(1.0);
        if error.is_nan() || error > tolerance {
            return Err(format!("number {at} is {found}, expected {expected} (error {error:.1e})"));
        }
    }
    Ok(())
}

/// Whether two results are the same to the last bit.
pub(crate) fn same_bits(found: &[f32], expected: &[f32]) -> Result<(), String> {
    let differs = |(a, b): (&f32, &f32)| a.to_bits() != b.to_bits();
    match found.iter().zip(expected).position(differs) {
        None if found.len() == expected.len() => Ok(()),
        None => Err(format!("{} numbers, expected {}", found.len(), expected.len())),
        Some(at) => Err(format!("number {at} is {}, expected {}", found[at], expected[at])),
    }
}
