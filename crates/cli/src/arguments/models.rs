//! What can be asked for about models: which are loaded, where they are, how they compute.

use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::RangedU64ValueParser;
use clap::{Args, Subcommand};
use onespace_hub::ModelReference;
use onespace_models::Precision;

/// Where pulled models are.
#[derive(Args, Clone, Debug)]
pub(crate) struct ModelsDirArguments {
    /// The folder of models that `onespace models pull` fills.
    #[arg(long, value_name = "DIR", env = "ONESPACE_MODELS_DIR", default_value_os_t = default_models_dir())]
    pub(crate) models_dir: PathBuf,
}

/// Which models are loaded.
#[derive(Args, Debug)]
pub(crate) struct ModelArguments {
    /// A model: one of --models-dir by its name, onespace-mini for the embedded one, or any folder
    /// with config.json, tokenizer.json and safetensors; repeat for several, or put commas between them.
    /// Without it, the embedded model is used.
    #[arg(long = "model", value_name = "NAME|DIR", env = "ONESPACE_MODEL", value_delimiter = ',')]
    pub(crate) models: Vec<String>,
    #[command(flatten)]
    pub(crate) dir: ModelsDirArguments,
    /// How models compute: f32, bf16, int16, int8, or auto for the fastest that is as good as f32;
    /// MODEL=PRECISION for one of them, named as with --model; repeat for several.
    /// Without it, auto.
    #[arg(
        long = "precision",
        value_name = "[MODEL=]PRECISION",
        env = "ONESPACE_PRECISION",
        value_delimiter = ','
    )]
    pub(crate) precisions: Vec<PrecisionFor>,
    /// Threads that models compute with, all of them together. [default: one for each core]
    #[arg(long, value_name = "COUNT", env = "ONESPACE_THREADS", value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_024))]
    pub(crate) threads: Option<usize>,
}

/// A precision by its name; `None` for `auto`, the fastest that is as good as f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PrecisionChoice(pub(crate) Option<Precision>);

impl FromStr for PrecisionChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self(None));
        }
        let names = || Precision::ALL.map(Precision::name).join(", ");
        let named = Precision::named(text).ok_or_else(|| format!("expected {} or auto", names()));
        named.map(|precision| Self(Some(precision)))
    }
}

/// A precision, for one model or for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PrecisionFor {
    /// As it stands in `--model`; `None` for all.
    pub(crate) model: Option<String>,
    pub(crate) choice: PrecisionChoice,
}

impl FromStr for PrecisionFor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (model, precision) = match text.rsplit_once('=') {
            Some((model, precision)) => (Some(model.to_owned()), precision),
            None => (None, text),
        };
        let choice = precision.parse();
        let choice = choice.map_err(|e| format!("{e}; with MODEL= before it, for one model"))?;
        Ok(Self { model, choice })
    }
}

#[derive(Args, Debug)]
pub(crate) struct ModelsArguments {
    #[command(subcommand)]
    pub(crate) action: ModelsAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelsAction {
    /// Download a model from the Hugging Face hub; run it again to go on after an interruption.
    Pull(PullArguments),
    /// List the models that are here: the embedded one, and those of --models-dir.
    List {
        /// List the models that `pull` knows by a short name instead.
        #[arg(long)]
        known: bool,
        /// Print JSON, a line for each model.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        dir: ModelsDirArguments,
    },
    /// Show one model: licence, dimensions, limits, preprocessing, fingerprint of its space.
    Show {
        /// One of --models-dir by its name, or a folder. [default: the embedded model]
        #[arg(value_name = "NAME|DIR")]
        model: Option<String>,
        /// How it computes: f32, bf16, int16, int8, or auto for the fastest that is as good as f32.
        #[arg(long, value_name = "PRECISION", default_value = "auto", value_parser = PrecisionChoice::from_str)]
        precision: PrecisionChoice,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        dir: ModelsDirArguments,
    },
    /// Check one model on this machine: files, numbers, batches, precision, speed.
    Verify(VerifyArguments),
}

/// What `models verify` is asked.
#[derive(Args, Debug)]
pub(crate) struct VerifyArguments {
    /// One of --models-dir by its name, or a folder. [default: the embedded model]
    #[arg(value_name = "NAME|DIR")]
    pub(crate) model: Option<String>,
    /// The precision to check: f32, bf16, int16, int8, or auto for the fastest that is as good as
    /// f32.
    #[arg(long, value_name = "PRECISION", default_value = "auto", value_parser = PrecisionChoice::from_str)]
    pub(crate) precision: PrecisionChoice,
    /// Print JSON, a line for each check.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) dir: ModelsDirArguments,
}

/// What `models pull` is asked.
#[derive(Args, Debug)]
pub(crate) struct PullArguments {
    /// A short name (`onespace models list --known`), or OWNER/NAME as on the hub; @REVISION pins a
    /// branch, a tag or a commit.
    #[arg(value_name = "NAME[@REVISION]")]
    pub(crate) model: ModelReference,
    #[command(flatten)]
    pub(crate) dir: ModelsDirArguments,
    /// The hub. A token for gated models is taken from HF_TOKEN.
    #[arg(long, value_name = "URL", env = "HF_ENDPOINT", default_value = "https://huggingface.co")]
    pub(crate) endpoint: String,
    /// The most bytes that a model may have.
    #[arg(long, value_name = "BYTES", env = "ONESPACE_PULL_BYTES_MAX", default_value_t = 64 << 30)]
    pub(crate) bytes_max: u64,
    /// The longest silence of the hub before the rest is asked for again, in milliseconds.
    #[arg(long, value_name = "MS", env = "ONESPACE_PULL_STALL_MS_MAX", default_value_t = 30_000, value_parser = RangedU64ValueParser::<u64>::new().range(100..=3_600_000))]
    pub(crate) stall_ms_max: u64,
}

/// `onespace-models` beside the default data directory: models are large and can be had again, so
/// they do not belong into its backups.
pub(crate) fn default_models_dir() -> PathBuf {
    super::default_data_dir().with_file_name("onespace-models")
}
