//! Speed of the matrix multiply on one thread, as a share of what the processor could do.
//!
//! `cargo run --release -p onespace-compute --example gemm_speed`

use std::time::Instant;

use onespace_compute::{Cpu, Finish, Isa, PackedMatrix, Precision, matmul, peak};

/// Time spent on each shape, and pieces that it is measured in.
const SECONDS_PER_SHAPE: f64 = 0.3;
const PEAK_ROUNDS: usize = 20;

#[expect(clippy::print_stdout, reason = "the table is the program's output")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let isa = Isa::current()?;
    let peak = peak::multiply_add_flops(isa, PEAK_ROUNDS) / 1e9;
    println!("{}: multiply-add peak {peak:.1} GFLOP/s on one thread", isa.name());
    println!("{:>5} {:>5} {:>5} {:>9} {:>6}", "m", "k", "n", "GFLOP/s", "share");
    for m in [1, 8, 64, 512] {
        for k in [256, 768, 1024] {
            for n in [256, 768, 1024] {
                let speed = best_speed(Cpu::new(isa, 1), m, k, n) / 1e9;
                println!("{m:>5} {k:>5} {n:>5} {speed:>9.1} {:>5.0}%", 100.0 * speed / peak);
            }
        }
    }
    Ok(())
}

/// Floating-point operations per second in the fastest call within the time.
fn best_speed(cpu: Cpu, m: usize, k: usize, n: usize) -> f64 {
    let weights = PackedMatrix::pack(cpu.isa(), Precision::F32, &vec![0.01; n * k], k);
    let (input, mut out) = (vec![0.5; m * k], vec![0.0; m * n]);
    let started = Instant::now();
    let mut best = f64::INFINITY;
    while started.elapsed().as_secs_f64() < SECONDS_PER_SHAPE {
        let call = Instant::now();
        matmul(cpu, &input, &weights, Finish::default(), &mut out);
        best = best.min(call.elapsed().as_secs_f64());
    }
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    let operations = (2 * m * k * n) as f64;
    operations / best
}
