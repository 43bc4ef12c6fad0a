//! An origin on loopback that answers from a script, byte for byte.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What an origin does with a connection after it has read the request head.
#[derive(Clone)]
pub(super) enum Step {
    Send(Vec<u8>),
    Pause(Duration),
    /// Sends the bytes with the pause between, until the peer goes away.
    Forever(Vec<u8>, Duration),
}

/// A 200 with the right length.
pub(super) fn ok(body: &[u8]) -> Vec<Step> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    vec![send(head), Step::Send(body.to_vec())]
}

/// A status line with headers and an empty body.
pub(super) fn head(status: &str, headers: &[&str]) -> Vec<Step> {
    let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    vec![send(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n{lines}\r\n"))]
}

/// A text to send.
pub(super) fn send(text: impl Into<String>) -> Step {
    Step::Send(text.into().into_bytes())
}

/// A listening origin; stops when dropped.
pub(super) struct Origin {
    pub(super) port: u16,
    requests: Arc<Mutex<Vec<String>>>,
    open: Arc<AtomicUsize>,
    open_peak: Arc<AtomicUsize>,
    listener: JoinHandle<()>,
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl Origin {
    /// Listens on a free port of 127.0.0.1; `script` gets the path of each request.
    pub(super) async fn start(script: impl Fn(&str) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = socket.local_addr().unwrap().port();
        let (requests, open, open_peak) = Default::default();
        let origin = (Arc::clone(&requests), Arc::clone(&open), Arc::clone(&open_peak));
        let script = Arc::new(script);
        let listener = tokio::spawn(async move {
            let (requests, open, peak): (Arc<Mutex<Vec<String>>>, Arc<AtomicUsize>, _) = origin;
            while let Ok((stream, _)) = socket.accept().await {
                let peak: &Arc<AtomicUsize> = &peak;
                peak.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                let (requests, open, script) =
                    (Arc::clone(&requests), Arc::clone(&open), Arc::clone(&script));
                tokio::spawn(async move {
                    answer(stream, &requests, |path| script(path)).await;
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { port, requests, open, open_peak, listener }
    }

    /// A URL of this origin.
    pub(super) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The request heads seen so far.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// The most connections that were open at once.
    pub(super) fn open_peak(&self) -> usize {
        self.open_peak.load(Ordering::SeqCst)
    }

    /// Waits until all connections are closed.
    pub(super) async fn all_closed(&self) {
        eventually(|| async { self.open.load(Ordering::SeqCst) == 0 }).await;
    }
}

/// Polls `condition` for up to five seconds.
pub(super) async fn eventually<F: Future<Output = bool>>(condition: impl Fn() -> F) {
    for _ in 0..500 {
        if condition().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("condition not reached in 5 s");
}

async fn answer(
    mut stream: TcpStream,
    requests: &Mutex<Vec<String>>,
    script: impl Fn(&str) -> Vec<Step>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    requests.lock().unwrap().push(head);
    let (mut reader, mut writer) = stream.split();
    let mut rest = Vec::new();
    tokio::select! {
        // The peer closing ends any script.
        _ = reader.read_to_end(&mut rest) => {}
        _ = async {
            for step in script(&path) {
                perform(&mut writer, step).await?;
            }
            writer.shutdown().await
        } => {}
    }
}

async fn perform(
    writer: &mut (impl AsyncWriteExt + Unpin),
    step: Step,
) -> Result<(), std::io::Error> {
    match step {
        Step::Send(bytes) => writer.write_all(&bytes).await,
        Step::Pause(time) => {
            tokio::time::sleep(time).await;
            Ok(())
        }
        Step::Forever(bytes, pause) => loop {
            writer.write_all(&bytes).await?;
            // A timer of zero still waits for its next tick: too slow for a flood.
            if pause.is_zero() {
                tokio::task::yield_now().await;
            } else {
                tokio::time::sleep(pause).await;
            }
        },
    }
}
