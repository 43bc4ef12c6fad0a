//! What the machine could do at most.
//!
//! - `yardstick peak THREADS`: multiply-adds of so many threads, as JSON.
//! - `yardstick products PRECISION THREADS ROWSxINPUTSxOUTPUTS...`: seconds of one product of each
//!   shape by our own kernels, with weights from memory, as JSON.
//! - `yardstick decode SECONDS FIT SIDE THREADS FILE...`: pictures a second from bytes to
//!   SIDE x SIDE pixels, as the server does it, without the server.
//! - `yardstick decoders SECONDS SIDE FILE` (feature `decoders`): the same on one thread by several
//!   decoders, and how far their pixels are from the first one's.

#[cfg(feature = "decoders")]
mod decoders;

use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use onespace_compute::{Cpu, Finish, Isa, PackedMatrix, Precision, matmul, peak};
use onespace_media::{DecodeLimits, Fit, PreprocessSpec, Resample};
use serde_json::json;

/// Rounds that the peak is the best of.
const PEAK_ROUNDS: usize = 20;
/// Calls of a product of which the middle one counts.
const PRODUCT_CALLS: usize = 9;
/// Bytes of packed weights to go through in turn: several times the caches.
const WEIGHT_BYTES: usize = 96 << 20;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["peak", threads] => peak(threads.parse()?),
        ["products", precision, threads, shapes @ ..] => {
            products(precision.parse()?, threads.parse()?, shapes)
        }
        ["decode", seconds, fit, side, threads, files @ ..] => {
            decode((seconds.parse()?, threads.parse()?), &spec(fit, side.parse()?)?, files)
        }
        #[cfg(feature = "decoders")]
        ["decoders", seconds, side, file] => {
            decoders::compare(seconds.parse()?, side.parse()?, &std::fs::read(file)?)
        }
        _ => bail!("usage: see the head of src/main.rs"),
    }
}

/// Prints the sum over all threads, which spin at the same time.
fn peak(threads: usize) -> Result<()> {
    let isa = Isa::current()?;
    let spin = || peak::multiply_add_flops(isa, PEAK_ROUNDS) / 1e9;
    let total: f64 = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(spin)).collect();
        running.into_iter().map(|thread| thread.join().unwrap_or(0.0)).sum()
    });
    println!("{}", json!({ "instruction_set": isa.name(), "f32": total }));
    Ok(())
}

/// Prints the seconds of one product of each shape.
fn products(precision: Precision, threads: usize, shapes: &[&str]) -> Result<()> {
    let cpu = Cpu::new(Isa::current()?, threads);
    let sizes = shapes.iter().map(|shape| {
        let sizes = shape.split('x').map(str::parse).collect::<Result<Vec<usize>, _>>()?;
        <[usize; 3]>::try_from(sizes).map_err(|_| anyhow::anyhow!("`{shape}` is no shape"))
    });
    let seconds = sizes.map(|sizes| Ok(product_seconds(cpu, precision, sizes?)));
    println!("{}", json!({ "seconds": seconds.collect::<Result<Vec<f64>>>()? }));
    Ok(())
}

/// The middle of several calls, each with weights that no cache holds.
fn product_seconds(cpu: Cpu, precision: Precision, [rows, inputs, outputs]: [usize; 3]) -> f64 {
    let weights: Vec<f32> = (0..outputs * inputs).map(|at| (at as f32 * 0.37).sin()).collect();
    let first = PackedMatrix::pack(cpu.isa(), precision, &weights, inputs);
    let copies = (WEIGHT_BYTES / first.bytes()).clamp(2, 64);
    let pack = |_| PackedMatrix::pack(cpu.isa(), precision, &weights, inputs);
    let packed: Vec<_> = std::iter::once(first).chain((1..copies).map(pack)).collect();
    let (input, mut out) = (vec![0.5; rows * inputs], vec![0.0; rows * outputs]);
    let mut call = |weights: &PackedMatrix| {
        let started = Instant::now();
        matmul(cpu, &input, weights, Finish::default(), &mut out);
        started.elapsed().as_secs_f64()
    };
    let mut times: Vec<f64> =
        packed.iter().cycle().take(PRODUCT_CALLS.max(copies)).map(&mut call).collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// How CLIP (`crop`), the embedded model (`squash`) or SigLIP (`squash-torch`, but for the filter)
/// prepare pictures.
fn spec(fit: &str, side: u32) -> Result<PreprocessSpec> {
    let (fit, resample) = match fit {
        "crop" => {
            let fit = Fit::CentreCrop { shortest_edge_px: side, width: side, height: side };
            (fit, Resample::TorchBicubic)
        }
        "squash" => (Fit::Squash { width: side, height: side }, Resample::Bicubic),
        "squash-torch" => (Fit::Squash { width: side, height: side }, Resample::TorchBicubic),
        _ => bail!("`{fit}` is none of crop, squash and squash-torch"),
    };
    Ok(PreprocessSpec { fit, resample, mean: [0.5; 3], std: [0.5; 3] })
}

fn decode((seconds, threads): (f64, usize), spec: &PreprocessSpec, files: &[&str]) -> Result<()> {
    let pictures = files.iter().map(std::fs::read).collect::<Result<Vec<_>, _>>()?;
    let pixels = prepared(pictures.first().context("no file")?, spec)?.len();
    let started = Instant::now();
    let count = || -> Result<usize> {
        let mut done = 0;
        while started.elapsed().as_secs_f64() < seconds {
            anyhow::ensure!(prepared(&pictures[done % pictures.len()], spec)?.len() == pixels);
            done += 1;
        }
        Ok(done)
    };
    let counts = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(count)).collect();
        running.into_iter().map(|thread| thread.join().unwrap_or(Ok(0))).collect::<Vec<_>>()
    });
    let done: usize = counts.into_iter().sum::<Result<usize>>()?;
    println!("{}", json!({ "pictures_per_s": done as f64 / started.elapsed().as_secs_f64() }));
    Ok(())
}

/// A picture's pixels at the model's size.
pub(crate) fn prepared(bytes: &[u8], spec: &PreprocessSpec) -> Result<Vec<u8>> {
    Ok(onespace_media::prepare(bytes, &DecodeLimits::default(), spec)?.rgb.to_vec())
}
