//! `serve`: put the parts together, say where the server is, and stop it well.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Instant;

use onespace_engine::EngineSettings;
use onespace_media::DecodeLimits;
use onespace_server::app::{App, AppState};
use onespace_server::catalog::{API_MODEL_NAMES, ModelCatalog};
use onespace_server::decoders::DecoderSettings;
use onespace_server::fetch::FetchSettings;
use onespace_server::listener::bind;
use onespace_server::settings::{ConnectionLimits, RequestLimits, ServerSettings};
use onespace_store::{Access, Secret, Store};
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::keys::storage_failure;
use crate::arguments::{DECODE_WORKER, ServeArguments, default_data_dir};
use crate::expiry::Expiry;
use crate::failure::Failure;
use crate::loaded_models::LoadedModel;
use crate::output::{note, say};
use crate::{loaded_models, logging};

/// How long the key of the first start lives.
const FIRST_KEY: Expiry = Expiry::Months(12);

pub(crate) fn run(arguments: ServeArguments) -> Result<(), Failure> {
    let started = Instant::now();
    logging::start(&arguments.log, arguments.log_format)?;
    let store = Store::open(&arguments.data.data_dir, Access::Serve).map_err(storage_failure)?;
    let settings = settings(&arguments)?;
    let loaded = loaded_models::load_all(&arguments.models)?;
    let models = loaded_models::start(&loaded, &arguments.aliases, &settings.engine)?;
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| Failure::because("The server cannot start its threads.", error))?;
    runtime.block_on(async {
        let (listener, address) = listen(arguments.listen, "--listen").await?;
        let metrics = match arguments.metrics_listen.0 {
            Some(metrics) => Some(listen(metrics, "--metrics-listen").await?),
            None => None,
        };
        let mut settings = settings;
        settings.fetch.own_listeners =
            std::iter::once(address).chain(metrics.as_ref().map(|(_, address)| *address)).collect();
        let first_key = first_key(&store)?;
        let set_up = store.issue_set_up_link().map_err(storage_failure)?;
        let app = AppState::new(store, models, settings, format!("http://{}", reachable(address)));
        stop_on_signal(app.stopping.clone())?;
        let metrics_address = metrics.as_ref().map(|(_, address)| *address);
        announce(&app, &arguments, &loaded, metrics_address);
        announce_key(&arguments, first_key.as_deref());
        announce_console(&app, set_up.as_ref());
        note_upload_urls(&app);
        drop(loaded);
        tracing::info!(ms = started.elapsed().as_secs_f64() * 1e3, "ready");
        onespace_server::serve(app, listener, metrics.map(|(listener, _)| listener)).await;
        tracing::info!("stopped");
        Ok(())
    })
}

fn settings(arguments: &ServeArguments) -> Result<ServerSettings, Failure> {
    let limits = &arguments.limits;
    let program = std::env::current_exe()
        .map_err(|error| Failure::because("The program cannot find its own file.", error))?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(ServerSettings {
        listen: arguments.listen,
        metrics_listen: arguments.metrics_listen.0,
        public_url: arguments.public_url.clone(),
        open_sign_up: arguments.open_signup,
        limits: RequestLimits {
            json_body_bytes_max: limits.json_body_bytes_max,
            json_bodies_bytes_max: limits.json_bodies_bytes_max,
            ..RequestLimits::default()
        },
        connections: ConnectionLimits {
            connections_max: limits.connections_max,
            drain_ms_max: limits.drain_ms_max,
            ..ConnectionLimits::default()
        },
        decode: DecodeLimits {
            image_bytes_max: limits.image_bytes_max,
            image_pixels_max: limits.image_pixels_max,
            image_side_px_max: limits.image_side_px_max,
            image_side_px_min: limits.image_side_px_min,
            ..DecodeLimits::default()
        },
        decoders: DecoderSettings {
            command: vec![program, PathBuf::from(DECODE_WORKER)],
            processes_max: limits.decoder_processes_max.unwrap_or(cores).max(1),
            decode_ms_max: limits.decode_ms_max,
            wait_ms_max: RequestLimits::default().media_wait_ms_max,
        },
        fetch: FetchSettings {
            enabled: !arguments.disable_fetch,
            allow_private: arguments
                .allow_private_fetch
                .iter()
                .filter_map(|range| range.0)
                .collect(),
            fetch_bytes_max: limits.image_bytes_max,
            ..FetchSettings::default()
        },
        engine: EngineSettings {
            admitted_cost_max: limits.queue_cost_max.saturating_mul(1_000),
            queue_wait_ms_max: limits.queue_wait_ms_max,
            picture_cache_bytes_max: limits.picture_cache_bytes_max,
            ..EngineSettings::default()
        },
    })
}

async fn listen(address: SocketAddr, flag: &str) -> Result<(TcpListener, SocketAddr), Failure> {
    let unusable = |error| {
        let message = format!("{address} cannot be listened on; choose another with {flag}.");
        Failure::because(message, error)
    };
    let listener = bind(address).await.map_err(unusable)?;
    let address = listener.local_addr().map_err(unusable)?;
    Ok((listener, address))
}

/// An address that a client on this machine can use.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        let loopback: std::net::IpAddr = if address.is_ipv4() {
            std::net::Ipv4Addr::LOCALHOST.into()
        } else {
            std::net::Ipv6Addr::LOCALHOST.into()
        };
        address.set_ip(loopback);
    }
    address
}

/// On the first start: an account and a key for it.
fn first_key(store: &Store) -> Result<Option<String>, Failure> {
    if !store.is_first_start() {
        return Ok(None);
    }
    let account = store.ensure_account("default").map_err(storage_failure)?;
    let expires_at = FIRST_KEY.after(OffsetDateTime::now_utc());
    let (key, _) = store.create_key(&account, "first key", expires_at).map_err(storage_failure)?;
    Ok(Some(key.reveal().to_owned()))
}

/// The first signal drains, the second ends the program at once.
fn stop_on_signal(stopping: CancellationToken) -> Result<(), Failure> {
    let unavailable = |error| Failure::because("The server cannot listen for signals.", error);
    let mut terminate = signal(SignalKind::terminate()).map_err(unavailable)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(unavailable)?;
    tokio::spawn(async move {
        for last in [false, true] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if last {
                std::process::exit(1);
            }
            note("Stopping: requests under way may finish. Once more ends it at once.");
            stopping.cancel();
        }
    });
    Ok(())
}

fn announce(
    app: &App,
    arguments: &ServeArguments,
    models: &[LoadedModel],
    metrics: Option<SocketAddr>,
) {
    say(&format!("onespace {} is ready", env!("CARGO_PKG_VERSION")));
    say("");
    say(&format!("  base URL    {}/v1.3", app.public_url));
    say(&format!("  console     {}/", app.public_url));
    say(&format!("  data        {}", arguments.data.data_dir.display()));
    for model in models {
        model_lines(&app.models, model).iter().for_each(|line| say(line));
    }
    if let Some(address) = metrics {
        say(&format!("  metrics     http://{address}/metrics"));
    }
}

fn announce_key(arguments: &ServeArguments, first_key: Option<&str>) {
    match first_key {
        Some(key) => {
            say(&format!("  API key     {key}"));
            say("");
            say(&format!(
                "  The key is shown this once; `{}` makes another.",
                create_key(arguments)
            ));
        }
        None => say(&format!("  API key     make one with `{}`", create_key(arguments))),
    }
}

fn note_upload_urls(app: &App) {
    if app.settings.public_url.is_none() && app.settings.listen.ip().is_unspecified() {
        note(
            "note: listening on all addresses; set --public-url so that upload URLs work elsewhere.",
        );
    }
}

/// Where the console is, and (as long as it has no user) the link that makes the first one.
fn announce_console(app: &App, set_up: Option<&Secret>) {
    let Some(secret) = set_up else { return };
    say("");
    say("  Set up the console in a browser (the link works once, for 24 hours):");
    say(&format!("  {}/#/set-up/{}", app.public_url, secret.reveal()));
}

/// The command that makes a key for this server.
fn create_key(arguments: &ServeArguments) -> String {
    let data_dir = &arguments.data.data_dir;
    if *data_dir == default_data_dir() {
        return "onespace keys create NAME".to_owned();
    }
    format!("onespace keys create NAME --data-dir {}", data_dir.display())
}

/// What is served under which names of the API, how it computes, and under which terms.
fn model_lines(models: &ModelCatalog, loaded: &LoadedModel) -> [String; 2] {
    let description = loaded.model.description();
    let is_this = |alias: &str| {
        models.find(alias).is_some_and(|served| served.description().name == description.name)
    };
    let aliases: Vec<_> =
        API_MODEL_NAMES.iter().map(|(alias, _)| *alias).filter(|alias| is_this(alias)).collect();
    let aliases = match aliases.is_empty() {
        true => String::new(),
        false => format!(", also as {}", aliases.join(" and ")),
    };
    [
        format!("  model       {}, {} values{aliases}", description.name, description.dimension),
        format!(
            "              {}, loaded in {:.2} s, licence {}",
            description.precision.name(),
            loaded.load_s,
            loaded.licence
        ),
    ]
}
