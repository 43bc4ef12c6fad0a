//! The same request has the same answer: twice, at once, under load, and without a server.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::Value;

use crate::support::faults::Faults;
use crate::support::pictures;
use crate::support::program::run;
use crate::support::requests::{named_pictures, picture, text};
use crate::support::server::Server;
use crate::support::vectors::vector;

/// One request of each kind.
fn probes() -> [(&'static str, Value); 3] {
    let pictures = [("a", "cat.png"), ("b", "house.jpg")];
    [
        ("text", text("a red square on a white wall")),
        ("picture", picture("tree.webp")),
        ("both", named_pictures("<@a> in front of <@b>", &pictures)),
    ]
}

fn body(server: &Server, request: &Value) -> Vec<u8> {
    let answer = server.embed(request);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.body
}

#[test]
fn identical_requests_at_once_have_identical_answers() {
    let server = Server::start(&[]);
    let mut faults = Faults::default();
    for (kind, request) in probes() {
        let alone = body(&server, &request);
        let together: Vec<_> = thread::scope(|scope| {
            let asked: Vec<_> = (0..16).map(|_| scope.spawn(|| body(&server, &request))).collect();
            asked.into_iter().map(|asked| asked.join().expect("an answer")).collect()
        });
        let differing = together.iter().filter(|answer| **answer != alone).count();
        faults.check(differing == 0, || format!("{kind}: {differing} of 16 differ"));
    }
    faults.report();
}

#[test]
fn other_requests_at_the_same_time_change_nothing() {
    let server = Server::start(&[]);
    let alone = probes().map(|(_, request)| body(&server, &request));
    let done = AtomicBool::new(false);
    let mut faults = Faults::default();
    thread::scope(|scope| {
        for worker in 0..6 {
            let (server, done) = (&server, &done);
            scope.spawn(move || {
                let mut round = 0;
                while !done.load(Ordering::Acquire) {
                    round += 1;
                    let request = match (worker + round) % 3 {
                        0 => picture("boat.gif"),
                        1 => text(&"word ".repeat(1 + round % 90)),
                        _ => named_pictures("left <@x> right", &[("x", "blue_circle.png")]),
                    };
                    body(server, &request);
                }
            });
        }
        for _ in 0..8 {
            for ((kind, request), alone) in probes().iter().zip(&alone) {
                let is_same = body(&server, request) == *alone;
                faults.check(is_same, || format!("{kind} differs under load"));
            }
        }
        done.store(true, Ordering::Release);
    });
    faults.report();
}

#[test]
fn the_program_and_the_server_give_the_same_vector() {
    let server = Server::start(&[]);
    let (a, b) = (pictures::file("cat.png"), pictures::file("house.jpg"));
    let (a, b, tree) = (format!("a={a}"), format!("b={b}"), pictures::file("tree.webp"));
    let arguments: [&[&str]; 3] = [
        &["embed", "--text", "a red square on a white wall"],
        &["embed", "--image", &tree],
        &["embed", "--text", "<@a> in front of <@b>", "--image", &a, "--image", &b],
    ];
    let mut faults = Faults::default();
    for ((kind, request), arguments) in probes().iter().zip(arguments) {
        let served = vector(&server.embed(request).json()["data"][0]["embedding"]);
        // Both write the shortest decimal of an f32; as f32 they must be the same bits.
        let bits = |vector: &[f64]| vector.iter().map(|value| *value as f32).collect::<Vec<_>>();
        let printed = vector(&run(arguments).json()["embedding"]);
        faults.check(bits(&served) == bits(&printed), || format!("{kind} differs"));
    }
    faults.report();
}
