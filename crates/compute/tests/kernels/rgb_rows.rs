//! Resampled rows against sums in 64 bits, on every instruction set: the same bytes.

use onespace_compute::{Isa, RowTaps, Window, reference, resample_rows};

const BITS: u32 = 22;

/// A window of a test: its first neighbour and its weights in fixed point.
struct Weighted {
    start: usize,
    weights: Vec<i32>,
}

/// Windows of a row of `pixels` that touch both of its ends, with weights of both signs.
fn windows(pixels: usize, outputs: usize, reach: usize) -> Vec<Weighted> {
    (0..outputs)
        .map(|output| {
            let count = (1 + (reach + output) % reach.max(1)).min(pixels);
            let start = output * (pixels - count) / (outputs - 1).max(1);
            let raw = reference::values(output + 1, count);
            let weights =
                raw.iter().map(|x| ((x + 0.4) / count as f32 * (1 << BITS) as f32) as i32);
            Weighted { start, weights: weights.collect() }
        })
        .collect()
}

fn picture(pixels: usize, rows: usize) -> Vec<u8> {
    let noise = reference::values(7, pixels * rows * 3);
    noise.iter().map(|x| ((x + 1.0) * 127.9) as u8).collect()
}

/// The sums as anyone would write them.
fn expected(rgb: &[u8], pixels: usize, windows: &[Weighted], bits: u32) -> Vec<u8> {
    let mut out = Vec::new();
    for row in rgb.chunks_exact(3 * pixels) {
        for window in windows {
            for channel in 0..3 {
                let sample = |at: usize| i64::from(row[3 * (window.start + at) + channel]);
                let products = window.weights.iter().enumerate();
                let sum: i64 = products.map(|(at, &weight)| sample(at) * i64::from(weight)).sum();
                let rounded = (sum + (1 << (bits - 1))) >> bits;
                out.push(rounded.clamp(0, 255) as u8);
            }
        }
    }
    out
}

fn halves(window: &Weighted) -> (Vec<i16>, Vec<i16>) {
    let low = (1 << RowTaps::LOW_BITS) - 1;
    let split = |&weight: &i32| ((weight >> RowTaps::LOW_BITS) as i16, (weight & low) as i16);
    window.weights.iter().map(split).unzip()
}

#[test]
fn every_instruction_set_gives_the_bytes_of_the_sums() {
    let shapes =
        [(1, 1, 1), (2, 5, 2), (3, 7, 3), (17, 4, 5), (64, 64, 4), (101, 23, 21), (640, 3, 640)];
    for (pixels, outputs, reach) in shapes {
        let windows = windows(pixels, outputs, reach);
        let split: Vec<_> = windows.iter().map(halves).collect();
        let taps = split.iter().zip(&windows);
        let taps = taps.map(|((high, low), window)| Window { start: window.start, high, low });
        let taps = RowTaps::new(pixels, BITS, taps);
        for rows in [1, 2, 3] {
            let rgb = picture(pixels, rows);
            let expected = expected(&rgb, pixels, &windows, BITS);
            for isa in Isa::available() {
                let mut out = vec![0; expected.len()];
                resample_rows(isa, &rgb, &taps, &mut out);
                assert_eq!(out, expected, "{isa:?}: {pixels} to {outputs}, {rows} rows");
            }
        }
    }
}

#[test]
fn weights_without_an_upper_half_are_whole() {
    const BITS: u32 = 14;
    let windows: Vec<_> = windows(50, 9, 6)
        .into_iter()
        .map(|window| Weighted {
            weights: window.weights.iter().map(|weight| weight >> 8).collect(),
            ..window
        })
        .collect();
    let low: Vec<Vec<i16>> = windows
        .iter()
        .map(|window| window.weights.iter().map(|&weight| weight as i16).collect())
        .collect();
    let taps = windows.iter().zip(&low);
    let taps = taps.map(|(window, low)| Window { start: window.start, high: &[], low });
    let taps = RowTaps::new(50, BITS, taps);
    let rgb = picture(50, 2);
    let expected = expected(&rgb, 50, &windows, BITS);
    for isa in Isa::available() {
        let mut out = vec![0; expected.len()];
        resample_rows(isa, &rgb, &taps, &mut out);
        assert_eq!(out, expected, "{isa:?}");
    }
}

#[test]
fn extreme_samples_and_weights_do_not_overflow_unnoticed() {
    // Sums just below 2^31: 255 times a total weight of 2 at 22 bits.
    let weights = vec![1 << 21; 4];
    let windows = [Weighted { start: 0, weights }];
    let (high, low) = halves(&windows[0]);
    let taps = RowTaps::new(4, BITS, [Window { start: 0, high: &high, low: &low }]);
    for sample in [0, 1, 127, 128, 255] {
        let rgb = vec![sample; 12];
        for isa in Isa::available() {
            let mut out = [0; 3];
            resample_rows(isa, &rgb, &taps, &mut out);
            assert_eq!(out.to_vec(), expected(&rgb, 4, &windows, BITS), "{isa:?}: {sample}");
        }
    }
}
