//! Squashing a picture to the size a model wants: antialiased bicubic, bit for bit as Pillow 11.
//!
//! Weights are rounded to 22 fractional bits and sums to 8 bits after each pass. A 23-bit weight
//! is kept as two 16-bit halves, because processors multiply 16-bit numbers in bulk.
//!
//! Pillow up to 11 always goes along the rows first; 12 and 13 go along the columns first for some
//! shapes whose height shrinks much more than the width. The order shows where overshoot is clipped
//! between the passes. Rows first is what ten years of models were trained with, so it is kept for
//! all shapes.

use crate::codec::allocate;

/// Fractional bits of a weight.
const WEIGHT_BITS: u32 = 22;
/// Bits in the lower half of a weight.
const LOW_BITS: u32 = 11;
/// How far the bicubic kernel reaches, in pixels of the smaller picture.
const KERNEL_REACH: f64 = 2.0;
const CHANNELS: usize = 3;
/// Samples of a row that the vertical pass works on at a time: 12 KiB of sums.
const STRIP_SAMPLES: usize = 1536;

/// A size in pixels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Size {
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Size {
    pub(crate) fn swapped(self) -> Self {
        Self { width: self.height, height: self.width }
    }

    /// Bytes of an RGB picture of this size.
    pub(crate) fn rgb_bytes(self) -> u64 {
        u64::from(self.width) * u64::from(self.height) * 3
    }
}

/// Which axis is resampled first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FirstAxis {
    /// Along the rows.
    Horizontal,
    /// Along the columns: along the rows of a picture that is turned sideways afterwards.
    Vertical,
}

impl FirstAxis {
    /// Size between the two passes.
    pub(crate) fn halfway(self, from: Size, to: Size) -> Size {
        match self {
            Self::Horizontal => Size { width: to.width, height: from.height },
            Self::Vertical => Size { width: from.width, height: to.height },
        }
    }
}

/// Resamples a row-major RGB picture. `None` where memory is short.
pub(crate) fn bicubic(rgb: Vec<u8>, from: Size, to: Size, first: FirstAxis) -> Option<Vec<u8>> {
    let halfway = first.halfway(from, to);
    match first {
        FirstAxis::Horizontal => vertical(horizontal(rgb, from, halfway)?, halfway, to),
        FirstAxis::Vertical => horizontal(vertical(rgb, from, halfway)?, halfway, to),
    }
}

/// What one output pixel is made of: consecutive input pixels and their weights.
struct Taps {
    start: usize,
    /// Weight halves: `weight = high * 2^LOW_BITS + low`.
    high: Vec<i16>,
    low: Vec<i16>,
}

/// The bicubic kernel with a = -0.5.
fn kernel(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < KERNEL_REACH {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

/// The taps of each of `to` output pixels over `from` input pixels.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positions are clamped to the picture, weights lie within -1 and 2"
)]
fn taps(from: u32, to: u32) -> Vec<Taps> {
    let scale = f64::from(from) / f64::from(to);
    let widening = scale.max(1.0);
    let reach = KERNEL_REACH * widening;
    let narrowing = 1.0 / widening;
    let one = |index: u32| {
        let center = (f64::from(index) + 0.5) * scale;
        let start = (center - reach + 0.5).max(0.0) as u32;
        let end = ((center + reach + 0.5) as u32).min(from);
        let raw: Vec<f64> =
            (start..end).map(|at| kernel((f64::from(at) - center + 0.5) * narrowing)).collect();
        let total: f64 = raw.iter().sum();
        let weights: Vec<i32> = raw
            .iter()
            .map(|weight| {
                let scaled = weight / total * f64::from(1 << WEIGHT_BITS);
                (scaled + 0.5_f64.copysign(scaled)) as i32
            })
            .collect();
        Taps {
            start: start as usize,
            high: weights.iter().map(|weight| (weight >> LOW_BITS) as i16).collect(),
            low: weights.iter().map(|weight| (weight & ((1 << LOW_BITS) - 1)) as i16).collect(),
        }
    };
    (0..to).map(one).collect()
}

/// The 8-bit value of two half sums. They wrap; the whole, below 2^31, does not.
fn value(high: i32, low: i32) -> u8 {
    let sum = (high << LOW_BITS).wrapping_add(low).wrapping_add(1 << (WEIGHT_BITS - 1));
    (sum >> WEIGHT_BITS).clamp(0, 255) as u8
}

/// Sums of products of samples with both halves of the weights, wrapping. Compilers turn such a
/// loop over 16-bit numbers into multiply-and-add instructions.
fn dot(samples: &[i16], taps: &Taps) -> (i32, i32) {
    let weights = taps.high.iter().zip(&taps.low);
    samples.iter().zip(weights).fold((0, 0), |(high, low), (&sample, (&h, &l))| {
        (add_product(high, sample, h), add_product(low, sample, l))
    })
}

fn add_product(sum: i32, sample: i16, weight: i16) -> i32 {
    sum.wrapping_add(i32::from(sample) * i32::from(weight))
}

/// Resamples along the rows: `from.height` equals `to.height`.
fn horizontal(rgb: Vec<u8>, from: Size, to: Size) -> Option<Vec<u8>> {
    if from == to {
        return Some(rgb);
    }
    let taps = taps(from.width, to.width);
    let mut out = allocate(usize::try_from(to.rgb_bytes()).ok()?)?;
    let width = from.width as usize;
    let [mut red, mut green, mut blue] = [(); CHANNELS].map(|()| vec![0_i16; width]);
    let rows = rgb.chunks_exact(width * CHANNELS);
    for (row, out) in rows.zip(out.chunks_exact_mut(to.width as usize * CHANNELS)) {
        let planes = red.iter_mut().zip(&mut green).zip(&mut blue);
        for (((r, g), b), pixel) in planes.zip(row.as_chunks::<CHANNELS>().0) {
            [*r, *g, *b] = pixel.map(i16::from);
        }
        for (taps, pixel) in taps.iter().zip(out.as_chunks_mut::<CHANNELS>().0) {
            let window = taps.start..taps.start + taps.high.len();
            *pixel = [&red, &green, &blue].map(|plane| {
                let (high, low) = dot(&plane[window.clone()], taps);
                value(high, low)
            });
        }
    }
    Some(out)
}

/// Resamples along the columns: `from.width` equals `to.width`. Works on a strip of columns at a
/// time, whose sums stay in the processor's nearest cache.
fn vertical(rgb: Vec<u8>, from: Size, to: Size) -> Option<Vec<u8>> {
    if from == to {
        return Some(rgb);
    }
    let mut out = allocate(usize::try_from(to.rgb_bytes()).ok()?)?;
    let row_bytes = from.width as usize * CHANNELS;
    let taps = taps(from.height, to.height);
    for (taps, out) in taps.iter().zip(out.chunks_exact_mut(row_bytes)) {
        let rows = &rgb[taps.start * row_bytes..][..taps.high.len() * row_bytes];
        for (index, out) in out.chunks_mut(STRIP_SAMPLES).enumerate() {
            strip(rows, row_bytes, index * STRIP_SAMPLES, taps, out);
        }
    }
    Some(out)
}

/// One output row's strip of columns from `start` on.
fn strip(rows: &[u8], row_bytes: usize, start: usize, taps: &Taps, out: &mut [u8]) {
    let mut high = [0_i32; STRIP_SAMPLES];
    let mut low = [0_i32; STRIP_SAMPLES];
    let (high, low) = (&mut high[..out.len()], &mut low[..out.len()]);
    let of_row = |row: usize| &rows[row * row_bytes + start..][..out.len()];
    let (high_groups, high_rest) = taps.high.as_chunks::<4>();
    let (low_groups, low_rest) = taps.low.as_chunks::<4>();
    for (group, weights) in high_groups.iter().zip(low_groups).enumerate() {
        add_rows(high, low, [0, 1, 2, 3].map(|row| of_row(group * 4 + row)), weights);
    }
    let rest = high_rest.iter().zip(low_rest).enumerate();
    for (row, (&h, &l)) in rest {
        let row = of_row(high_groups.len() * 4 + row);
        for ((high, low), &sample) in high.iter_mut().zip(&mut *low).zip(row) {
            *high = add_product(*high, i16::from(sample), h);
            *low = add_product(*low, i16::from(sample), l);
        }
    }
    for ((out, &high), &low) in out.iter_mut().zip(&*high).zip(&*low) {
        *out = value(high, low);
    }
}

/// Adds four weighted rows at once: the sums are loaded and stored a quarter as often.
fn add_rows(
    high: &mut [i32],
    low: &mut [i32],
    [a, b, c, d]: [&[u8]; 4],
    (high_weights, low_weights): (&[i16; 4], &[i16; 4]),
) {
    let sums = high.iter_mut().zip(low);
    for (((((high, low), &a), &b), &c), &d) in sums.zip(a).zip(b).zip(c).zip(d) {
        for (row, sample) in [a, b, c, d].map(i16::from).into_iter().enumerate() {
            *high = add_product(*high, sample, high_weights[row]);
            *low = add_product(*low, sample, low_weights[row]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LOW_BITS, WEIGHT_BITS, taps};

    #[test]
    fn weights_of_every_output_pixel_sum_to_one() {
        for (from, to) in
            [(1, 64), (3, 64), (64, 64), (65, 64), (640, 64), (16_384, 64), (16_384, 1)]
        {
            for taps in taps(from, to) {
                let sum: i64 = taps
                    .high
                    .iter()
                    .zip(&taps.low)
                    .map(|(&high, &low)| (i64::from(high) << LOW_BITS) + i64::from(low))
                    .sum();
                let error = (sum - (1 << WEIGHT_BITS)).unsigned_abs();
                // Each weight is off by at most half a unit.
                assert!(error <= taps.high.len() as u64 / 2 + 1, "{from} to {to}: {error}");
                assert!(taps.start + taps.high.len() <= from as usize);
            }
        }
    }
}
