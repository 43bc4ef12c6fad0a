//! SIGTERM: requests under way finish, nothing new begins, and a second signal ends it all.

use std::net::TcpStream;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::http::{Connection, head, request};
use crate::support::processes::has_read_everything;
use crate::support::requests;
use crate::support::server::Server;
use crate::support::waiting::until;

/// Longer than any test waits: a server that ends before has not run into this limit.
const LONG_DRAIN: [&str; 2] = ["--drain-ms-max", "3600000"];

/// A request to embed whose head has been read and half of whose body has been sent.
struct HalfSent {
    connection: Connection,
    rest: Vec<u8>,
}

impl HalfSent {
    fn to(server: &Server, body: &Value) -> Self {
        let body = body.to_string().into_bytes();
        let (first, rest) = body.split_at(body.len() / 2);
        let mut connection = server.connect();
        let headers = [
            ("x-api-key", server.key()),
            ("content-type", "application/json"),
            ("expect", "100-continue"),
        ];
        connection.send(&head("POST /v1.3/embed-v2", &headers, body.len()));
        // The server asks for the body, so the request is under way.
        assert_eq!(connection.answer().status, 100);
        connection.send(first);
        Self { connection, rest: rest.to_vec() }
    }
}

fn wait_until_nothing_new_is_accepted(server: &Server) {
    until("connections are refused", || {
        TcpStream::connect(server.address()).is_err().then_some(())
    });
}

#[test]
fn a_request_under_way_finishes_and_no_new_connection_is_taken() {
    let mut server = Server::start(&LONG_DRAIN);
    let body = requests::named_pictures("<@a>", &[("a", "cat.png")]);
    let vector = server.embed(&body).body;
    let mut request = HalfSent::to(&server, &body);
    server.signal(Signal::TERM);
    wait_until_nothing_new_is_accepted(&server);
    request.connection.send(&request.rest);
    let answer = request.connection.answer();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.body == vector, "the vector is the same as ever");
    assert!(answer.closes(), "the client is told not to reuse the connection");
    assert!(request.connection.is_closed());
    drop(request);
    assert_eq!(server.exit_code(), Some(0), "{}", server.log());
    assert!(server.log().contains("Stopping"), "{}", server.log());
}

#[test]
fn connections_without_a_request_do_not_hold_the_end_up() {
    let mut server = Server::start(&LONG_DRAIN);
    let mut silent = server.connect();
    let mut kept = server.connect();
    kept.send(&request("GET /healthz", &[], b""));
    assert!(!kept.answer().closes());
    server.signal(Signal::TERM);
    assert!(kept.is_closed(), "a kept connection");
    assert!(silent.is_closed(), "a connection that never asked");
    drop((kept, silent));
    assert_eq!(server.exit_code(), Some(0), "{}", server.log());
}

#[test]
fn a_stopping_server_is_not_ready() {
    let mut server = Server::start(&LONG_DRAIN);
    let ask = request("GET /readyz", &[], b"");
    let (first, rest) = ask.split_at(ask.len() / 2);
    let mut connection = server.connect();
    connection.send(first);
    until("half of the head was read", || {
        has_read_everything(server.address(), connection.local()).then_some(())
    });
    server.signal(Signal::TERM);
    wait_until_nothing_new_is_accepted(&server);
    connection.send(rest);
    let answer = connection.answer();
    assert_eq!((answer.status, answer.text().as_str()), (503, "stopping\n"));
    drop(connection);
    assert_eq!(server.exit_code(), Some(0), "{}", server.log());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for second in [Signal::TERM, Signal::INT] {
        let mut server = Server::start(&LONG_DRAIN);
        let request = HalfSent::to(&server, &requests::text("never sent to its end"));
        server.signal(Signal::TERM);
        wait_until_nothing_new_is_accepted(&server);
        server.signal(second);
        // The drain would take longer than the test waits, and would end with 0.
        assert_eq!(server.exit_code(), Some(1), "{}", server.log());
        drop(request);
    }
}

#[test]
fn a_request_that_does_not_finish_is_left_behind() {
    let mut server = Server::start(&["--drain-ms-max", "200"]);
    let request = HalfSent::to(&server, &requests::text("never sent to its end"));
    server.signal(Signal::INT);
    assert_eq!(server.exit_code(), Some(0), "{}", server.log());
    assert!(server.log().contains("stopped before these connections ended"), "{}", server.log());
    drop(request);
}

#[test]
fn what_was_acknowledged_survives_both_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::start_on(folder.path(), &[]);
    let key = server.key().to_owned();
    for signal in [Signal::KILL, Signal::TERM] {
        server.signal(signal);
        let code = server.exit_code();
        assert_eq!(code, (signal == Signal::TERM).then_some(0), "{}", server.log());
        server = Server::start_on(folder.path(), &[]);
        assert!(!server.announces_a_key(), "the data is there");
        assert_eq!(server.get("/v1.3/assets", &key).status, 200, "and so is the key");
    }
}
