//! Everything that can be asked for on the command line. Defaults stand in the help text, because
//! clap puts them there.

mod models;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::{FalseyValueParser, RangedU64ValueParser};
use clap::{Args, Parser, Subcommand};
use onespace_server::fetch::{Cidr, CidrError};
use onespace_server::public_url::PublicUrl;

use crate::command::bench::BenchArguments;
use crate::expiry::Expiry;
use crate::logging::LogFormat;

pub(crate) use models::{
    ModelArguments, ModelsAction, ModelsArguments, ModelsDirArguments, PrecisionChoice,
    PrecisionFor, PullArguments, VerifyArguments, default_models_dir,
};

/// The name of the hidden command that decodes pictures in a process of its own.
pub(crate) const DECODE_WORKER: &str = "decode-worker";

/// Text, pictures, and text with named pictures: one vector, in one space, on your own machine.
#[derive(Debug, Parser)]
#[command(name = "onespace", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// A TOML file with defaults: a table for each command, keys as the long flags.
    /// Flags win over the environment, the environment over the file. Without it, no file is read.
    #[arg(long, global = true, value_name = "FILE", env = "ONESPACE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the API.
    Serve(Box<ServeArguments>),
    /// Embed one input, or a file of them, without a server.
    Embed(EmbedArguments),
    /// Make, list and revoke API keys; also while the server runs.
    Keys(KeysArguments),
    /// List the users of the console, and reset a password; also while the server runs.
    Accounts(AccountsArguments),
    /// Get, list, show and check models.
    Models(ModelsArguments),
    /// Time a model's forward pass alone, on inputs that are ready for it.
    Bench(BenchArguments),
    #[command(name = DECODE_WORKER, hide = true)]
    DecodeWorker,
}

/// Where state is kept.
#[derive(Args, Debug)]
pub(crate) struct DataArguments {
    /// The folder for the database and the files.
    #[arg(long, value_name = "DIR", env = "ONESPACE_DATA_DIR", default_value_os_t = default_data_dir())]
    pub(crate) data_dir: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct ServeArguments {
    /// Where to listen. Use 0.0.0.0:8080 for all networks, behind a proxy with TLS.
    #[arg(long, value_name = "ADDRESS", env = "ONESPACE_LISTEN", default_value = "127.0.0.1:8080", value_parser = address)]
    pub(crate) listen: SocketAddr,
    #[command(flatten)]
    pub(crate) data: DataArguments,
    #[command(flatten)]
    pub(crate) models: ModelArguments,
    /// Which model answers to a name of the API, as API_NAME=MODEL, with the model's own name or as
    /// it stands in --model; repeat for several.
    /// Without it, marengo3.0 and marengo3.5 are the first model.
    #[arg(long = "alias", value_name = "NAME=MODEL", env = "ONESPACE_ALIAS", value_delimiter = ',', value_parser = alias)]
    pub(crate) aliases: Vec<(String, String)>,
    /// The URL by which clients reach this server (behind a proxy, or with 0.0.0.0), without /v1.3.
    /// [default: http:// and the listen address]
    #[arg(long, value_name = "URL", env = "ONESPACE_PUBLIC_URL", value_parser = PublicUrl::parse)]
    pub(crate) public_url: Option<PublicUrl>,
    /// Where to serve Prometheus counters at /metrics; `off` for nowhere.
    #[arg(long, value_name = "ADDRESS", env = "ONESPACE_METRICS_LISTEN", default_value = "127.0.0.1:9464", value_parser = address_or_off)]
    pub(crate) metrics_listen: AddressOrOff,
    /// A private range that URLs of clients may point into, such as 10.1.0.0/16; repeat for several.
    /// Without it, none.
    #[arg(long, value_name = "CIDR", env = "ONESPACE_ALLOW_PRIVATE_FETCH", value_delimiter = ',', value_parser = range_or_nothing)]
    pub(crate) allow_private_fetch: Vec<RangeOrNothing>,
    /// Never fetch URLs of clients. Without it, those at public addresses are fetched.
    #[arg(long, env = "ONESPACE_DISABLE_FETCH", value_parser = FalseyValueParser::new())]
    pub(crate) disable_fetch: bool,
    /// Let anybody who reaches the console make an account there, once there is a first one.
    /// Without it, accounts are made by invitation.
    #[arg(long, env = "ONESPACE_OPEN_SIGNUP", value_parser = FalseyValueParser::new())]
    pub(crate) open_signup: bool,
    #[command(flatten)]
    pub(crate) limits: LimitArguments,
    /// What to log: off, error, warn, info, debug, trace, or a filter by module.
    #[arg(long, value_name = "FILTER", env = "ONESPACE_LOG", default_value = "info")]
    pub(crate) log: String,
    /// How log lines look.
    #[arg(long, value_name = "FORMAT", env = "ONESPACE_LOG_FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
}

/// Limits that operators have reason to change; docs/OPERATIONS.md lists the fixed ones.
#[derive(Args, Debug)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArguments {
    /// The largest picture file, in bytes.
    #[arg(long, value_name = "BYTES", env = "ONESPACE_IMAGE_BYTES_MAX", default_value_t = 32 << 20, value_parser = clap::value_parser!(u64).range(1..=1 << 30))]
    pub(crate) image_bytes_max: u64,
    /// The most pixels of a picture.
    #[arg(
        long,
        value_name = "PIXELS",
        env = "ONESPACE_IMAGE_PIXELS_MAX",
        default_value_t = 50_000_000
    )]
    pub(crate) image_pixels_max: u64,
    /// The longest side of a picture, in pixels.
    #[arg(
        long,
        value_name = "PIXELS",
        env = "ONESPACE_IMAGE_SIDE_PX_MAX",
        default_value_t = 16_384
    )]
    pub(crate) image_side_px_max: u32,
    /// The shortest side of a picture, in pixels (128 refuses what TwelveLabs refuses).
    #[arg(long, value_name = "PIXELS", env = "ONESPACE_IMAGE_SIDE_PX_MIN", default_value_t = 1)]
    pub(crate) image_side_px_min: u32,
    /// The longest time to decode one picture, in milliseconds.
    #[arg(long, value_name = "MS", env = "ONESPACE_DECODE_MS_MAX", default_value_t = 10_000)]
    pub(crate) decode_ms_max: u64,
    /// Processes that decode pictures. [default: one for each core]
    #[arg(long, value_name = "COUNT", env = "ONESPACE_DECODER_PROCESSES_MAX", value_parser = from(1).range(1..=1_024))]
    pub(crate) decoder_processes_max: Option<usize>,
    /// The largest JSON body, in bytes.
    #[arg(long, value_name = "BYTES", env = "ONESPACE_JSON_BODY_BYTES_MAX", default_value_t = 128 << 20, value_parser = from(1 << 10))]
    pub(crate) json_body_bytes_max: usize,
    /// Memory for all JSON bodies together, in bytes; above it clients get 429.
    #[arg(long, value_name = "BYTES", env = "ONESPACE_JSON_BODIES_BYTES_MAX", default_value_t = 512 << 20, value_parser = from(1 << 20))]
    pub(crate) json_bodies_bytes_max: usize,
    /// The longest time that a request waits for the model, in milliseconds.
    #[arg(long, value_name = "MS", env = "ONESPACE_QUEUE_WAIT_MS_MAX", default_value_t = 30_000)]
    pub(crate) queue_wait_ms_max: u64,
    /// Work admitted to each model's queue, in millions of multiply-adds; above it clients get 429.
    #[arg(long, value_name = "COST", env = "ONESPACE_QUEUE_COST_MAX", default_value_t = 200_000)]
    pub(crate) queue_cost_max: u64,
    /// Memory of each model for pictures that it has read and may meet again, in bytes; 0 keeps none.
    #[arg(
        long,
        value_name = "BYTES",
        env = "ONESPACE_PICTURE_CACHE_BYTES_MAX",
        default_value_t = 268_435_456
    )]
    pub(crate) picture_cache_bytes_max: usize,
    /// Connections at once; further ones wait.
    #[arg(long, value_name = "COUNT", env = "ONESPACE_CONNECTIONS_MAX", default_value_t = 2_048, value_parser = from(1).range(1..=1_000_000))]
    pub(crate) connections_max: usize,
    /// The longest time for requests to finish after SIGTERM, in milliseconds.
    #[arg(long, value_name = "MS", env = "ONESPACE_DRAIN_MS_MAX", default_value_t = 10_000)]
    pub(crate) drain_ms_max: u64,
}

#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("input").required(true).multiple(true)
    .args(["text", "images", "jsonl"]))]
pub(crate) struct EmbedArguments {
    /// The text; `<@name>` stands for the picture of that name.
    #[arg(long, value_name = "TEXT", conflicts_with = "jsonl")]
    pub(crate) text: Option<String>,
    /// A picture, as FILE or NAME=FILE; repeat for up to ten.
    #[arg(long = "image", value_name = "[NAME=]FILE", conflicts_with = "jsonl")]
    pub(crate) images: Vec<String>,
    /// A file with an input on each line: {"id", "text"}, {"id", "image": PATH} or
    /// {"id", "multi_input": {"input_text", "media_sources": [{"name", "path"}]}}; `-` for stdin.
    #[arg(long, value_name = "FILE", requires = "output")]
    pub(crate) jsonl: Option<PathBuf>,
    /// Where the lines {"id", "embedding"} or {"id", "error"} go, in the same order; `-` for stdout.
    #[arg(long, value_name = "FILE", requires = "jsonl")]
    pub(crate) output: Option<PathBuf>,
    /// What the vectors are for, where the model takes an instruction.
    #[arg(long, value_name = "TEXT")]
    pub(crate) instruction: Option<String>,
    /// How many values the vectors have, such as 128, 256 or 512. [default: the model's own]
    #[arg(long, value_name = "COUNT", env = "ONESPACE_DIMENSION")]
    pub(crate) dimension: Option<u16>,
    #[command(flatten)]
    pub(crate) models: ModelArguments,
}

#[derive(Args, Debug)]
pub(crate) struct KeysArguments {
    #[command(subcommand)]
    pub(crate) action: KeysAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysAction {
    /// Make a key and print it, once.
    Create {
        /// What to call it, 1 to 64 characters.
        #[arg(value_parser = key_name)]
        name: String,
        /// When it ends: a span such as 12mo, 30d, 1y, 6h, or never.
        #[arg(long, value_name = "SPAN", default_value = "12mo")]
        expires: Expiry,
        /// Whose assets it opens; made if it is not there.
        #[arg(long, value_name = "NAME", env = "ONESPACE_ACCOUNT", default_value = "default")]
        account: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: DataArguments,
    },
    /// List keys, without their secrets.
    List {
        /// Print JSON, a line for each key.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: DataArguments,
    },
    /// Revoke a key; it stops working at once.
    Revoke {
        /// Its id, prefix or name.
        key: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: DataArguments,
    },
}

#[derive(Args, Debug)]
pub(crate) struct AccountsArguments {
    #[command(subcommand)]
    pub(crate) action: AccountsAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AccountsAction {
    /// List the users of the console.
    List {
        /// Print JSON, a line for each user.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: DataArguments,
    },
    /// Print a link by which a user sets a new password, once, within 24 hours.
    ResetPassword {
        /// The user's e-mail address.
        email: String,
        /// The URL by which browsers reach the server.
        #[arg(long, value_name = "URL", env = "ONESPACE_PUBLIC_URL", default_value = "http://127.0.0.1:8080", value_parser = PublicUrl::parse)]
        public_url: PublicUrl,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: DataArguments,
    },
}

/// An address, or nowhere.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AddressOrOff(pub(crate) Option<SocketAddr>);

/// A private range, or nothing where a variable is set and empty.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RangeOrNothing(pub(crate) Option<Cidr>);

fn range_or_nothing(text: &str) -> Result<RangeOrNothing, String> {
    if text.is_empty() {
        return Ok(RangeOrNothing(None));
    }
    text.parse().map(Some).map(RangeOrNothing).map_err(|error: CidrError| error.to_string())
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "expected an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080".to_owned()
    })
}

fn key_name(text: &str) -> Result<String, String> {
    if (1..=64).contains(&text.chars().count()) {
        Ok(text.to_owned())
    } else {
        Err("expected 1 to 64 characters".to_owned())
    }
}

/// A count or a size from `min`, small enough that nothing computed from it can overflow.
fn from(min: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::<usize>::new().range(min..=1 << 40)
}

fn address_or_off(text: &str) -> Result<AddressOrOff, String> {
    if text == "off" {
        return Ok(AddressOrOff(None));
    }
    let address = text.parse().map_err(|_| "expected an address such as 127.0.0.1:9464, or off")?;
    Ok(AddressOrOff(Some(address)))
}

fn alias(text: &str) -> Result<(String, String), String> {
    let (name, model) = text.split_once('=').ok_or("expected NAME=MODEL")?;
    Ok((name.to_owned(), model.to_owned()))
}

/// The platform's folder for a user's program data, or `onespace-data` here when there is none.
pub(crate) fn default_data_dir() -> PathBuf {
    directories::ProjectDirs::from("", "", "onespace")
        .map_or_else(|| PathBuf::from("onespace-data"), |dirs| dirs.data_dir().to_owned())
}
