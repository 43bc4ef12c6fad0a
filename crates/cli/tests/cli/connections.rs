//! When a connection is kept and when it is closed.

use crate::support::faults::Faults;
use crate::support::http::{head, request};
use crate::support::requests;
use crate::support::server::Server;

const JSON: (&str, &str) = ("content-type", "application/json");

#[test]
fn an_answer_before_the_body_closes_the_connection_and_says_so() {
    let server = Server::start(&[]);
    let key = ("x-api-key", server.key());
    // Each head is followed by the first bytes of a longer body.
    let rows = [
        ("no key", "POST /v1.3/embed-v2", vec![JSON], 401),
        ("a wrong key", "POST /v1.3/embed-v2", vec![JSON, ("x-api-key", "osk_wrong")], 401),
        ("no key, a form", "POST /v1.3/assets", vec![("content-type", "multipart/form-data")], 401),
        ("a wrong type", "POST /v1.3/embed-v2", vec![key, ("content-type", "text/plain")], 400),
        ("no such route", "POST /v1.3/nowhere", vec![key, JSON], 404),
        ("no such method", "PUT /v1.3/embed-v2", vec![key, JSON], 405),
        ("a wrong upload URL", "PUT /v1.3/_upload/wrong", vec![], 403),
    ];
    let mut faults = Faults::default();
    for (name, line, headers, status) in rows {
        let mut connection = server.connect();
        connection.send(&head(line, &headers, 100_000));
        connection.send(b"{\"input_type\":");
        let answer = connection.answer();
        faults.check(answer.status == status, || format!("{name}: {}", answer.status));
        faults.check(answer.closes(), || format!("{name}: it does not say that it closes"));
        faults.check(connection.is_closed(), || format!("{name}: it is not closed"));
    }
    faults.report();
}

#[test]
fn an_answer_to_a_whole_request_keeps_the_connection() {
    let server = Server::start(&[]);
    let key = ("x-api-key", server.key());
    let embed = requests::text("a cat").to_string();
    let rows: [(&str, Vec<u8>, u16); 7] = [
        ("no key, no body", request("GET /v1.3/assets", &[], b""), 401),
        (
            "no key, an empty body",
            request("POST /v1.3/assets", &[("content-length", "0")], b""),
            401,
        ),
        ("no such route", request("GET /nowhere", &[], b""), 404),
        ("no such asset", request("GET /v1.3/assets/0123456789abcdef01234567", &[key], b""), 404),
        ("bad JSON", request("POST /v1.3/embed-v2", &[key, JSON], b"{"), 400),
        ("a bad field", request("POST /v1.3/embed-v2", &[key, JSON], b"{\"x\":1}"), 400),
        ("success", request("POST /v1.3/embed-v2", &[key, JSON], embed.as_bytes()), 200),
    ];
    let mut faults = Faults::default();
    let mut connection = server.connect();
    for (name, bytes, status) in rows {
        connection.send(&bytes);
        let answer = connection.answer();
        faults.check(answer.status == status, || format!("{name}: {}", answer.status));
        if answer.closes() {
            faults.check(false, || format!("{name}: it is closed"));
            connection = server.connect();
        }
    }
    connection.send(&request("GET /v1.3/assets", &[key], b""));
    faults.check(connection.answer().status == 200, || "the last one".to_owned());
    faults.report();
}
