//! Speed of the matrix multiply at each precision, against `f32` and against what the processor
//! could do in `f32`, interleaved round by round.
//!
//! `cargo run --release -p onespace-compute --example gemm_speed [THREADS]`

use std::time::Instant;

use onespace_compute::{Cpu, Finish, Isa, PackedMatrix, Precision, matmul, peak};

/// Rounds, in each of which every precision is measured for a while.
const ROUNDS: usize = 9;
/// Least time of one measurement.
const SECONDS_MIN: f64 = 0.02;
const PEAK_ROUNDS: usize = 20;
/// Rows: one token, one short text, and 1, 8 images of 196 patches.
const ROWS: [usize; 4] = [1, 16, 196, 1568];
/// Inputs and outputs: the layers of a transformer of 768, and of 384.
const LAYERS: [(usize, usize); 7] =
    [(768, 2304), (768, 768), (768, 3072), (3072, 768), (384, 1152), (384, 1536), (1536, 384)];

#[expect(clippy::print_stdout, reason = "the table is the program's output")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let threads = std::env::args().nth(1).map_or(Ok(1), |threads| threads.parse())?;
    let cpu = Cpu::new(Isa::current()?, threads);
    let peak = peak::multiply_add_flops(cpu.isa(), PEAK_ROUNDS) / 1e9;
    let integers = peak::integer_multiply_add_ops(cpu.isa(), PEAK_ROUNDS) / 1e9;
    println!(
        "{}, {threads} threads; peak of one: {peak:.1} GFLOP/s in f32, {integers:.1} GOP/s in integers",
        cpu.isa().name()
    );
    println!(
        "{:>5} {:>5} {:>5} {:>12} {:>6}  int16, bf16, int8 / f32",
        "m", "k", "n", "f32 GFLOP/s", "peak"
    );
    for m in ROWS {
        for (k, n) in LAYERS {
            let speeds = speeds(cpu, (m, k, n));
            let of_peak = 100.0 * speeds[0] / 1e9 / peak / threads as f64;
            print!("{m:>5} {k:>5} {n:>5} {:>12.1} {of_peak:>5.0}%", speeds[0] / 1e9);
            for speed in &speeds[1..] {
                print!("  {:>5.2}", speed / speeds[0]);
            }
            println!();
        }
    }
    Ok(())
}

/// Operations per second at each precision, in the fastest call: one that nothing else on the
/// machine disturbed.
fn speeds(cpu: Cpu, (m, k, n): (usize, usize, usize)) -> Vec<f64> {
    let weights: Vec<f32> = (0..n * k).map(|at| (at as f32 * 0.37).sin()).collect();
    let packed = Precision::ALL.map(|p| PackedMatrix::pack(cpu.isa(), p, &weights, k));
    let (input, mut out) = (vec![0.5; m * k], vec![0.0; m * n]);
    let mut fastest = vec![f64::INFINITY; packed.len()];
    for _ in 0..ROUNDS {
        for (weights, fastest) in packed.iter().zip(&mut fastest) {
            let started = Instant::now();
            while started.elapsed().as_secs_f64() < SECONDS_MIN {
                let call = Instant::now();
                matmul(cpu, &input, weights, Finish::default(), &mut out);
                *fastest = fastest.min(call.elapsed().as_secs_f64());
            }
        }
    }
    let operations = (2 * m * k * n) as f64;
    fastest.into_iter().map(|seconds| operations / seconds).collect()
}
