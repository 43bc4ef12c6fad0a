//! One tower of a CLIP or SigLIP folder on candle, driven line by line.
//!
//! `candle-peer MODEL_FOLDER image|text INPUTS_FILE`
//!
//! Each line on stdin is a request, each line on stdout its answer (JSON), as in `engines.py`:
//! `{"do": "vectors"}` embeds every input, eight at a time; `{"do": "run", "batch": B,
//! "seconds": S}` times calls of B inputs. The number of threads is `RAYON_NUM_THREADS`.

mod towers;

use std::io::{BufRead as _, Write as _};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use candle_core::{Device, Tensor};
use serde_json::{Value, json};

use towers::Tower;

/// Inputs in one call of `vectors`.
const VECTORS_BATCH: usize = 8;
/// Calls that are timed at least.
const CALLS_MIN: usize = 2;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, input, inputs] = arguments.as_slice() else {
        bail!("usage: candle-peer MODEL_FOLDER image|text INPUTS_FILE");
    };
    let tower = Tower::load(Path::new(model), input)?;
    let inputs = candle_core::safetensors::load(inputs, &Device::Cpu)?
        .remove(input.as_str())
        .with_context(|| format!("no tensor `{input}` in the file of inputs"))?;
    answer(json!({ "ready": true }))?;
    for line in std::io::stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line?)?;
        match request["do"].as_str() {
            Some("vectors") => answer(vectors(&tower, &inputs)?)?,
            Some("run") => answer(run(&tower, &inputs, &request)?)?,
            _ => bail!("unknown request {request}"),
        }
    }
    Ok(())
}

fn answer(value: Value) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{value}")?;
    Ok(out.flush()?)
}

fn vectors(tower: &Tower, inputs: &Tensor) -> Result<Value> {
    let mut rows: Vec<Vec<f32>> = Vec::new();
    for at in (0..inputs.dim(0)?).step_by(VECTORS_BATCH) {
        let count = VECTORS_BATCH.min(inputs.dim(0)? - at);
        rows.extend(tower.embed(&inputs.narrow(0, at, count)?)?.to_vec2::<f32>()?);
    }
    Ok(json!({ "vectors": rows }))
}

fn run(tower: &Tower, inputs: &Tensor, request: &Value) -> Result<Value> {
    let batch = request["batch"].as_u64().context("batch")? as usize;
    let seconds = request["seconds"].as_f64().context("seconds")?;
    let batch = inputs.narrow(0, 0, batch)?.contiguous()?;
    tower.embed(&batch)?;
    let (started, mut times) = (Instant::now(), Vec::new());
    while times.len() < CALLS_MIN || started.elapsed().as_secs_f64() < seconds {
        let call = Instant::now();
        tower.embed(&batch)?;
        times.push(call.elapsed().as_secs_f64());
    }
    Ok(json!({ "seconds": times }))
}
