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

/// Copies the first `width` numbers of one place of each sequence; places are `stride` numbers
/// apart.
pub(crate) fn gather_rows(
    states: &[f32],
    (stride, width): (usize, usize),
    (offsets, rows): (&[usize], &[usize]),
    out: &mut [f32],
) {
    for ((row, offset), out) in rows.iter().zip(offsets).zip(out.chunks_exact_mut(width)) {
        out.copy_from_slice(&states[(offset + row) * stride..][..width]);
    }
}

/// The last place of each sequence, counted from its own start.
pub(crate) fn last_places(offsets: &[usize]) -> Vec<usize> {
    offsets.windows(2).map(|range| range[1] - range[0] - 1).collect()
}
