//! Pictures are decoded in processes of their own; losing one costs at most one request.

use std::thread;

use rustix::process::{Pid, Signal};

use crate::support::http::{Connection, request};
use crate::support::processes::{decoders_of, send, state};
use crate::support::requests::{picture, text};
use crate::support::server::Server;
use crate::support::waiting::until;

/// A server with one decoder, which has decoded a picture.
fn server_with_a_decoder(more: &[&str]) -> (Server, Pid) {
    let arguments: Vec<_> = ["--decoder-processes-max", "1", "--metrics-listen", "127.0.0.1:0"]
        .iter()
        .chain(more)
        .copied()
        .collect();
    let server = Server::start(&arguments);
    assert_eq!(server.embed(&picture("cat.png")).status, 200);
    let decoders = decoders_of(server.process_id());
    assert_eq!(decoders.len(), 1);
    (server, decoders[0])
}

fn deaths(server: &Server) -> String {
    let mut connection = Connection::open(server.metrics());
    connection.send(&request("GET /metrics", &[], b""));
    let text = connection.answer().text();
    let line = text.lines().find_map(|line| line.strip_prefix("onespace_decoder_deaths_total "));
    line.expect("deaths are counted").to_owned()
}

#[test]
fn a_decoder_killed_at_rest_costs_at_most_one_request() {
    let (server, decoder) = server_with_a_decoder(&[]);
    send(decoder, Signal::KILL);
    until("the decoder is dead", || matches!(state(decoder), None | Some('Z')).then_some(()));
    assert_eq!(server.embed(&text("a cat")).status, 200, "text needs no decoder");
    let first = server.embed(&picture("cat.png"));
    assert!(matches!(first.status, 200 | 400), "{} {}", first.status, first.text());
    assert_eq!(server.embed(&picture("cat.png")).status, 200, "the next picture");
    assert!(!decoders_of(server.process_id()).contains(&decoder), "a new decoder");
}

#[test]
fn a_decoder_killed_at_work_costs_that_request_only() {
    let (server, decoder) = server_with_a_decoder(&["--decode-ms-max", "600000"]);
    let vector = server.embed(&picture("cat.png")).body;
    // It holds still, so that the request is surely under way when it dies.
    send(decoder, Signal::STOP);
    until("the decoder stands", || (state(decoder) == Some('T')).then_some(()));
    thread::scope(|scope| {
        let (mut lost, body) = (server.connect(), picture("house.jpg"));
        lost.send(&server.embed_request(&body));
        // One decoder is allowed: this picture waits for the end of the other.
        let waiting = scope.spawn(|| server.embed(&picture("cat.png")));
        send(decoder, Signal::KILL);
        let answers = [lost.answer(), waiting.join().expect("an answer")];
        let failed: Vec<_> = answers.iter().filter(|answer| answer.status != 200).collect();
        assert!(failed.len() <= 1, "{failed:?}");
        for answer in failed {
            assert_eq!(answer.status, 400);
            assert!(answer.text().contains("could not be decoded"), "{}", answer.text());
        }
    });
    assert_eq!(server.embed(&picture("cat.png")).body, vector, "the next picture");
}

#[test]
fn a_decoder_that_overruns_its_time_is_replaced() {
    let (server, decoder) = server_with_a_decoder(&["--decode-ms-max", "4000"]);
    assert_eq!(deaths(&server), "0");
    send(decoder, Signal::STOP);
    until("the decoder stands", || (state(decoder) == Some('T')).then_some(()));
    let overrun = server.embed(&picture("house.jpg"));
    assert_eq!(overrun.status, 400, "{}", overrun.text());
    assert!(overrun.text().contains("image.media_source"), "{}", overrun.text());
    assert_eq!(deaths(&server), "1");
    until("the decoder is stopped", || matches!(state(decoder), None | Some('Z')).then_some(()));
    assert_eq!(server.embed(&picture("house.jpg")).status, 200, "the next picture");
}

#[test]
fn decoders_end_with_their_server() {
    for signal in [Signal::TERM, Signal::KILL] {
        let (mut server, decoder) = server_with_a_decoder(&[]);
        server.signal(signal);
        server.exit_code();
        until("the decoder is gone", || matches!(state(decoder), None | Some('Z')).then_some(()));
    }
}
