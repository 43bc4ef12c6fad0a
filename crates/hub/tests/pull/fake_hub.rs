//! A hub on loopback that answers as the real one does: descriptions with digests, a redirect on
//! the same host for small files and one to another host for large ones, ranges, and the faults
//! that a test asks for. The tests of the program use it too.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

use sha2::Digest as _;

/// Bytes written at a time.
const PIECE_BYTES: usize = 16 << 10;

/// A running hub; it stops answering when dropped.
pub(crate) struct FakeHub {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// A file of a repository.
#[derive(Clone)]
pub(crate) struct FakeFile {
    pub(crate) path: String,
    pub(crate) contents: Arc<[u8]>,
    /// Whether it lies in the large-file storage, on another host.
    pub(crate) is_large: bool,
}

/// What goes wrong with one answer of the storage.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// The connection ends after so many bytes.
    CutAfter(usize),
    /// Nothing more comes after so many bytes, until [`FakeHub::release`].
    HoldAfter(usize),
    /// The first byte that is sent is another.
    Corrupt,
    /// One byte more than announced.
    TooLong,
    /// A range is ignored: the whole file comes.
    IgnoreRange,
    /// This status, without a body.
    Status(u16),
}

/// A request that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Whether it came to the storage.
    pub(crate) at_storage: bool,
    pub(crate) path: String,
    /// The first byte of the range.
    pub(crate) from: Option<usize>,
    pub(crate) token: Option<String>,
}

#[derive(Default)]
struct State {
    /// Commits by repository and revision.
    revisions: BTreeMap<(String, String), String>,
    files: BTreeMap<String, Vec<FakeFile>>,
    faults: VecDeque<Fault>,
    /// Status and code with which descriptions, or files, are refused.
    refusal: Option<(&'static str, u16, &'static str)>,
    asked: Vec<Asked>,
    is_released: bool,
}

struct Shared {
    storage: SocketAddr,
    state: Mutex<State>,
    released: Condvar,
}

/// A file that git keeps.
pub(crate) fn small(path: &str, contents: impl AsRef<[u8]>) -> FakeFile {
    FakeFile { path: path.to_owned(), contents: contents.as_ref().into(), is_large: false }
}

/// A file of the storage.
pub(crate) fn large(path: &str, contents: impl AsRef<[u8]>) -> FakeFile {
    FakeFile { is_large: true, ..small(path, contents) }
}

/// Bytes that do not repeat soon.
pub(crate) fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = move || {
        // Marsaglia's xorshift, "Xorshift RNGs", 2003.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(bytes).collect()
}

impl FakeHub {
    pub(crate) fn start() -> Self {
        let hub = TcpListener::bind("127.0.0.1:0").expect("a port");
        let storage = TcpListener::bind("127.0.0.1:0").expect("a port");
        let shared = Arc::new(Shared {
            storage: storage.local_addr().expect("an address"),
            state: Mutex::default(),
            released: Condvar::new(),
        });
        let address = hub.local_addr().expect("an address");
        for (listener, at_storage) in [(hub, false), (storage, true)] {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    let shared = Arc::clone(&shared);
                    thread::spawn(move || shared.answer(stream, at_storage));
                }
            });
        }
        Self { address, shared }
    }

    /// What stands in HF_ENDPOINT.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Puts `files` behind `repository` at `revision` and at the commit that is returned.
    pub(crate) fn publish(&self, repository: &str, revision: &str, files: &[FakeFile]) -> String {
        let mut hasher = sha1::Sha1::new();
        for file in files {
            hasher.update(&file.path);
            hasher.update(&file.contents);
        }
        let commit = hex::encode(hasher.finalize());
        let mut state = self.shared.state();
        for revision in [revision, &commit] {
            let key = (repository.to_owned(), revision.to_owned());
            state.revisions.insert(key, commit.clone());
        }
        state.files.insert(commit.clone(), files.to_vec());
        commit
    }

    /// What goes wrong with the next answers of the storage, in order.
    pub(crate) fn fail(&self, faults: &[Fault]) {
        self.shared.state().faults.extend(faults);
    }

    /// Refuses every request whose path contains `part`.
    pub(crate) fn refuse(&self, part: &'static str, status: u16, code: &'static str) {
        self.shared.state().refusal = Some((part, status, code));
    }

    /// Lets go of what [`Fault::HoldAfter`] holds.
    pub(crate) fn release(&self) {
        self.shared.state().is_released = true;
        self.shared.released.notify_all();
    }

    /// All requests so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.shared.state().asked.clone()
    }

    /// The first bytes of the ranges that the storage was asked for.
    pub(crate) fn ranges(&self) -> Vec<Option<usize>> {
        self.asked().into_iter().filter(|asked| asked.at_storage).map(|asked| asked.from).collect()
    }
}

impl Drop for FakeHub {
    fn drop(&mut self) {
        self.release();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with it")
    }

    /// Reads one request and answers it. A client that goes away is no fault of the hub.
    fn answer(&self, mut stream: TcpStream, at_storage: bool) {
        let Some(asked) = read_request(&stream, at_storage) else { return };
        self.state().asked.push(asked.clone());
        let _gone = match at_storage {
            true => self.send_large(&mut stream, &asked),
            false => self.send_small(&mut stream, &asked),
        };
    }

    fn send_small(&self, stream: &mut TcpStream, asked: &Asked) -> std::io::Result<()> {
        let path = asked.path.split('?').next().unwrap_or_default();
        let refusal = self.state().refusal;
        if let Some((_, status, code)) = refusal.filter(|(part, _, _)| path.contains(part)) {
            let code =
                if code.is_empty() { String::new() } else { format!("x-error-code: {code}\r\n") };
            return write!(stream, "HTTP/1.1 {status} No\r\n{code}{END}");
        }
        let words: Vec<_> = path.trim_start_matches('/').split('/').collect();
        match words.as_slice() {
            ["api", "models", owner, name, "revision", revision] => {
                let repository = format!("{owner}/{name}");
                match self.description(&repository, &revision.replace("%2F", "/")) {
                    Ok(json) => send(stream, "200 OK", "", json.as_bytes()),
                    Err(code) => write!(stream, "HTTP/1.1 404 No\r\nx-error-code: {code}\r\n{END}"),
                }
            }
            ["api", "resolve-cache", commit, rest @ ..] => match self.file(commit, &rest.join("/"))
            {
                Some(file) => send(stream, "200 OK", "", &file.contents),
                None => write!(stream, "HTTP/1.1 404 No\r\nx-error-code: EntryNotFound\r\n{END}"),
            },
            [_, _, "resolve", commit, rest @ ..] => self.redirect(stream, commit, &rest.join("/")),
            _ => write!(stream, "HTTP/1.1 404 No\r\n{END}"),
        }
    }

    fn redirect(&self, stream: &mut TcpStream, commit: &str, path: &str) -> std::io::Result<()> {
        match self.file(commit, path) {
            Some(file) if file.is_large => write!(
                stream,
                "HTTP/1.1 302 Found\r\nlocation: http://{}/{commit}/{path}?signature=x\r\n{END}",
                self.storage
            ),
            Some(_) => write!(
                stream,
                "HTTP/1.1 307 Temporary\r\nlocation: /api/resolve-cache/{commit}/{path}\r\n{END}"
            ),
            None => write!(stream, "HTTP/1.1 404 No\r\nx-error-code: EntryNotFound\r\n{END}"),
        }
    }

    fn send_large(&self, stream: &mut TcpStream, asked: &Asked) -> std::io::Result<()> {
        let path = asked.path.split('?').next().unwrap_or_default().trim_start_matches('/');
        let found = path.split_once('/').and_then(|(commit, path)| self.file(commit, path));
        let Some(file) = found else { return write!(stream, "HTTP/1.1 404 No\r\n{END}") };
        let fault = self.state().faults.pop_front();
        if let Some(Fault::Status(status)) = fault {
            return write!(stream, "HTTP/1.1 {status} No\r\n{END}");
        }
        let from = asked.from.filter(|_| !matches!(fault, Some(Fault::IgnoreRange)));
        let (total, mut body) = (file.contents.len(), file.contents[from.unwrap_or(0)..].to_vec());
        match fault {
            Some(Fault::Corrupt) => body[0] ^= 1,
            Some(Fault::TooLong) => body.push(0),
            _ => {}
        }
        let (status, range) = match from {
            Some(from) => {
                ("206 Partial", format!("content-range: bytes {from}-{}/{total}\r\n", total - 1))
            }
            None => ("200 OK", String::new()),
        };
        write!(stream, "HTTP/1.1 {status}\r\n{range}content-length: {}\r\n\r\n", body.len())?;
        match fault {
            Some(Fault::CutAfter(bytes)) => write_pieces(stream, &body[..bytes]),
            Some(Fault::HoldAfter(bytes)) => {
                write_pieces(stream, &body[..bytes])?;
                let held = self.released.wait_while(self.state(), |state| !state.is_released);
                drop(held.expect("nobody panics with it"));
                write_pieces(stream, &body[bytes..])
            }
            _ => write_pieces(stream, &body),
        }
    }

    fn file(&self, commit: &str, path: &str) -> Option<FakeFile> {
        let state = self.state();
        state.files.get(commit)?.iter().find(|file| file.path == path).cloned()
    }

    /// The answer to `/api/models/{repository}/revision/{revision}?blobs=true`, or an error code.
    fn description(&self, repository: &str, revision: &str) -> Result<String, &'static str> {
        let state = self.state();
        if !state.revisions.keys().any(|(known, _)| known == repository) {
            return Err("RepoNotFound");
        }
        let key = (repository.to_owned(), revision.to_owned());
        let commit = state.revisions.get(&key).ok_or("RevisionNotFound")?;
        let siblings: Vec<_> = state.files[commit].iter().map(sibling).collect();
        Ok(format!(
            r#"{{"id": "{repository}", "sha": "{commit}", "gated": false, "siblings": [{}]}}"#,
            siblings.join(", ")
        ))
    }
}

const END: &str = "content-length: 0\r\nconnection: close\r\n\r\n";

fn sibling(file: &FakeFile) -> String {
    let (path, bytes) = (&file.path, file.contents.len());
    let mut blob = sha1::Sha1::new();
    blob.update(format!("blob {bytes}\0"));
    blob.update(&file.contents);
    let blob = hex::encode(blob.finalize());
    let sha256 = hex::encode(sha2::Sha256::digest(&file.contents));
    let lfs = match file.is_large {
        true => {
            format!(r#", "lfs": {{"sha256": "{sha256}", "size": {bytes}, "pointerSize": 134}}"#)
        }
        false => String::new(),
    };
    format!(r#"{{"rfilename": "{path}", "size": {bytes}, "blobId": "{blob}"{lfs}}}"#)
}

fn send(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8]) -> std::io::Result<()> {
    let bytes = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\n{headers}content-length: {bytes}\r\nconnection: close\r\n\r\n"
    )?;
    stream.write_all(body)
}

fn write_pieces(stream: &mut TcpStream, body: &[u8]) -> std::io::Result<()> {
    body.chunks(PIECE_BYTES).try_for_each(|piece| stream.write_all(piece))
}

fn read_request(stream: &TcpStream, at_storage: bool) -> Option<Asked> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let mut asked = Asked { at_storage, path, from: None, token: None };
    for line in lines.take_while(|line| !line.is_empty()) {
        let Some((name, value)) = line.split_once(": ") else { continue };
        match name.to_ascii_lowercase().as_str() {
            "range" => {
                asked.from = value.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok();
            }
            "authorization" => asked.token = value.strip_prefix("Bearer ").map(str::to_owned),
            _ => {}
        }
    }
    Some(asked)
}
