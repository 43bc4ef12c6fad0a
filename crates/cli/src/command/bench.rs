//! `bench`: the time of the forward pass alone, on inputs that are ready for the model.

use std::str::FromStr as _;
use std::time::Instant;

use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};
use onespace_media::PreparedImage;
use onespace_models::{EmbeddingModel, InputPart, Sequence, TokenizedInput};
use serde::Serialize;

use crate::arguments::{ModelsDirArguments, PrecisionChoice};
use crate::failure::Failure;
use crate::loaded_models;
use crate::output::{say, say_json};

/// Calls that are timed at least, so that there is a middle one.
const CALLS_MIN: usize = 3;
/// Texts are this long where the model reads any number of tokens at once.
const TEXT_TOKENS: usize = 64;
/// Longest side of a picture that may be asked for, in pixels.
const PICTURE_SIDE_PX_MAX: i64 = 16_384;
/// What the texts are made of, over and over: ordinary words.
const WORDS: &str = "a small red boat lies on the calm water below an old stone bridge, and ";
/// The largest batch that may be asked for.
const BATCH_MAX: u64 = 4_096;

/// What `bench` is asked.
#[derive(Args, Debug)]
pub(crate) struct BenchArguments {
    /// One of --models-dir by its name, or a folder. [default: the embedded model]
    #[arg(long, value_name = "NAME|DIR")]
    model: Option<String>,
    #[command(flatten)]
    dir: ModelsDirArguments,
    /// How it computes: f32, bf16, int16, int8, or auto for the fastest that is as good as f32.
    #[arg(long, value_name = "PRECISION", default_value = "auto", value_parser = PrecisionChoice::from_str)]
    precision: PrecisionChoice,
    /// What goes in.
    #[arg(long, value_name = "KIND", default_value = "image")]
    input: Input,
    /// Inputs in one call.
    #[arg(long, value_name = "COUNT", default_value_t = 8, value_parser = count(BATCH_MAX))]
    batch: usize,
    /// Threads. [default: one for each core]
    #[arg(long, value_name = "COUNT", value_parser = count(1_024))]
    threads: Option<usize>,
    /// How long to measure, in seconds.
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    seconds: f64,
    /// Tokens of each text, special ones not counted. [default: as many as the model reads at a
    /// time, or 64 where it reads any number]
    #[arg(long, value_name = "COUNT", value_parser = count(1 << 20))]
    text_tokens: Option<usize>,
    /// Width of each picture in pixels, where the model keeps a picture's shape.
    #[arg(long, value_name = "PX", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=PICTURE_SIDE_PX_MAX))]
    picture_width: u32,
    /// Its height in pixels.
    #[arg(long, value_name = "PX", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=PICTURE_SIDE_PX_MAX))]
    picture_height: u32,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
enum Input {
    Image,
    Text,
    /// A picture with a text behind it.
    Both,
}

/// What was measured. Times are of whole calls.
#[derive(Debug, Serialize)]
struct Measured {
    model: String,
    input: Input,
    batch: usize,
    threads: usize,
    precision: &'static str,
    calls: usize,
    items_per_s: f64,
    p50_ms: f64,
    p99_ms: f64,
    /// Floating-point operations per second that the model's own count of multiply-adds gives.
    gflop_per_s: f64,
}

pub(crate) fn run(arguments: &BenchArguments) -> Result<(), Failure> {
    let asked = arguments.model.as_deref();
    let loaded = loaded_models::load_named(asked, &arguments.dir, arguments.precision.0)?;
    let model = loaded.model;
    let threads = arguments
        .threads
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|error| Failure::because("The threads cannot be started.", error))?;
    let batch = (0..arguments.batch)
        .map(|index| input(model.as_ref(), arguments, index))
        .collect::<Result<Vec<_>, _>>()?;
    let times = pool.install(|| call_seconds(model.as_ref(), &batch, arguments.seconds))?;
    let measured =
        Measured { threads, ..summary(model.as_ref(), (arguments.input, &batch), times) };
    if arguments.json {
        return say_json(&measured);
    }
    say(&format!("model      {}, {}", measured.model, measured.precision));
    say(&format!("threads    {}", measured.threads));
    say(&format!("calls      {} of {} inputs", measured.calls, measured.batch));
    say(&format!("inputs/s   {:.2}", measured.items_per_s));
    say(&format!("call       {:.2} ms (p50), {:.2} ms (p99)", measured.p50_ms, measured.p99_ms));
    say(&format!("work       {:.1} GFLOP/s", measured.gflop_per_s));
    Ok(())
}

/// One input; no two of a batch are alike.
fn input(
    model: &dyn EmbeddingModel,
    arguments: &BenchArguments,
    index: usize,
) -> Result<Sequence, Failure> {
    let tokens = text_tokens(model, arguments.text_tokens)?;
    // Every word is a token at least.
    let words: Vec<&str> = WORDS.split(' ').cycle().skip(index).take(tokens).collect();
    let (image, words) = (InputPart::Image(0), words.join(" "));
    let parts = match arguments.input {
        Input::Image => vec![image],
        Input::Text => vec![InputPart::Text(&words)],
        Input::Both => vec![image, InputPart::Text(&words)],
    };
    let failed = |error| Failure::because("The input cannot be tokenised.", error);
    let mut input = model.tokenize(&parts).map_err(failed)?;
    input.truncate_text(tokens);
    let size = (arguments.picture_width, arguments.picture_height);
    let pictures = match arguments.input {
        Input::Text => Vec::new(),
        Input::Image | Input::Both => vec![picture((model, &input), size, index)?],
    };
    Ok(input.with_pictures(&pictures))
}

/// Noise at the model's size: the time of a forward pass does not depend on what is to be seen.
fn picture(
    (model, input): (&dyn EmbeddingModel, &TokenizedInput),
    (width, height): (u32, u32),
    index: usize,
) -> Result<PreparedImage, Failure> {
    let (width, height) = model
        .preprocess(input)
        .prepared_size(width, height)
        .map_err(|error| Failure::because("The model reads no pictures of this size.", error))?;
    let mut state = index as u64 + 1;
    let noise = (0..width as usize * height as usize * 3).map(|_| {
        // Marsaglia's xorshift, "Xorshift RNGs", 2003.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[4]
    });
    let rgb = noise.collect::<Vec<u8>>().into();
    Ok(PreparedImage { width, height, rgb })
}

/// Tokens of each text.
fn text_tokens(model: &dyn EmbeddingModel, asked: Option<usize>) -> Result<usize, Failure> {
    let description = model.description();
    let tokens_max = description.text_tokens_max;
    let at_a_time = description.text_chunk_tokens.unwrap_or(TEXT_TOKENS);
    let tokens = asked.unwrap_or(at_a_time.min(tokens_max));
    if tokens > tokens_max {
        let message = format!("--text-tokens is {tokens}; this model takes {tokens_max} at most.");
        return Err(Failure::new(message));
    }
    Ok(tokens)
}

/// Seconds of each call, after one that is not counted.
fn call_seconds(
    model: &dyn EmbeddingModel,
    batch: &[Sequence],
    seconds: f64,
) -> Result<Vec<f64>, Failure> {
    let failed = |error| Failure::because("The model could not embed the inputs.", error);
    model.embed(batch).map_err(failed)?;
    let (started, mut times) = (Instant::now(), Vec::new());
    while times.len() < CALLS_MIN || started.elapsed().as_secs_f64() < seconds {
        let call = Instant::now();
        model.embed(batch).map_err(failed)?;
        times.push(call.elapsed().as_secs_f64());
    }
    Ok(times)
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn summary(
    model: &dyn EmbeddingModel,
    (input, batch): (Input, &[Sequence]),
    mut times: Vec<f64>,
) -> Measured {
    let items_per_s = (batch.len() * times.len()) as f64 / times.iter().sum::<f64>();
    let multiply_adds = 1e3 * batch.iter().map(|item| model.cost(item)).sum::<u64>() as f64;
    times.sort_by(f64::total_cmp);
    Measured {
        model: model.description().name.clone(),
        input,
        batch: batch.len(),
        threads: 0,
        precision: model.description().precision.name(),
        calls: times.len(),
        items_per_s,
        p50_ms: 1e3 * quantile(&times, 50),
        p99_ms: 1e3 * quantile(&times, 99),
        gflop_per_s: 2e-9 * multiply_adds / batch.len() as f64 * items_per_s,
    }
}

/// The nearest-rank quantile of ascending values.
fn quantile(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted[rank - 1]
}

fn count(max: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=max)
}

fn seconds(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "is not a number of seconds".to_owned())?;
    let valid = value > 0.0 && value <= 3_600.0;
    if valid { Ok(value) } else { Err("must be above 0 and at most 3600".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_occurred() {
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        let cases: [(&[f64], usize, f64); 5] = [
            (&[7.0], 99, 7.0),
            (&[1.0, 2.0, 3.0], 50, 2.0),
            (&[1.0, 2.0], 50, 1.0),
            (&hundred, 50, 50.0),
            (&hundred, 99, 99.0),
        ];
        for (values, percent, expected) in cases {
            assert_eq!(quantile(values, percent).to_bits(), f64::to_bits(expected), "{percent}");
        }
    }

    fn asked(input: Input, text_tokens: usize) -> BenchArguments {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            bench: BenchArguments,
        }
        let line: Line = clap::Parser::parse_from(["bench"]);
        BenchArguments { input, text_tokens: Some(text_tokens), ..line.bench }
    }

    #[test]
    fn inputs_of_a_batch_differ_and_fit_every_kind_of_model() {
        let golden = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../models/tests/golden-interleaved/qwen3-vl-small"
        );
        let interleaved =
            onespace_models::folder::load(golden.as_ref(), &Default::default()).unwrap();
        for model in [onespace_models::embedded::load().unwrap(), interleaved] {
            for kind in [Input::Image, Input::Text, Input::Both] {
                let two = [0, 1].map(|index| input(&*model, &asked(kind, 9), index).unwrap());
                let vectors = model.embed(&two).unwrap();
                assert!(two.iter().all(|sequence| sequence.text_tokens() % 9 == 0), "{kind:?}");
                assert_ne!(vectors[0], vectors[1], "{kind:?}");
            }
            assert!(input(&*model, &asked(Input::Text, 1_000_000), 0).is_err());
        }
    }
}
