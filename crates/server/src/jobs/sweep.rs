//! The hourly sweep: expired uploads, old task results, files that nothing names.

use std::time::Duration;

use time::OffsetDateTime;

use crate::app::App;
use crate::error::blocking;

const SWEEP_EVERY: Duration = Duration::from_secs(3_600);

/// Sweeps at once and then every hour, until the server stops.
pub(crate) async fn run(app: App) {
    loop {
        let store = app.store.clone();
        match blocking(move || store.sweep(OffsetDateTime::now_utc())).await {
            Ok(report) => tracing::debug!(report = ?report, "swept"),
            Err(error) => tracing::error!(cause = ?error.cause, "the sweep failed"),
        }
        tokio::select! {
            () = app.stopping.cancelled() => return,
            () = tokio::time::sleep(SWEEP_EVERY) => {}
        }
    }
}
