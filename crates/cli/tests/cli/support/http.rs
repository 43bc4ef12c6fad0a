//! HTTP/1.1 by hand, so that a test can send half a request.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use super::waiting::DEADLINE;

/// The bytes of a request; the length of `body` is declared if there is one.
pub(crate) fn request(line: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut bytes = head(line, headers, body.len());
    bytes.extend_from_slice(body);
    bytes
}

/// The head of a request, such as `GET /healthz`, with a body of `body_bytes`.
pub(crate) fn head(line: &str, headers: &[(&str, &str)], body_bytes: usize) -> Vec<u8> {
    let mut text = format!("{line} HTTP/1.1\r\nhost: localhost\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if body_bytes > 0 {
        text.push_str(&format!("content-length: {body_bytes}\r\n"));
    }
    text.push_str("\r\n");
    text.into_bytes()
}

/// One connection.
pub(crate) struct Connection(BufReader<TcpStream>);

impl Connection {
    /// Connects; the connection must be accepted.
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a timeout can be set");
        stream.set_nodelay(true).expect("small packets can be sent at once");
        Self(BufReader::new(stream))
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).expect("the server reads");
    }

    /// Reads one answer, an interim one too.
    pub(crate) fn answer(&mut self) -> Answer {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).expect("the server answers in time");
            assert!(line.ends_with("\r\n"), "the connection ended within a head: {lines:?}");
            match line.trim_end() {
                "" => break,
                text => lines.push(text.to_owned()),
            }
        }
        let status = lines[0].split(' ').nth(1).and_then(|word| word.parse().ok());
        let headers = lines[1..].iter().filter_map(|line| line.split_once(':'));
        let headers = headers.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()));
        let mut answer = Answer {
            status: status.unwrap_or_else(|| panic!("no status: {lines:?}")),
            headers: headers.collect(),
            body: Vec::new(),
        };
        let length = answer.header("content-length").map_or(0, |text| text.parse().expect(text));
        answer.body = vec![0; length];
        self.0.read_exact(&mut answer.body).expect("a whole body");
        answer
    }

    /// Whether the server has closed its side and sent nothing before.
    pub(crate) fn is_closed(&mut self) -> bool {
        matches!(self.0.fill_buf(), Ok([]))
    }

    /// The client's end of the connection.
    pub(crate) fn local(&self) -> SocketAddr {
        self.0.get_ref().local_addr().expect("a bound socket")
    }
}

/// One answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The first header of this name, in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("JSON: {}", self.text()))
    }

    /// Whether the server says that it closes the connection.
    pub(crate) fn closes(&self) -> bool {
        self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}
