//! `embed`: one input to stdout, or a file of them, without a server.

mod bulk;

use std::path::PathBuf;

use onespace_engine::EngineSettings;
use onespace_server::offline::{OfflineEmbedder, OfflineImage, OfflineInput, OfflineVector};
use serde::Serialize;

use crate::arguments::EmbedArguments;
use crate::failure::Failure;
use crate::loaded_models;
use crate::output::say_json;

/// What one input becomes.
#[derive(Serialize)]
struct Embedded {
    embedding: Vec<f32>,
    dimension: usize,
    space: String,
    /// Where the text was longer than the model reads at once.
    #[serde(skip_serializing_if = "is_one")]
    text_chunks: usize,
}

/// serde gives a reference.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_one(count: &usize) -> bool {
    *count == 1
}

pub(crate) fn run(arguments: EmbedArguments) -> Result<(), Failure> {
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| Failure::because("The program cannot start its threads.", error))?;
    runtime.block_on(embed(arguments))
}

async fn embed(arguments: EmbedArguments) -> Result<(), Failure> {
    if arguments.output.is_some() && arguments.jsonl.is_none() {
        return Err(Failure::new("--output goes with --jsonl; one input's vector goes to stdout."));
    }
    if arguments.models.models.len() > 1 {
        return Err(Failure::new(
            "embed takes one --model; --model or ONESPACE_MODEL names several.",
        ));
    }
    let loaded = loaded_models::load_all(&arguments.models)?;
    let models = loaded_models::start(&loaded, &[], &engine_settings())?;
    let space = models.first_space().unwrap_or_default().to_owned();
    let embedder = OfflineEmbedder::new(models).with_instruction(arguments.instruction);
    let dimension = arguments.dimension.map(usize::from);
    if let (Some(input), Some(output)) = (&arguments.jsonl, &arguments.output) {
        return bulk::run(&embedder, input, output, dimension).await;
    }
    let input = OfflineInput {
        text: arguments.text,
        images: arguments.images.iter().map(|argument| image(argument)).collect(),
    };
    let OfflineVector { values: embedding, text_chunks } =
        embedder.embed(input, dimension).await.map_err(|error| Failure::new(error.to_string()))?;
    say_json(&Embedded { dimension: embedding.len(), embedding, space, text_chunks })
}

/// Nobody else is waiting: the number of inputs in work bounds the queue.
fn engine_settings() -> EngineSettings {
    EngineSettings {
        queue_wait_ms_max: 24 * 3_600_000,
        admitted_cost_max: u64::MAX,
        ..EngineSettings::default()
    }
}

/// `NAME=FILE`, where NAME could stand in a text, or else just a file.
fn image(argument: &str) -> OfflineImage {
    let is_name = |text: &str| {
        !text.is_empty()
            && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
    };
    match argument.split_once('=') {
        Some((name, path)) if is_name(name) => {
            OfflineImage { name: Some(name.to_owned()), path: PathBuf::from(path) }
        }
        _ => OfflineImage { name: None, path: PathBuf::from(argument) },
    }
}
