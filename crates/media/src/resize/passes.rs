//! The two passes over the pixels.

use onespace_compute::{Isa, RowTaps, resample_rows, rounded_byte};

use super::taps::{AxisTaps, Taps};
use crate::codec::allocate;
use crate::spec::Size;

const CHANNELS: usize = 3;
/// Samples of a row that the vertical pass works on at a time: 12 KiB of sums.
const STRIP_SAMPLES: usize = 1536;

fn add_product(sum: i32, sample: i16, weight: i16) -> i32 {
    sum.wrapping_add(i32::from(sample) * i32::from(weight))
}

/// Resamples along the rows: `from.height` equals `to.height`.
pub(super) fn horizontal(rgb: &[u8], from: Size, to: Size, axis: &AxisTaps) -> Option<Vec<u8>> {
    let mut out = allocate(usize::try_from(to.rgb_bytes()).ok()?)?;
    let windows = axis.taps.iter().map(Taps::window);
    let taps = RowTaps::new(from.width as usize, axis.bits, windows);
    resample_rows(Isa::current_or_portable(), rgb, &taps, &mut out);
    Some(out)
}

/// Resamples along the columns: `from.width` equals `to.width`. Works on a strip of columns at a
/// time, whose sums stay in the processor's nearest cache.
pub(super) fn vertical(rgb: &[u8], from: Size, to: Size, axis: &AxisTaps) -> Option<Vec<u8>> {
    let mut out = allocate(usize::try_from(to.rgb_bytes()).ok()?)?;
    let row_bytes = from.width as usize * CHANNELS;
    for (taps, out) in axis.taps.iter().zip(out.chunks_exact_mut(row_bytes)) {
        let rows = &rgb[taps.start * row_bytes..][..taps.low.len() * row_bytes];
        for (index, out) in out.chunks_mut(STRIP_SAMPLES).enumerate() {
            let start = index * STRIP_SAMPLES;
            let row = |row: usize| &rows[row * row_bytes + start..][..out_length(start, row_bytes)];
            strip(row, taps, axis.bits, out);
        }
    }
    Some(out)
}

/// Samples of the strip from `start` on.
fn out_length(start: usize, row_bytes: usize) -> usize {
    STRIP_SAMPLES.min(row_bytes - start)
}

/// One output row's strip; `row` gives the strips of its input rows.
fn strip<'a>(row: impl Fn(usize) -> &'a [u8], taps: &Taps, bits: u32, out: &mut [u8]) {
    let mut high = [0_i32; STRIP_SAMPLES];
    let mut low = [0_i32; STRIP_SAMPLES];
    let (high, low) = (&mut high[..out.len()], &mut low[..out.len()]);
    add_weighted(&row, &taps.high, high);
    add_weighted(&row, &taps.low, low);
    for ((out, &high), &low) in out.iter_mut().zip(&*high).zip(&*low) {
        *out = rounded_byte(high, low, bits);
    }
}

/// Adds the rows times their weights, four at once where there are four: the sums are then loaded
/// and stored a quarter as often.
fn add_weighted<'a>(row: impl Fn(usize) -> &'a [u8], weights: &[i16], sums: &mut [i32]) {
    let (groups, rest) = weights.as_chunks::<4>();
    for (group, weights) in groups.iter().enumerate() {
        add_rows(sums, [0, 1, 2, 3].map(|index| row(group * 4 + index)), weights);
    }
    for (index, &weight) in rest.iter().enumerate() {
        for (sum, &sample) in sums.iter_mut().zip(row(groups.len() * 4 + index)) {
            *sum = add_product(*sum, i16::from(sample), weight);
        }
    }
}

fn add_rows(sums: &mut [i32], [a, b, c, d]: [&[u8]; 4], weights: &[i16; 4]) {
    for ((((sum, &a), &b), &c), &d) in sums.iter_mut().zip(a).zip(b).zip(c).zip(d) {
        for (sample, &weight) in [a, b, c, d].map(i16::from).into_iter().zip(weights) {
            *sum = add_product(*sum, sample, weight);
        }
    }
}
