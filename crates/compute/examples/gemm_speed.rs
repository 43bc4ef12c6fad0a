//! Speed of the matrix multiply at each precision, against `f32` and against what the processor
//! could do in `f32`, interleaved round by round. Weights come from memory, as in a model whose
//! layers do not fit the caches together.
//!
//! `cargo run --release -p onespace-compute --example gemm_speed [THREADS]`

use std::time::Instant;

use onespace_compute::{Cpu, Finish, Isa, PackedMatrix, Precision, matmul, peak};

/// Rounds, in each of which every precision is measured for a while.
const ROUNDS: usize = 9;
/// Bytes of `f32` weights to go through in turn: several times the caches.
const WEIGHT_BYTES: usize = 96 << 20;
const PEAK_ROUNDS: usize = 20;
/// Rows: one token, one short text, one image of 50 patches, and 1, 8 images of 196.
const ROWS: [usize; 5] = [1, 16, 50, 196, 1568];
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
    for (k, n) in LAYERS {
        let layers = Layers::pack(cpu, k, n);
        for m in ROWS {
            let speeds = layers.speeds(cpu, m);
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

/// As many copies of a layer as fill the memory that is to be gone through, at each precision.
struct Layers {
    packed: [Vec<PackedMatrix>; 4],
    inputs: usize,
    outputs: usize,
}

impl Layers {
    fn pack(cpu: Cpu, inputs: usize, outputs: usize) -> Self {
        let weights: Vec<f32> = (0..outputs * inputs).map(|at| (at as f32 * 0.37).sin()).collect();
        let copies = WEIGHT_BYTES / size_of_val(&weights[..]);
        let packed = Precision::ALL.map(|precision| {
            let pack = |_| PackedMatrix::pack(cpu.isa(), precision, &weights, inputs);
            (0..copies).map(pack).collect()
        });
        Self { packed, inputs, outputs }
    }

    /// Operations per second at each precision, in the fastest round: the one that nothing else
    /// on the machine disturbed.
    fn speeds(&self, cpu: Cpu, rows: usize) -> Vec<f64> {
        let (input, mut out) = (vec![0.5; rows * self.inputs], vec![0.0; rows * self.outputs]);
        let mut fastest = vec![f64::INFINITY; self.packed.len()];
        for _ in 0..ROUNDS {
            for (copies, fastest) in self.packed.iter().zip(&mut fastest) {
                // Fewer calls where one takes long, which reads as much memory all the same.
                let calls = (copies.len() * ROWS[2]).div_ceil(rows).clamp(2, copies.len());
                let started = Instant::now();
                for weights in &copies[..calls] {
                    matmul(cpu, &input, weights, Finish::default(), &mut out);
                }
                *fastest = fastest.min(started.elapsed().as_secs_f64() / calls as f64);
            }
        }
        let operations = (2 * rows * self.inputs * self.outputs) as f64;
        fastest.into_iter().map(|seconds| operations / seconds).collect()
    }
}
