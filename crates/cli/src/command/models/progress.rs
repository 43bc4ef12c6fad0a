//! The progress of a pull: a bar on a terminal, a line now and then elsewhere.

use std::time::{Duration, Instant};

use indicatif::{DecimalBytes, HumanDuration, ProgressBar, ProgressStyle};
use onespace_hub::{ModelReference, PullEvent};

use crate::output::note;

/// How often there is a line where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Shows what happens during a pull, on stderr.
pub(super) struct PullProgress {
    model: String,
    bar: ProgressBar,
    total_bytes: u64,
    present_bytes: u64,
    /// Bytes of the current file that are there.
    file_bytes: u64,
    received_bytes: u64,
    started: Instant,
    last_line: Instant,
}

impl PullProgress {
    pub(super) fn new(model: &ModelReference) -> Self {
        Self {
            model: model.to_string(),
            bar: ProgressBar::hidden(),
            total_bytes: 0,
            present_bytes: 0,
            file_bytes: 0,
            received_bytes: 0,
            started: Instant::now(),
            last_line: Instant::now(),
        }
    }

    pub(super) fn show(&mut self, event: PullEvent<'_>) {
        match event {
            PullEvent::Resolved { commit, files, bytes } => self.resolved(commit, files, bytes),
            PullEvent::File { path, present_bytes } => self.begin(path, present_bytes),
            PullEvent::Received { bytes } => self.received(bytes),
            PullEvent::StartedOver { path } => {
                self.present_bytes -= self.file_bytes;
                self.file_bytes = 0;
                self.bar.set_position(self.present_bytes);
                self.line(&format!("{path}: begun anew, what was there did not fit"));
            }
            PullEvent::Retrying { path, reason } => {
                self.line(&format!("{path}: {reason}; trying again"))
            }
        }
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }

    fn resolved(&mut self, commit: &str, files: usize, bytes: u64) {
        (self.total_bytes, self.started) = (bytes, Instant::now());
        let size = DecimalBytes(bytes);
        note(&format!("{} is commit {commit}: {files} files, {size}", self.model));
        let bar = ProgressBar::new(bytes);
        let style = ProgressStyle::with_template(
            "{wide_bar} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta} {msg}",
        );
        if let Ok(style) = style {
            bar.set_style(style);
        }
        self.bar = bar;
    }

    fn begin(&mut self, path: &str, present_bytes: u64) {
        self.present_bytes += present_bytes;
        self.file_bytes = present_bytes;
        self.bar.set_message(path.to_owned());
        self.bar.set_position(self.present_bytes);
        // The rate is that of what arrives, not of what is there.
        self.bar.reset_eta();
        if present_bytes > 0 && self.bar.is_hidden() {
            self.line(&format!("{path}: {} are there", DecimalBytes(present_bytes)));
        }
    }

    fn received(&mut self, bytes: u64) {
        self.received_bytes += bytes;
        self.present_bytes += bytes;
        self.file_bytes += bytes;
        self.bar.set_position(self.present_bytes);
        if self.bar.is_hidden() && self.last_line.elapsed() >= LINE_EVERY {
            self.last_line = Instant::now();
            self.line(&self.standing());
        }
    }

    /// `1.20 GB of 4.26 GB, 83.10 MB/s, 37 seconds left`.
    fn standing(&self) -> String {
        let seconds = self.started.elapsed().as_secs_f64().max(1e-3);
        let per_second = self.received_bytes as f64 / seconds;
        let left_bytes = self.total_bytes.saturating_sub(self.present_bytes);
        let left = left_bytes as f64 / per_second;
        format!(
            "{} of {}, {}/s, {} left",
            DecimalBytes(self.present_bytes),
            DecimalBytes(self.total_bytes),
            DecimalBytes(per_second as u64),
            HumanDuration(Duration::try_from_secs_f64(left).unwrap_or(Duration::MAX))
        )
    }

    /// A line above the bar, or just a line.
    fn line(&self, line: &str) {
        self.bar.suspend(|| note(line));
    }
}
