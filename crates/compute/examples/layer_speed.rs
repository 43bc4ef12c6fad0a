//! Where the time of one transformer layer goes, at each precision: the encoder layer of
//! SigLIP B/16 (768 wide, 12 heads, 3072 inside, 196 places) and one of MiniLM's size (384, 12,
//! 1536, 64 places), with random weights.
//!
//! `cargo run --release -p onespace-compute --example layer_speed [THREADS]`

use std::time::Instant;

use onespace_compute::{
    Activation, Cpu, Finish, HeadLayout, Isa, LayerNorm, Mask, PackedMatrix, PackedSequences,
    Precision, Workspace, attention, layer_norm, matmul, peak, reference,
};

/// Passes, of which the fastest counts for each part: one that nothing disturbed.
const PASSES: usize = 15;
const PEAK_ROUNDS: usize = 20;
const PARTS: [&str; 7] = ["norm1", "qkv", "attention", "out", "norm2", "up+gelu", "down"];

#[derive(Clone, Copy)]
struct Size {
    name: &'static str,
    width: usize,
    heads: usize,
    inner: usize,
    places: usize,
}

const SIZES: [Size; 2] = [
    Size { name: "siglip-b16", width: 768, heads: 12, inner: 3072, places: 196 },
    Size { name: "minilm", width: 384, heads: 12, inner: 1536, places: 64 },
];

/// Numbers in -scale..scale that look random.
fn values(seed: usize, length: usize, scale: f32) -> Vec<f32> {
    reference::values(seed, length).into_iter().map(|value| scale * value).collect()
}

struct Linear(PackedMatrix, Vec<f32>);

impl Linear {
    fn new(cpu: Cpu, precision: Precision, seed: usize, (inputs, outputs): (usize, usize)) -> Self {
        let weights = values(seed, inputs * outputs, (3.0 / inputs as f32).sqrt());
        let packed = PackedMatrix::pack(cpu.isa(), precision, &weights, inputs);
        Self(packed, values(seed + 100, outputs, 0.1))
    }

    fn apply(&self, cpu: Cpu, input: &[f32], finish: Finish<'_>, out: &mut [f32]) {
        matmul(cpu, input, &self.0, Finish { bias: Some(&self.1), ..finish }, out);
    }
}

struct Layer {
    size: Size,
    norm: LayerNorm,
    qkv: Linear,
    out: Linear,
    up: Linear,
    down: Linear,
}

/// Buffers of a pass over so many sequences.
struct Buffers {
    hidden: Vec<f32>,
    normed: Vec<f32>,
    wide: Vec<f32>,
    offsets: Vec<usize>,
}

impl Layer {
    fn new(cpu: Cpu, precision: Precision, size: Size) -> Self {
        let (width, inner) = (size.width, size.inner);
        let linear = |seed, shape| Linear::new(cpu, precision, seed, shape);
        Self {
            size,
            norm: LayerNorm::new(vec![1.0; width], vec![0.0; width], 1e-6),
            qkv: linear(1, (width, 3 * width)),
            out: linear(2, (width, width)),
            up: linear(3, (width, inner)),
            down: linear(4, (inner, width)),
        }
    }

    /// Runs the layer in place and returns the seconds of each part.
    fn pass(&self, at: &mut Buffers, workspace: &mut Workspace) -> [f64; PARTS.len()] {
        let (cpu, rows) = (workspace.cpu, at.hidden.len() / self.size.width);
        let layout = HeadLayout { heads: self.size.heads, head: self.size.width / self.size.heads };
        let gelu = Finish::default().activation(Activation::GeluTanh);
        let residual = Finish::default().accumulate();
        let mut seconds = [0.0; PARTS.len()];
        let mut last = Instant::now();
        let mut part = 0;
        let mut lap = || {
            seconds[part] = last.elapsed().as_secs_f64();
            part += 1;
            last = Instant::now();
        };
        layer_norm(cpu, &at.hidden, &self.norm, &mut at.normed);
        lap();
        let qkv = &mut at.wide[..rows * layout.stride()];
        self.qkv.apply(cpu, &at.normed, Finish::default(), qkv);
        lap();
        let tokens = PackedSequences { values: qkv, offsets: &at.offsets, layout };
        attention(&tokens, Mask::Full, &mut at.normed, workspace);
        lap();
        self.out.apply(cpu, &at.normed, residual, &mut at.hidden);
        lap();
        layer_norm(cpu, &at.hidden, &self.norm, &mut at.normed);
        lap();
        let inner = &mut at.wide[..rows * self.size.inner];
        self.up.apply(cpu, &at.normed, gelu, inner);
        lap();
        self.down.apply(cpu, inner, residual, &mut at.hidden);
        lap();
        seconds
    }

    /// Operations in the matrix multiplies and the attention's two products.
    fn operations(&self, batch: usize) -> f64 {
        let Size { width, inner, places, .. } = self.size;
        (2 * batch * places * (4 * width * width + 2 * width * inner + 2 * places * width)) as f64
    }
}

#[expect(clippy::print_stdout, reason = "the table is the program's output")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let threads = std::env::args().nth(1).map_or(Ok(1), |threads| threads.parse())?;
    let cpu = Cpu::new(Isa::current()?, threads);
    let peak = peak::multiply_add_flops(cpu.isa(), PEAK_ROUNDS) * threads as f64;
    println!("{}, {threads} threads, f32 peak {:.0} GFLOP/s", cpu.isa().name(), peak / 1e9);
    println!(
        "layer        batch  prec     ms   of f32 peak  cosine    share of {}",
        PARTS.join(", ")
    );
    for size in SIZES {
        for batch in [1, 8] {
            let mut exact = None;
            for precision in [Precision::F32, Precision::Int16, Precision::Bf16, Precision::Int8] {
                let layer = Layer::new(cpu, precision, size);
                let (parts, hidden) = measure(cpu, &layer, batch);
                let total: f64 = parts.iter().sum();
                let exact = exact.get_or_insert(hidden.clone());
                print!("{:<12} {batch:>5}  {precision:<6}", size.name);
                print!(
                    " {:>6.2} {:>10.0} %",
                    total * 1e3,
                    100.0 * layer.operations(batch) / total / peak
                );
                print!("  {:.7}", cosine(&hidden, exact));
                parts.iter().for_each(|part| print!(" {:>5.1}", 100.0 * part / total));
                println!();
            }
        }
    }
    Ok(())
}

/// The least seconds of each part, and what the layer gives.
fn measure(cpu: Cpu, layer: &Layer, batch: usize) -> ([f64; PARTS.len()], Vec<f32>) {
    let rows = batch * layer.size.places;
    let input = values(9, rows * layer.size.width, 1.0);
    let mut buffers = Buffers {
        hidden: input.clone(),
        normed: vec![0.0; input.len()],
        wide: vec![0.0; rows * layer.size.inner.max(3 * layer.size.width)],
        offsets: (0..=batch).map(|sequence| sequence * layer.size.places).collect(),
    };
    let mut workspace = Workspace::new(cpu);
    let mut least = [f64::INFINITY; PARTS.len()];
    for _ in 0..PASSES {
        buffers.hidden.copy_from_slice(&input);
        let seconds = cpu.enter(|| layer.pass(&mut buffers, &mut workspace));
        least.iter_mut().zip(seconds).for_each(|(least, part)| *least = least.min(part));
    }
    (least, buffers.hidden)
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    reference::dot(a, b) / (reference::dot(a, a) * reference::dot(b, b)).sqrt()
}
