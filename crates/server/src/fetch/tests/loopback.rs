//! Requests, redirects and the wording of failures, against scripted origins.

use std::time::{Duration, Instant};

use super::super::{FetchSettings, Fetcher};
use super::origin::{Origin, Step, head, ok};
use super::{fetch, quick_settings};

#[tokio::test]
async fn a_plain_file_comes_with_its_name_and_a_fixed_request() {
    let origin = Origin::start(|_| ok(b"picture")).await;
    let fetched =
        fetch(quick_settings(), &origin.url("/a/my%20cat.png?token=1#frag")).await.unwrap();
    assert_eq!(fetched.bytes, b"picture");
    assert_eq!(fetched.filename.as_deref(), Some("my cat.png"));
    let expected = format!(
        "GET /a/my%20cat.png?token=1 HTTP/1.1\r\nhost: 127.0.0.1:{}\r\nuser-agent: onespace/{}\r\n\
         accept: */*\r\naccept-encoding: identity\r\nconnection: close\r\n\r\n",
        origin.port,
        env!("CARGO_PKG_VERSION"),
    );
    assert_eq!(origin.requests(), [expected]);
}

#[tokio::test]
async fn three_redirects_of_every_kind_are_followed_and_no_fourth() {
    let origin = Origin::start(|path| match path {
        "/1" => head("301 Moved", &["Location: 2"]),
        "/2" => head("307 Temporary", &["Location: /3?x"]),
        "/3?x" => head("308 Permanent", &["Location: //127.0.0.1:PORT/end.png"]),
        "/0" => head("303 See Other", &["Location: /1"]),
        _ => ok(b"end"),
    });
    let origin = origin.await;
    // The script can't know the port: the third hop ends on port 0 and is refused ...
    assert!(fetch(quick_settings(), &origin.url("/1")).await.is_err());
    assert_eq!(origin.requests().len(), 3);

    let port = origin.port;
    let second = Origin::start(move |path| match path {
        "/0" => head("303 See Other", &["Location: /1"]),
        "/1" => head("301 Moved", &["Location: 2"]),
        "/2" => head("302 Found", &[&format!("Location: http://127.0.0.1:{port}/end.png")]),
        "/3" => head("302 Found", &[&format!("Location: //127.0.0.1:{port}/end.png")]),
        "/00" => head("302 Found", &["Location: /0"]),
        _ => head("302 Found", &["Location: /loop"]),
    })
    .await;
    for path in ["/0", "/3"] {
        let fetched = fetch(quick_settings(), &second.url(path)).await.unwrap();
        assert_eq!(fetched.bytes, b"end");
        assert_eq!(fetched.filename.as_deref(), Some(&path[1..]), "named by the URL asked for");
    }
    let before = second.requests().len();
    assert!(fetch(quick_settings(), &second.url("/00")).await.is_err());
    assert_eq!(second.requests().len() - before, 4);
    let before = second.requests().len();
    assert!(fetch(quick_settings(), &second.url("/loop")).await.is_err());
    assert_eq!(second.requests().len() - before, 4);
}

#[tokio::test]
async fn a_redirect_is_judged_like_a_url_of_the_client() {
    let canary = Origin::start(|_| ok(b"secret")).await;
    let locations = [
        "http://169.254.169.254/".to_owned(),
        format!("http://[::ffff:a9fe:a9fe]:{}/", canary.port),
        format!("http://[::1]:{}/", canary.port),
        format!("http://user@127.0.0.1:{}/", canary.port),
        format!("//user@127.0.0.1:{}/", canary.port),
        format!("http:127.0.0.1:{}/", canary.port),
        format!("http:\\\\127.0.0.1:{}/", canary.port),
        format!("\\\\127.0.0.1:{}/", canary.port),
        format!("/\\127.0.0.1:{}/", canary.port),
        format!("http://%31%32%37.0.0.1:{}/", canary.port),
        format!("//%31%32%37.0.0.1:{}/", canary.port),
        "file:///etc/passwd".to_owned(),
        "data:image/png;base64,aGk=".to_owned(),
        "http://93.184.216.34:22/".to_owned(),
        "/a b".to_owned(),
        "/\u{e9}".to_owned(),
        String::new(),
        format!("/{}", "x".repeat(3_000)),
    ];
    for location in locations {
        let line = format!("Location: {location}");
        let origin = Origin::start(move |path| match path {
            "/start" => head("302 Found", &[&line]),
            _ => ok(b"followed"),
        })
        .await;
        let outcome = fetch(quick_settings(), &origin.url("/start")).await;
        assert!(outcome.is_err(), "{location}");
        assert_eq!(origin.requests().len(), 1, "{location}");
    }
    assert_eq!(canary.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn only_a_200_counts_and_only_one_location() {
    let origin = Origin::start(|path| match path {
        "/two" => head("302 Found", &["Location: /x", "Location: /y"]),
        "/none" => head("302 Found", &[]),
        "/refresh" => head("204 No Content", &["Refresh: 0; url=/x"]),
        status => head(&format!("{} Status", &status[1..]), &["Location: /x"]),
    })
    .await;
    for path in ["/two", "/none", "/refresh", "/201", "/204", "/206", "/300", "/304", "/401"] {
        assert!(fetch(quick_settings(), &origin.url(path)).await.is_err(), "{path}");
    }
    for path in ["/403", "/404", "/429", "/500", "/503", "/999"] {
        assert!(fetch(quick_settings(), &origin.url(path)).await.is_err(), "{path}");
    }
    assert!(origin.requests().iter().all(|request| !request.starts_with("GET /x")));
}

#[tokio::test]
async fn names_of_the_host_resolve_only_where_their_range_is_opened() {
    let origin = Origin::start(|_| ok(b"local")).await;
    let url = format!("http://localhost:{}/", origin.port);
    let mut opened = quick_settings();
    opened.allow_private.push("::1/128".parse().unwrap());
    assert_eq!(fetch(opened, &url).await.unwrap().bytes, b"local");
    assert!(fetch(FetchSettings::default(), &url).await.is_err());
    let mut own = quick_settings();
    own.own_listeners.push(([127, 0, 0, 1], origin.port).into());
    assert!(fetch(own, &origin.url("/")).await.is_err());
    assert_eq!(origin.requests().len(), 1);
}

#[tokio::test]
async fn all_failures_read_alike_and_keep_the_query_to_themselves() {
    let origin = Origin::start(|path| match path.split('?').next() {
        Some("/silent") => vec![Step::Pause(Duration::from_secs(5))],
        Some("/500") => head("500 No", &[]),
        Some("/junk") => vec![Step::Send(b"SSH-2.0-OpenSSH\r\n".to_vec())],
        _ => head("302 Found", &["Location: ftp://x/?SECRET"]),
    })
    .await;
    let closed_port = {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        socket.local_addr().unwrap().port()
    };
    let fetcher = Fetcher::new(quick_settings());
    let mut said = Vec::new();
    for url in [
        origin.url("/silent?SECRET"),
        origin.url("/500?SECRET"),
        origin.url("/junk?SECRET"),
        origin.url("/redirect?SECRET"),
        format!("http://127.0.0.1:{closed_port}/?SECRET"),
        "http://10.0.0.5/?SECRET".to_owned(),
        "http://db/\\?SECRET".to_owned(),
        "http://no-such-name.invalid/?SECRET".to_owned(),
    ] {
        let error = fetcher.fetch(&url, 1_000).await.expect_err(&url);
        assert!(!error.detail().contains("SECRET"), "{}", error.detail());
        assert!(!error.detail().is_empty());
        assert!(!error.is_too_large());
        said.push(error.to_string());
    }
    assert!(said.iter().all(|text| *text == said[0]), "{said:?}");
}

#[tokio::test]
async fn a_failure_arrives_at_a_whole_step_and_a_success_at_once() {
    let origin = Origin::start(|path| match path {
        "/500" => head("500 No", &[]),
        _ => ok(b"x"),
    })
    .await;
    let settings = FetchSettings { failure_step_ms: 2_000, ..quick_settings() };
    let started = Instant::now();
    assert!(fetch(settings.clone(), &origin.url("/500")).await.is_err());
    assert!(started.elapsed() >= Duration::from_millis(2_000));
    let started = Instant::now();
    fetch(settings, &origin.url("/")).await.unwrap();
    assert!(started.elapsed() < Duration::from_millis(2_000));
}

#[tokio::test]
async fn switched_off_means_no_socket() {
    let origin = Origin::start(|_| ok(b"x")).await;
    let off = FetchSettings { enabled: false, ..quick_settings() };
    let fetcher = Fetcher::new(off);
    let error = fetcher.fetch(&origin.url("/"), 1_000).await.unwrap_err();
    assert!(error.to_string().contains("does not fetch URLs"), "{error}");
    assert!(fetcher.check_syntax("http://93.184.216.34/").is_err());
    assert_eq!(origin.requests(), Vec::<String>::new());
}
