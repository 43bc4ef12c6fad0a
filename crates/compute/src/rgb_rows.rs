//! Rows of 8-bit RGB made shorter or longer: each new pixel is a weighted sum of neighbours.
//!
//! The sums are of integers and exact, so every instruction set gives the same bytes. Where
//! weights have more than 16 bits they come in two halves, because processors multiply 16-bit
//! numbers in bulk.

#[cfg(target_arch = "x86_64")]
mod avx2;

use std::ops::Range;

use crate::Isa;

/// Bytes per pixel.
const CHANNELS: usize = 3;
/// Neighbours that are summed at a time; windows are filled up with weights of zero.
const GROUP: usize = 4;

/// The neighbours of one new pixel and their weights: `(high << RowTaps::LOW_BITS) + low`.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a> {
    /// The first neighbour.
    pub start: usize,
    /// Upper halves of the weights; empty where the lower ones are the weights.
    pub high: &'a [i16],
    /// One number for each neighbour.
    pub low: &'a [i16],
}

/// What each pixel of a new row is made of.
pub struct RowTaps {
    windows: Vec<Place>,
    /// For each group of neighbours their upper halves, then their lower ones.
    weights: Vec<[[i16; GROUP]; 2]>,
    /// Whether any weight has an upper half.
    halves: bool,
    /// Fractional bits of a weight.
    bits: u32,
    /// Pixels of an old row.
    pixels: usize,
}

/// A new pixel: its first neighbour and its groups of weights.
struct Place {
    start: usize,
    groups: Range<usize>,
}

impl RowTaps {
    /// Bits in the lower half of a weight that comes in two.
    pub const LOW_BITS: u32 = 11;

    /// Takes the windows of a row of `pixels`, with weights of `bits` fractional bits.
    ///
    /// # Panics
    /// If a window is empty or reaches beyond the row, or its halves differ in number.
    #[must_use]
    pub fn new<'a>(
        pixels: usize,
        bits: u32,
        windows: impl IntoIterator<Item = Window<'a>>,
    ) -> Self {
        let mut taps = Self { windows: vec![], weights: vec![], halves: false, bits, pixels };
        windows.into_iter().for_each(|window| taps.push(window));
        taps
    }

    fn push(&mut self, Window { start, high, low }: Window<'_>) {
        assert!(!low.is_empty() && start + low.len() <= self.pixels, "a window beyond the row");
        assert!(high.is_empty() || high.len() == low.len(), "halves of weights differ in number");
        let first = self.weights.len();
        let halves = [(0, high), (1, low)];
        self.weights.resize(first + low.len().div_ceil(GROUP), [[0; GROUP]; 2]);
        for (half, numbers) in halves {
            for (group, numbers) in self.weights[first..].iter_mut().zip(numbers.chunks(GROUP)) {
                group[half][..numbers.len()].copy_from_slice(numbers);
            }
        }
        self.halves |= !high.is_empty();
        self.windows.push(Place { start, groups: first..self.weights.len() });
    }

    /// Pixels of a new row.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.windows.len()
    }

    /// The neighbours of the widest reach, those of weight zero too, in bytes from the row's start.
    fn reach_bytes(&self) -> usize {
        let end = |place: &Place| place.start + GROUP * place.groups.len();
        CHANNELS * self.windows.iter().map(end).max().unwrap_or(0)
    }
}

/// A sum in two halves, `(high << RowTaps::LOW_BITS) + low` with `bits` fractional bits, rounded to
/// a byte. The halves may wrap; their sum, below 2^31, does not.
#[inline]
#[must_use]
pub fn rounded_byte(high: i32, low: i32, bits: u32) -> u8 {
    let half = if bits == 0 { 0 } else { 1 << (bits - 1) };
    let sum = (high << RowTaps::LOW_BITS).wrapping_add(low).wrapping_add(half);
    (sum >> bits).clamp(0, 255) as u8
}

/// Makes new rows from the rows of a picture: `rgb` is `[rows, pixels, 3]` and `out`
/// `[rows, taps.outputs(), 3]`.
///
/// # Panics
/// If the lengths are not the same number of whole rows.
pub fn resample_rows(isa: Isa, rgb: &[u8], taps: &RowTaps, out: &mut [u8]) {
    let (old, new) = (CHANNELS * taps.pixels, CHANNELS * taps.outputs());
    if out.is_empty() {
        return;
    }
    assert!(rgb.len().is_multiple_of(old) && out.len().is_multiple_of(new), "rows are not whole");
    assert_eq!(rgb.len() / old, out.len() / new, "old and new rows differ in number");
    match isa.avx2() {
        #[cfg(target_arch = "x86_64")]
        Some(proof) => avx2::resample_rows(proof, rgb, taps, out),
        _ => {
            let mut planes = [(); CHANNELS].map(|()| vec![0; taps.pixels + GROUP]);
            for (row, out) in rgb.chunks_exact(old).zip(out.chunks_exact_mut(new)) {
                resample_row(row, taps, &mut planes, out);
            }
        }
    }
}

/// One row, a channel at a time; `planes` are room for its channels and a group beyond.
fn resample_row(row: &[u8], taps: &RowTaps, planes: &mut [Vec<i16>; CHANNELS], out: &mut [u8]) {
    for (at, pixel) in row.as_chunks::<CHANNELS>().0.iter().enumerate() {
        for (plane, &sample) in planes.iter_mut().zip(pixel) {
            plane[at] = i16::from(sample);
        }
    }
    for (place, pixel) in taps.windows.iter().zip(out.as_chunks_mut::<CHANNELS>().0) {
        let weights = &taps.weights[place.groups.clone()];
        for (plane, byte) in planes.iter().zip(pixel) {
            let mut sums = [[0; GROUP]; 2];
            for (group, samples) in weights.iter().zip(plane[place.start..].as_chunks().0) {
                for (sums, weights) in sums.iter_mut().zip(group) {
                    add_products(sums, samples, weights);
                }
            }
            let [high, low] = sums.map(|sums| sums.iter().fold(0, |a: i32, &b| a.wrapping_add(b)));
            *byte = rounded_byte(high, low, taps.bits);
        }
    }
}

/// Adds products place by place, as vector instructions do.
fn add_products(sums: &mut [i32; GROUP], samples: &[i16; GROUP], weights: &[i16; GROUP]) {
    for ((sum, &sample), &weight) in sums.iter_mut().zip(samples).zip(weights) {
        *sum = sum.wrapping_add(i32::from(sample) * i32::from(weight));
    }
}
