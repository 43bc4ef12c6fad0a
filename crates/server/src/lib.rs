//! The HTTP service: routes, the embed pipeline and the fetcher. The only crate that knows HTTP.
//!
//! Read [`router`] for every route and what is around them, `embed` for the pipeline from a request
//! to a vector, [`fetch`] for the one way out to the network, and [`error`] for how a fault becomes
//! an answer. [`serve`] ties them to a listener and takes them down again.

pub mod app;
mod asset_intake;
mod body;
pub mod catalog;
mod console;
pub mod decoders;
mod embed;
pub mod error;
pub mod fetch;
mod form;
mod jobs;
mod lingering;
pub mod listener;
pub mod media_memory;
pub mod metrics;
mod middleware;
pub mod offline;
mod openapi;
mod pace;
mod path_segment;
pub mod public_url;
mod query;
pub mod router;
mod routes;
pub mod settings;
pub mod usage;

use tokio::net::TcpListener;

use app::App;
use settings::ConnectionLimits;

/// Tasks that run at once: one slow origin must not hold up all others.
const TASK_WORKERS: usize = 4;

/// Serves the API on `listener` (and the counters on `metrics`) until `app.stopping`, then stops
/// accepting, lets requests finish, answers what still waits, and writes the database out.
pub async fn serve(app: App, listener: TcpListener, metrics: Option<TcpListener>) {
    app.decoders.warm_up();
    let store = app.store.clone();
    if let Err(error) = error::blocking(move || store.forget_unusable_pictures()).await {
        tracing::error!(cause = ?error, "pictures that cannot be embedded are not tried again");
    }
    let limits = app.settings.connections.clone();
    let stopping = app.stopping.clone();
    let mut jobs = vec![tokio::spawn(jobs::sweep::run(app.clone()))];
    for _ in 0..TASK_WORKERS {
        jobs.push(tokio::spawn(jobs::embed_tasks::run(app.clone())));
    }
    let counting = usage::start(&app);
    let metrics = metrics.map(|metrics| {
        let limits = ConnectionLimits { connections_max: 64, ..limits.clone() };
        let router = router::metrics_router(app.clone());
        tokio::spawn(listener::serve(metrics, router, limits, stopping.clone()))
    });
    listener::serve(listener, router::router(app.clone()), limits, stopping).await;
    for engine in app.models.engines() {
        engine.stop();
    }
    app.console.vectors.calls.close();
    app.console.vectors.calls.wait().await;
    for job in jobs.into_iter().chain(metrics) {
        if let Err(error) = job.await {
            tracing::error!(cause = %error, "a background job panicked");
        }
    }
    counting.stop().await;
    let store = app.store.clone();
    if let Err(error) = error::blocking(move || store.checkpoint()).await {
        tracing::error!(cause = ?error, "the database could not be written out");
    }
}
