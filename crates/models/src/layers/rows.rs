//! Work on rows, side by side.

use onespace_compute::Cpu;

/// Numbers below which a second thread costs more than it brings.
const PART_NUMBERS_MIN: usize = 1 << 15;

/// Calls `work` with runs of whole rows, and the index of the first row of each, on as many threads
/// as the budget has where there are enough numbers. Rows must not depend on each other.
pub(crate) fn by_rows(
    cpu: Cpu,
    (values, width): (&mut [f32], usize),
    work: impl Fn(Cpu, usize, &mut [f32]) + Sync + Send,
) {
    let rows = values.len() / width;
    let parts = cpu.threads().min(values.len() / PART_NUMBERS_MIN).max(1);
    let each = rows.div_ceil(parts).max(1);
    let runs = values.chunks_mut(each * width).enumerate().collect();
    let alone = cpu.with_threads(1);
    cpu.map_parts(runs, |(index, run): (usize, &mut [f32])| work(alone, index * each, run));
}
