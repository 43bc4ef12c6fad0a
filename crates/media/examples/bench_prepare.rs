//! How long a picture takes from file to model-ready pixels, in milliseconds.
//!
//! `cargo run --release -p onespace-media --example bench_prepare`
//!
//! Encodes a procedural photograph as JPEG (4:2:0 is not offered by the encoder: 4:4:4), then times
//! decoding and preparing it. Reports the median and the fastest of several runs.

#![expect(clippy::print_stdout, reason = "the report is the purpose")]

use std::time::Instant;

use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;
use onespace_media::{DecodeLimits, Fit, PreprocessSpec, Resample, decode, inspect, prepare};

const RUNS: usize = 15;
const QUALITY: u8 = 85;
const SIDE_PX: u32 = 64;

/// Soft gradients, hard edges and a little noise, so that it compresses as photographs do.
fn photograph(width: u32, height: u32) -> Vec<u8> {
    let mut seed = 1_u32;
    let mut rgb = Vec::with_capacity(width as usize * height as usize * 3);
    for y in 0..height {
        for x in 0..width {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (u, v) = (x as f32 / width as f32, y as f32 / height as f32);
            let edge = if (x / 97 + y / 61) % 5 == 0 { 60.0 } else { 0.0 };
            let noise = (seed >> 28) as f32;
            for shift in 0..3 {
                let wave =
                    ((u * 31.0 + shift as f32).sin() * (v * 23.0).cos()).mul_add(90.0, 110.0);
                rgb.push((wave + edge + noise).clamp(0.0, 255.0) as u8);
            }
        }
    }
    rgb
}

/// Median and fastest of several runs, in milliseconds.
fn timed(mut work: impl FnMut()) -> (f64, f64) {
    let mut times: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    (times[RUNS / 2], times[0])
}

fn main() {
    let limits = DecodeLimits::default();
    let (mean, std) = ([0.5; 3], [0.5; 3]);
    let spec = PreprocessSpec {
        fit: Fit::Squash { width: SIDE_PX, height: SIDE_PX },
        resample: Resample::Bicubic,
        mean,
        std,
    };
    println!(
        "JPEG quality {QUALITY}, to {SIDE_PX} x {SIDE_PX}; median (fastest) of {RUNS} runs in ms"
    );
    for (width, height) in [(1_152, 864), (4_000, 3_000)] {
        let mut file = Vec::new();
        JpegEncoder::new_with_quality(&mut file, QUALITY)
            .encode(&photograph(width, height), width, height, ExtendedColorType::Rgb8)
            .expect("a picture in memory encodes");
        let (inspected, inspected_min) = timed(|| drop(inspect(&file, &limits)));
        let (decoded, decoded_min) = timed(|| drop(decode(&file, &limits)));
        let (prepared, prepared_min) = timed(|| drop(prepare(&file, &limits, &spec)));
        println!(
            "{width} x {height}, {} KiB: inspect {inspected:.2} ({inspected_min:.2}), decode \
             {decoded:.1} ({decoded_min:.1}), prepare {prepared:.1} ({prepared_min:.1})",
            file.len() / 1024,
        );
    }
}
