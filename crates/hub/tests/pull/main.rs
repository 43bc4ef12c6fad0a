//! Pulls from a hub on loopback: what arrives, what goes wrong, and what is left behind.

mod fake_hub;
mod refusals;
mod resuming;
mod success;

use std::fs;
use std::path::{Path, PathBuf};

use onespace_hub::{HubClient, HubError, HubSettings, ModelsDir, PullEvent, Pulled};
use tempfile::TempDir;

use fake_hub::{FakeFile, FakeHub, large, noise, small};

const REPOSITORY: &str = "maker/model";
const WEIGHTS_BYTES: usize = 1 << 20;

/// A hub with one model, and a folder for models.
struct Bench {
    hub: FakeHub,
    folder: TempDir,
    settings: HubSettings,
}

/// The files of a model, and some that it does not need.
fn model_files() -> Vec<FakeFile> {
    vec![
        small("README.md", "---\nlicense: mit\n---\n# A model\n"),
        small("config.json", "{}"),
        small("tokenizer.json", noise(5_000)),
        small("1_Pooling/config.json", "{\"pooling_mode_cls_token\": true}"),
        large("model.safetensors", noise(WEIGHTS_BYTES)),
        large("pytorch_model.bin", noise(64)),
        small("modeling.py", "print('code')"),
    ]
}

impl Bench {
    fn new() -> Self {
        let hub = FakeHub::start();
        hub.publish(REPOSITORY, "main", &model_files());
        let settings = HubSettings {
            endpoint: hub.endpoint(),
            stall_ms_max: 300,
            retry_pause_ms: 1,
            attempts_max: 3,
            ..HubSettings::default()
        };
        Self { hub, folder: tempfile::tempdir().expect("a folder"), settings }
    }

    fn pull(&self, name: &str) -> Result<Pulled, HubError> {
        self.pull_with(name, u64::MAX, &mut |_| {})
    }

    fn pull_with(
        &self,
        name: &str,
        bytes_max: u64,
        on_event: &mut dyn FnMut(PullEvent<'_>),
    ) -> Result<Pulled, HubError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let client = HubClient::new(self.settings.clone())?;
        let models = ModelsDir::new(self.models_dir().to_owned());
        let reference = name.parse().expect("a name");
        runtime.block_on(client.pull(&models, &reference, bytes_max, on_event))
    }

    fn models_dir(&self) -> &Path {
        self.folder.path()
    }

    fn target(&self) -> PathBuf {
        self.models_dir().join(REPOSITORY)
    }

    /// Every file below the folder of models but locks, relative to it, sorted.
    fn present(&self) -> Vec<String> {
        let mut found = Vec::new();
        collect(self.models_dir(), &mut found);
        let root = self.models_dir();
        let mut names: Vec<_> = found
            .iter()
            .filter(|path| path.extension().is_none_or(|end| end != "lock"))
            .map(|path| path.strip_prefix(root).expect("below").display().to_string())
            .collect();
        names.sort();
        names
    }
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")) {
        match entry.path() {
            path if path.is_dir() => collect(&path, found),
            path => found.push(path),
        }
    }
}
