//! A server that runs while a test looks at it.

use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use rustix::process::{Pid, Signal};
use serde_json::Value;
use tempfile::TempDir;

use super::http::{Answer, Connection, request};
use super::program::{argument, exit_status, onespace};
use super::waiting::until;
use super::{http, processes};

/// A running `onespace serve`; killed when dropped.
pub(crate) struct Server {
    process: Child,
    address: SocketAddr,
    metrics: Option<SocketAddr>,
    first_key: Option<String>,
    output: Gathered,
    log: Gathered,
    data_dir: PathBuf,
    /// Removed with the server.
    folder: Option<TempDir>,
}

impl Server {
    /// Starts a server on a data directory of its own.
    pub(crate) fn start(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let data_dir = folder.path().join("data");
        let mut server = Self::start_on(&data_dir, more);
        server.folder = Some(folder);
        server
    }

    /// Starts a server on `data_dir`.
    pub(crate) fn start_on(data_dir: &Path, more: &[&str]) -> Self {
        let mut command = onespace(&["serve", "--listen", "127.0.0.1:0"]);
        command.args(["--data-dir", argument(data_dir)]).args(more);
        if !more.contains(&"--metrics-listen") {
            command.args(["--metrics-listen", "off"]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().expect("the program starts");
        let output = Gathered::from(process.stdout.take().expect("stdout is piped"));
        let log = Gathered::from(process.stderr.take().expect("stderr is piped"));
        let announced = until("the server announces itself", || {
            let text = output.text();
            let ended = process.try_wait().expect("the program can be waited for");
            assert!(ended.is_none(), "{ended:?} {}", log.text());
            text.split_once("  API key  ")
                .is_some_and(|(_, rest)| rest.contains('\n'))
                .then_some(text)
        });
        let value = |name: &str| {
            let line = announced.lines().find_map(|line| line.trim().strip_prefix(name));
            line.map(str::trim)
        };
        let address = |url: &str| {
            let host = url.strip_prefix("http://").and_then(|rest| rest.split('/').next());
            host.and_then(|host| host.parse().ok()).unwrap_or_else(|| panic!("no address: {url}"))
        };
        Self {
            address: value("base URL").map(address).expect("the base URL is announced"),
            metrics: value("metrics").map(address),
            first_key: value("API key").filter(|key| key.starts_with("osk_")).map(str::to_owned),
            process,
            output,
            log,
            data_dir: data_dir.to_owned(),
            folder: None,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn metrics(&self) -> SocketAddr {
        self.metrics.expect("a metrics listener is announced")
    }

    /// The key of the first start.
    pub(crate) fn key(&self) -> &str {
        self.first_key.as_deref().expect("a first start announces a key")
    }

    pub(crate) fn announces_a_key(&self) -> bool {
        self.first_key.is_some()
    }

    pub(crate) fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// All of stdout so far.
    pub(crate) fn output(&self) -> String {
        self.output.text()
    }

    /// All of stderr so far.
    pub(crate) fn log(&self) -> String {
        self.log.text()
    }

    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.address)
    }

    /// Asks on a connection of its own, with `key`.
    pub(crate) fn get(&self, path: &str, key: &str) -> Answer {
        let mut connection = self.connect();
        connection.send(&request(&format!("GET {path}"), &[("x-api-key", key)], b""));
        connection.answer()
    }

    /// Embeds on a connection of its own, with the key of the first start.
    pub(crate) fn embed(&self, body: &Value) -> Answer {
        let mut connection = self.connect();
        connection.send(&self.embed_request(body));
        connection.answer()
    }

    /// The bytes of a request to embed.
    pub(crate) fn embed_request(&self, body: &Value) -> Vec<u8> {
        let headers = [("x-api-key", self.key()), ("content-type", "application/json")];
        http::request("POST /v1.3/embed-v2", &headers, body.to_string().as_bytes())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        processes::send(Pid::from_child(&self.process), signal);
    }

    /// Waits for the end, and for all of stdout and stderr; `None` after a signal.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        let status = exit_status(&mut self.process);
        self.output.wait_for_the_end();
        self.log.wait_for_the_end();
        status.code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// What came out of a stream so far.
struct Gathered {
    text: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Gathered {
    fn from(mut stream: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let gathering = Arc::clone(&text);
        let reader = thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(count @ 1..) = stream.read(&mut piece) {
                let text = String::from_utf8_lossy(&piece[..count]);
                gathering.lock().expect("nobody panics with it").push_str(&text);
            }
        });
        Self { text, reader: Some(reader) }
    }

    fn text(&self) -> String {
        self.text.lock().expect("nobody panics with it").clone()
    }

    fn wait_for_the_end(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader does not panic");
        }
    }
}
