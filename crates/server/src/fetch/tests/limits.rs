//! Caps on bytes, time, heads and connections, against scripted origins.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::{FetchSettings, Fetcher};
use super::origin::{Origin, Step, eventually, head, ok, send};
use super::{fetch, quick_settings};

const OK_HEAD: &str = "HTTP/1.1 200 OK\r\n";

fn ok_with(headers: &str, rest: Vec<Step>) -> Vec<Step> {
    let mut steps = vec![send(format!("{OK_HEAD}{headers}\r\n"))];
    steps.extend(rest);
    steps
}

fn forever(bytes: Vec<u8>) -> Vec<Step> {
    vec![Step::Forever(bytes, Duration::ZERO)]
}

#[tokio::test]
async fn a_body_above_the_cap_is_too_large_however_it_comes() {
    let origin = Origin::start(|path| match path {
        "/declared" => ok_with("Content-Length: 10737418240\r\n", forever(vec![0; 1_000])),
        "/endless" => ok_with("", forever(vec![0; 10_000])),
        "/chunked" => {
            ok_with("Transfer-Encoding: chunked\r\n", forever(b"5\r\nabcde\r\n".repeat(500)))
        }
        "/one-more" => ok(&[7; 100_001]),
        _ => ok(&[7; 100_000]),
    })
    .await;
    for path in ["/declared", "/endless", "/chunked", "/one-more"] {
        let error = fetch(quick_settings(), &origin.url(path)).await.unwrap_err();
        assert!(error.is_too_large(), "{path}: {}", error.detail());
    }
    let fetcher = Fetcher::new(quick_settings());
    assert_eq!(fetcher.fetch(&origin.url("/"), u64::MAX).await.unwrap().bytes.len(), 100_000);
    assert!(fetcher.fetch(&origin.url("/"), 99_999).await.unwrap_err().is_too_large());
    origin.all_closed().await;
}

#[tokio::test]
async fn a_wrong_length_gives_no_more_than_declared_and_no_less() {
    let origin = Origin::start(|path| match path {
        "/more" => ok_with("Content-Length: 10\r\n", forever(vec![b'x'; 10_000])),
        "/less" => ok_with("Content-Length: 100\r\n", vec![Step::Send(vec![b'x'; 10])]),
        "/two" => ok_with("Content-Length: 1\r\nContent-Length: 2\r\n", vec![send("xx")]),
        "/cut" => ok_with("Transfer-Encoding: chunked\r\n", vec![send("5\r\nabcde\r\n")]),
        _ => ok_with("Transfer-Encoding: chunked\r\n", vec![send("5\r\nabcde\r\n0\r\n\r\n")]),
    })
    .await;
    let more = fetch(quick_settings(), &origin.url("/more")).await.unwrap();
    assert_eq!(more.bytes, [b'x'; 10]);
    for path in ["/less", "/two", "/cut"] {
        let error = fetch(quick_settings(), &origin.url(path)).await.unwrap_err();
        assert!(!error.is_too_large(), "{path}");
    }
    assert_eq!(fetch(quick_settings(), &origin.url("/whole")).await.unwrap().bytes, b"abcde");
    origin.all_closed().await;
}

#[tokio::test]
async fn encoded_bodies_are_refused() {
    let origin = Origin::start(|path| match path {
        "/identity" => {
            ok_with("Content-Encoding: identity\r\nContent-Length: 1\r\n", vec![send("x")])
        }
        "/te" => ok_with("Transfer-Encoding: gzip, chunked\r\n", vec![send("1\r\nx\r\n0\r\n\r\n")]),
        encoding => {
            let header = format!("Content-Encoding: {}\r\nContent-Length: 1\r\n", &encoding[1..]);
            ok_with(&header, vec![send("x")])
        }
    })
    .await;
    for path in ["/gzip", "/br", "/deflate", "/zstd", "/identity,gzip", "/te"] {
        assert!(fetch(quick_settings(), &origin.url(path)).await.is_err(), "{path}");
    }
    assert_eq!(fetch(quick_settings(), &origin.url("/identity")).await.unwrap().bytes, b"x");
}

#[tokio::test]
async fn heads_are_bounded_in_bytes_lines_and_number() {
    let early = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
    let origin = Origin::start(move |path| match path {
        "/long" => ok_with(&format!("X: {}\r\n", "y".repeat(1_000_000)), vec![]),
        "/lines" => ok_with(&"X: y\r\n".repeat(101), vec![]),
        "/endless" => vec![send(OK_HEAD), Step::Forever(b"X: y\r\n".repeat(500), Duration::ZERO)],
        "/flood" => vec![Step::Send(early.repeat(10_000).into_bytes()), send("never reached")],
        "/endless-1xx" => forever(early.repeat(100).into_bytes()),
        _ => {
            let mut steps = vec![Step::Send(early.repeat(3).into_bytes())];
            steps.extend(ok(b"after hints"));
            steps
        }
    })
    .await;
    // The clock is far away, so that only the budget can end these.
    let patient =
        FetchSettings { header_timeout_ms: 60_000, total_timeout_ms: 60_000, ..quick_settings() };
    for path in ["/long", "/lines", "/endless", "/flood", "/endless-1xx"] {
        let started = Instant::now();
        assert!(fetch(patient.clone(), &origin.url(path)).await.is_err(), "{path}");
        assert!(started.elapsed() < Duration::from_secs(20), "{path}: not the budget");
    }
    assert_eq!(fetch(quick_settings(), &origin.url("/hints")).await.unwrap().bytes, b"after hints");
    origin.all_closed().await;
}

#[tokio::test]
async fn silence_and_drips_end_in_time() {
    let origin = Origin::start(|path| match path {
        "/silent" => vec![Step::Pause(Duration::from_secs(30))],
        "/head-drip" => vec![Step::Forever(b"H".to_vec(), Duration::from_millis(50))],
        "/stall" => {
            ok_with("Content-Length: 50000\r\n", vec![Step::Pause(Duration::from_secs(30))])
        }
        "/fast-then-stall" => ok_with(
            "Content-Length: 50000\r\n",
            vec![Step::Send(vec![0; 20_000]), Step::Pause(Duration::from_secs(30))],
        ),
        _ => ok_with("", vec![Step::Forever(b"x".to_vec(), Duration::from_millis(20))]),
    })
    .await;
    // One limit is near and all others far: which one cut shows in the time.
    let far = FetchSettings {
        header_timeout_ms: 60_000,
        total_timeout_ms: 60_000,
        rate_grace_ms: 60_000,
        ..quick_settings()
    };
    let head = FetchSettings { header_timeout_ms: 400, ..far.clone() };
    // 20,000 bytes at 20,000 a second earn one second.
    let rate = FetchSettings { rate_grace_ms: 300, ..far.clone() };
    let total = FetchSettings { total_timeout_ms: 200, ..far };
    for (path, settings, least_ms) in [
        ("/silent", &head, 400),
        ("/head-drip", &head, 400),
        ("/stall", &rate, 300),
        ("/drip", &rate, 300),
        ("/fast-then-stall", &rate, 1_000),
        ("/silent", &total, 200),
        ("/stall", &total, 200),
    ] {
        let started = Instant::now();
        let error = fetch(settings.clone(), &origin.url(path)).await.unwrap_err();
        let took_ms = started.elapsed().as_millis();
        let most_ms = least_ms + 10_000;
        assert!((least_ms..most_ms).contains(&took_ms), "{path}: {took_ms}, {}", error.detail());
    }
    origin.all_closed().await;
}

#[tokio::test]
async fn connections_at_once_are_bounded_per_origin_and_in_all() {
    let slow = |_: &str| {
        let mut steps = vec![Step::Pause(Duration::from_millis(30))];
        steps.extend(ok(b"x"));
        steps
    };
    let (one, two) = (Origin::start(slow).await, Origin::start(slow).await);
    let settings = FetchSettings { per_origin_max: 4, concurrent_max: 6, ..quick_settings() };
    let fetcher = Arc::new(Fetcher::new(settings));
    let mut fetches = tokio::task::JoinSet::new();
    for n in 0..60 {
        let url = if n % 2 == 0 { one.url("/") } else { two.url("/") };
        let fetcher = Arc::clone(&fetcher);
        fetches.spawn(async move { fetcher.fetch(&url, 10).await.map(|fetched| fetched.bytes) });
    }
    while let Some(fetched) = fetches.join_next().await {
        assert_eq!(fetched.unwrap().unwrap(), b"x");
    }
    for origin in [&one, &two] {
        assert_eq!(origin.requests().len(), 30);
        assert!((2..=4).contains(&origin.open_peak()), "{}", origin.open_peak());
    }
    assert!(one.open_peak() + two.open_peak() <= 8);
}

#[tokio::test]
async fn a_dropped_fetch_closes_its_connection_and_frees_its_slot() {
    let origin = Origin::start(|path| match path {
        "/silent" => vec![Step::Pause(Duration::from_secs(30))],
        _ => ok(b"x"),
    })
    .await;
    let settings = FetchSettings {
        per_origin_max: 1,
        concurrent_max: 1,
        header_timeout_ms: 30_000,
        ..quick_settings()
    };
    let fetcher = Arc::new(Fetcher::new(settings));
    let (shared, url) = (Arc::clone(&fetcher), origin.url("/silent"));
    let stuck = tokio::spawn(async move { shared.fetch(&url, 10).await });
    eventually(|| async { origin.requests().len() == 1 }).await;
    stuck.abort();
    assert_eq!(fetcher.fetch(&origin.url("/"), 10).await.unwrap().bytes, b"x");
    origin.all_closed().await;
}

#[tokio::test]
async fn a_redirect_frees_the_slot_of_its_hop() {
    let origin = Origin::start(|path| match path {
        "/end" => ok(b"x"),
        _ => head("302 Found", &["Location: /end"]),
    })
    .await;
    let settings = FetchSettings { per_origin_max: 1, concurrent_max: 1, ..quick_settings() };
    assert_eq!(fetch(settings, &origin.url("/")).await.unwrap().bytes, b"x");
}
