//! What is served where: the API on one listener, the counters on another.

use crate::support::faults::Faults;
use crate::support::http::{Answer, Connection, request};
use crate::support::requests;
use crate::support::server::Server;

#[test]
fn health_is_served_with_the_api_and_counters_apart() {
    let server = Server::start(&["--metrics-listen", "127.0.0.1:0"]);
    assert_ne!(server.address(), server.metrics());
    let get = |address, path: &str| -> Answer {
        let mut connection = Connection::open(address);
        connection.send(&request(&format!("GET {path}"), &[], b""));
        connection.answer()
    };
    let rows = [
        (server.address(), "/healthz", 200),
        (server.address(), "/readyz", 200),
        (server.address(), "/metrics", 404),
        (server.address(), "/v1.3/metrics", 401),
        (server.metrics(), "/metrics", 200),
        (server.metrics(), "/healthz", 404),
        (server.metrics(), "/readyz", 404),
        (server.metrics(), "/v1.3/openapi.json", 404),
        (server.metrics(), "/v1.3/assets", 404),
    ];
    let mut faults = Faults::default();
    for (address, path, status) in rows {
        let answer = get(address, path);
        faults.check(answer.status == status, || {
            format!("{address}{path}: {} {}", answer.status, answer.text())
        });
    }
    faults.report();
}

#[test]
fn counters_count() {
    let server = Server::start(&["--metrics-listen", "127.0.0.1:0"]);
    for _ in 0..3 {
        assert_eq!(server.embed(&requests::text("a cat")).status, 200);
    }
    assert_eq!(server.get("/v1.3/assets", "").status, 401);
    let mut connection = Connection::open(server.metrics());
    connection.send(&request("GET /metrics", &[], b""));
    let text = connection.answer().text();
    let rows = [
        "onespace_requests_total{route=\"/v1.3/embed-v2\",status=\"200\"} 3",
        "onespace_requests_total{route=\"/v1.3/assets\",status=\"401\"} 1",
        "onespace_request_seconds_count{route=\"/v1.3/embed-v2\"} 3",
        "onespace_engine{model=\"onespace-mini\",what=\"embedded\"} 3",
        "onespace_decoder_deaths_total 0",
    ];
    let mut faults = Faults::default();
    for row in rows {
        faults.check(text.lines().any(|line| line == row), || row.to_owned());
    }
    faults.check(!text.contains("osk_"), || "a key".to_owned());
    faults.report();
}
