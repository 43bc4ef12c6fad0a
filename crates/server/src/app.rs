//! What every request shares: the store, the models, the decoders, the fetcher and the settings.

use std::sync::Arc;

use onespace_store::Store;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::catalog::ModelCatalog;
use crate::console::ConsoleState;
use crate::decoders::Decoders;
use crate::fetch::Fetcher;
use crate::media_memory::MediaMemory;
use crate::metrics::Metrics;
use crate::public_url::PublicUrl;
use crate::settings::ServerSettings;
use crate::usage::UsageCounter;

/// The shared state of the service; cheap to clone.
pub type App = Arc<AppState>;

/// The parts of the service.
pub struct AppState {
    /// Accounts, keys, assets, uploads and tasks.
    pub store: Store,
    /// The models by every name that a request may use.
    pub models: ModelCatalog,
    /// The processes that decode pictures.
    pub decoders: Decoders,
    /// Places for encoded pictures.
    pub media_memory: MediaMemory,
    /// The one way to open a client-supplied URL.
    pub fetcher: Fetcher,
    /// What the operator set.
    pub settings: ServerSettings,
    /// Counters for `/metrics`.
    pub metrics: Metrics,
    /// What each key uses, on its way into the store.
    pub usage: UsageCounter,
    /// What the console keeps in memory.
    pub(crate) console: ConsoleState,
    /// The URL that clients use, without `/v1.3`.
    pub public_url: String,
    /// Memory for JSON bodies, in KiB.
    pub body_budget_kib: Arc<Semaphore>,
    /// Wakes the task worker.
    pub task_created: Notify,
    /// Set once, when the server begins to stop.
    pub stopping: CancellationToken,
}

impl AppState {
    /// Puts the parts together; `public_url` is used where the settings name none.
    #[must_use]
    pub fn new(
        store: Store,
        models: ModelCatalog,
        settings: ServerSettings,
        public_url: String,
    ) -> App {
        let body_budget = settings.limits.json_bodies_bytes_max / 1024;
        Arc::new(Self {
            store,
            models,
            decoders: Decoders::new(settings.decoders.clone()),
            media_memory: MediaMemory::new(
                settings.limits.media_files_max,
                settings.limits.media_wait_ms_max,
            ),
            fetcher: Fetcher::new(settings.fetch.clone()),
            metrics: Metrics::new(),
            usage: UsageCounter::new(),
            console: ConsoleState::new(),
            public_url: settings.public_url.as_ref().map_or(public_url, PublicUrl::to_string),
            settings,
            body_budget_kib: Arc::new(Semaphore::new(body_budget)),
            task_created: Notify::new(),
            stopping: CancellationToken::new(),
        })
    }
}
