//! Milliseconds per call of the embedded model: load, texts and images, alone and in batches,
//! on one thread and on two.
//!
//! `cargo run --release -p onespace-models --example embed_speed`

use std::time::Instant;

use onespace_media::PreparedImage;
use onespace_models::{EmbeddingModel, ModelError, Part, Sequence, embedded};

const TEXT_TOKENS: u32 = 8;
/// Time spent on each row of the table.
const SECONDS_PER_ROW: f64 = 1.0;

#[expect(clippy::print_stdout, reason = "the table is the program's output")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let started = Instant::now();
    let model = embedded::load()?;
    println!("load: {:.1} ms", started.elapsed().as_secs_f64() * 1e3);
    println!("{:<28} {:>8} {:>10} {:>10}", "batch", "threads", "best ms", "median ms");
    let rows: [(&str, usize, Sequence); 6] = [
        ("text of 8 tokens", 1, text(TEXT_TOKENS)),
        ("text of 8 tokens", 8, text(TEXT_TOKENS)),
        ("text of 8 tokens", 32, text(TEXT_TOKENS)),
        ("image", 1, image()),
        ("image", 8, image()),
        ("image", 32, image()),
    ];
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
        for (name, count, sequence) in &rows {
            let batch = vec![sequence.clone(); *count];
            let (best, median) = pool.install(|| milliseconds(&*model, &batch))?;
            println!(
                "{:<28} {threads:>8} {best:>10.2} {median:>10.2}",
                format!("{count} x {name}")
            );
        }
    }
    Ok(())
}

fn text(tokens: u32) -> Sequence {
    Sequence { parts: vec![Part::Text((0..tokens).map(|index| 500 + 37 * index).collect())] }
}

fn image() -> Sequence {
    let rgb: Vec<u8> = (0..64 * 64 * 3_u32).map(|index| (index % 251) as u8).collect();
    Sequence { parts: vec![Part::Image(PreparedImage { width: 64, height: 64, rgb: rgb.into() })] }
}

/// The fastest and the middle call within the time.
fn milliseconds(model: &dyn EmbeddingModel, batch: &[Sequence]) -> Result<(f64, f64), ModelError> {
    model.embed(batch)?;
    let started = Instant::now();
    let mut times = Vec::new();
    while started.elapsed().as_secs_f64() < SECONDS_PER_ROW {
        let call = Instant::now();
        model.embed(batch)?;
        times.push(call.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok((times[0], times[times.len() / 2]))
}
