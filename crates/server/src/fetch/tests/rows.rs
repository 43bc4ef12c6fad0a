//! Table of URLs and what must become of them before anything is dialled. All rows run; all that
//! fail are reported together.

use std::net::IpAddr;

use super::super::{FetchSettings, Fetcher};
use super::{Decision, decide};

/// Refused by syntax: no DNS, no socket.
const SYNTAX: &[&str] = &[
    "file:///etc/passwd",
    "ftp://93.184.216.34/x.png",
    "gopher://127.0.0.1:6379/_INFO",
    "data:image/png;base64,iVBORw0KGgo=",
    "javascript:alert(1)",
    "ws://93.184.216.34/",
    "//127.0.0.1/x",
    "/x",
    "x",
    "",
    " ",
    " http://93.184.216.34/",
    "http://93.184.216.34/ ",
    "http:127.0.0.1/x",
    "http:/127.0.0.1/x",
    "http:///127.0.0.1/x",
    "http://",
    "http:///",
    "http://?x",
    "http://#x",
    "http://:80/",
    "http://user:pw@93.184.216.34/",
    "http://user@93.184.216.34/",
    "http://@93.184.216.34/",
    "http://:@93.184.216.34/",
    "http://93.184.216.34:22/",
    "http://93.184.216.34:25/",
    "http://93.184.216.34:6379/",
    "http://93.184.216.34:0/",
    "http://93.184.216.34:65536/",
    "http://93.184.216.34:x/",
    "http://%30%78%63%30%2e%30%32%35%30.01/",
    "http://%31%32%37.0.0.1/",
    "http://０Ｘｃ０．０２５０．０１/",
    "http://127。0。0。1/",
    "http://①②⑦.0.0.1/",
    "http://ⓔⓧⓐⓜⓟⓛⓔ.com/",
    "http://[fe80::1%25eth0]/",
    "http://[fe80::1%eth0]/",
    "http://[::1/",
    "http://::1/",
    "http://[1.2.3.4]/",
    "http://localhost/",
    "http://LOCALHOST./",
    "http://a.localhost/",
    "http://localhost.localdomain/",
    "http://metadata.google.internal/",
    "http://x.internal/",
    "http://printer.local/",
    "http://router.home.arpa/",
    "http://db/",
    "http://minio:9000/",
    "http://com./",
    "http://a..b.com/",
    "http://.example.com/",
    "http://256.256.256.256/",
    "http://1.2.3.4.5/",
    "http://foo.0x7f/",
    "http://4294967296/",
    "http://a_very-long-label-of-more-than-sixty-three-characters-is-not-a-dns-name.com/",
    "http://93.184.216.34\\@127.0.0.1/",
    "http://127.0.0.1\\@93.184.216.34/",
    "http:\\\\93.184.216.34/",
    "http://93.184.216.34/a\\b",
    "http://127.0.0.1:80@93.184.216.34/",
    "http://93.184\t.216.34/",
    "ht\ntp://93.184.216.34/",
    "http://93.184.216.34/\r\nX: y",
    "\u{1}http://93.184.216.34/",
    "http://93.184.216.34/\u{7f}",
    "http://93.184.216.34/\u{e9}",
    "http://ex\u{ad}ample.com/",
    "http://exa mple.com/",
    "http://example.com,evil/",
    "http://ex'ample.com/",
    "http://ex$ample.com/",
];

/// Literals that are refused by address.
const ADDRESS: &[&str] = &[
    "http://127.0.0.1/",
    "HTTP://127.0.0.1/",
    "https://127.0.0.1/",
    "http://127.1/",
    "http://127.0.1/",
    "http://2130706433/",
    "http://017700000001/",
    "http://0x7f000001/",
    "http://0x7f.1/",
    "http://0177.0.0.1/",
    "http://192.0x00A80001/",
    "http://0/",
    "http://0.0.0.0/",
    "https://0x.0x.0/",
    "http://256/",
    "http://127.0.0.1./",
    "http://127.255.255.254/",
    "http://10.0.0.5/",
    "http://10.255.255.255/",
    "http://172.16.0.1/",
    "http://172.31.255.255/",
    "http://192.168.1.1/",
    "http://100.64.0.1/",
    "http://100.127.255.255/",
    "http://100.100.100.200/",
    "http://169.254.169.254/latest/meta-data/",
    "http://169.254.170.2/",
    "http://192.0.0.192/",
    "http://192.0.0.170/",
    "http://168.63.129.16/",
    "http://192.0.2.1/",
    "http://198.51.100.1/",
    "http://203.0.113.1/",
    "http://198.18.0.1/",
    "http://198.19.255.255/",
    "http://192.88.99.1/",
    "http://224.0.0.1/",
    "http://239.255.255.250/",
    "http://240.0.0.1/",
    "http://255.255.255.255/",
    "http://[::1]/",
    "http://[::]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[::ffff:10.0.0.5]/",
    "http://[::127.0.0.1]/",
    "http://[::ffff:0:7f00:1]/",
    "http://[::ffff:0:5db8:d822]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b:1::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[2002:5db8:d822::]/",
    "http://[2001::80ff:fffe]/",
    "http://[2001:10::1]/",
    "http://[2001:20::1]/",
    "http://[2001:1ff:ffff::1]/",
    "http://[fe80::1]/",
    "http://[fc00::1]/",
    "http://[fd00:ec2::254]/",
    "http://[fec0::1]/",
    "http://[ff02::1]/",
    "http://[2001:db8::1]/",
    "http://[3fff::1]/",
    "http://[100::1]/",
    "http://[5f00::1]/",
    "http://[4000::1]/",
    "http://[1fff::1]/",
];

/// URLs that may be dialled, and where.
const DIALLED: &[(&str, &str)] = &[
    ("http://93.184.216.34/", "93.184.216.34:80"),
    ("http://93.184.216.34", "93.184.216.34:80"),
    ("http://93.184.216.34?x", "93.184.216.34:80"),
    ("http://93.184.216.34:/", "93.184.216.34:80"),
    ("http://93.184.216.34:80", "93.184.216.34:80"),
    ("http://93.184.216.34:443", "93.184.216.34:443"),
    ("http://93.184.216.34:8080", "93.184.216.34:8080"),
    ("http://93.184.216.34:8443", "93.184.216.34:8443"),
    ("hTTps://93.184.216.34/", "93.184.216.34:443"),
    ("http://1572395042/", "93.184.216.34:80"),
    ("http://93.184.216.34#@127.0.0.1/", "93.184.216.34:80"),
    ("http://93.184.216.34?@127.0.0.1/", "93.184.216.34:80"),
    ("http://93.184.216.34/@127.0.0.1/", "93.184.216.34:80"),
    ("http://93.184.216.34/%0d%0aX-Api-Key:1", "93.184.216.34:80"),
    ("http://[::ffff:93.184.216.34]/", "93.184.216.34:80"),
    ("http://[64:ff9b::5db8:d822]/", "[64:ff9b::5db8:d822]:80"),
    ("http://[2606:2800:220:1::1]/", "[2606:2800:220:1::1]:80"),
    ("http://172.15.255.255/", "172.15.255.255:80"),
    ("http://172.32.0.0/", "172.32.0.0:80"),
    ("http://100.128.0.0/", "100.128.0.0:80"),
    ("http://168.63.129.17/", "168.63.129.17:80"),
    ("http://198.20.0.0/", "198.20.0.0:80"),
    ("http://223.255.255.255/", "223.255.255.255:80"),
    ("http://[2001:200::1]/", "[2001:200::1]:80"),
];

/// Names with what DNS says, and what would be dialled (nothing: refused by address).
const NAMES: &[(&str, &[&str], &[&str])] = &[
    ("http://ok.example.com/", &["93.184.216.34"], &["93.184.216.34:80"]),
    ("http://OK.Example.Com./", &["93.184.216.34"], &["93.184.216.34:80"]),
    ("https://xn--bcher-kva.example/", &["93.184.216.34"], &["93.184.216.34:443"]),
    ("http://notlocalhost.com/", &["93.184.216.34"], &["93.184.216.34:80"]),
    ("http://internal.example.com/", &["93.184.216.34"], &["93.184.216.34:80"]),
    (
        "http://two.example.com/",
        &["93.184.216.34", "2606:2800:220:1::1"],
        &["93.184.216.34:80", "[2606:2800:220:1::1]:80"],
    ),
    ("http://v6.example.com/", &["2606:2800:220:1::1"], &["[2606:2800:220:1::1]:80"]),
    ("http://loop.example.com/", &["127.0.0.1"], &[]),
    ("http://loop6.example.com/", &["::1"], &[]),
    ("http://mixed.example.com/", &["93.184.216.34", "10.0.0.5"], &[]),
    ("http://mixed6.example.com/", &["93.184.216.34", "::ffff:10.0.0.5"], &[]),
    ("http://last.example.com/", &["93.184.216.34", "93.184.216.35", "::1"], &[]),
    ("http://xn--xkry9kk1bz66a.com/", &["192.168.0.1"], &[]),
    ("http://empty.example.com/", &[], &[]),
];

fn addresses(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn dial(texts: &[&str]) -> Decision {
    if texts.is_empty() {
        return Decision::Address;
    }
    Decision::Dial(texts.iter().map(|text| text.parse().unwrap()).collect())
}

#[test]
fn every_row_is_decided_as_the_table_says() {
    let mut rows: Vec<(&str, Vec<IpAddr>, Decision)> = Vec::new();
    rows.extend(SYNTAX.iter().map(|url| (*url, addresses(&["93.184.216.34"]), Decision::Syntax)));
    rows.extend(ADDRESS.iter().map(|url| (*url, vec![], Decision::Address)));
    rows.extend(DIALLED.iter().map(|(url, to)| (*url, vec![], dial(&[to]))));
    rows.extend(NAMES.iter().map(|(url, answers, to)| (*url, addresses(answers), dial(to))));
    let long = format!("http://93.184.216.34/{}", "x".repeat(5_000));
    rows.push((&long, vec![], Decision::Syntax));
    let longest = format!("http://93.184.216.34/{}", "x".repeat(2_048 - 21));
    rows.push((&longest, vec![], dial(&["93.184.216.34:80"])));

    let settings = FetchSettings::default();
    let failures: Vec<String> = rows
        .iter()
        .filter_map(|(url, answers, expected)| {
            let decided = decide(&settings, url, answers);
            (decided != *expected).then(|| format!("{url:?}: {decided:?}, expected {expected:?}"))
        })
        .collect();
    assert!(failures.is_empty(), "{} rows:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn refusals_by_string_or_literal_need_no_runtime_and_read_alike() {
    let fetcher = Fetcher::new(FetchSettings::default());
    let said = fetcher.check_syntax("http://127.0.0.1/").unwrap_err().to_string();
    for url in SYNTAX.iter().chain(ADDRESS) {
        let error = fetcher.check_syntax(url).expect_err(url);
        assert_eq!(error.to_string(), said, "{url}");
        assert!(!error.is_too_large());
    }
    for (url, _) in DIALLED {
        fetcher.check_syntax(url).expect(url);
    }
}

#[test]
fn a_thousand_addresses_are_refused() {
    let answers: Vec<IpAddr> =
        (0..1_000u32).map(|n| IpAddr::V4((0x5db8_0000 + n).into())).collect();
    let settings = FetchSettings::default();
    assert_eq!(decide(&settings, "http://many.example.com/", &answers), Decision::Address);
    assert!(matches!(
        decide(&settings, "http://many.example.com/", &answers[..64]),
        Decision::Dial(dialled) if dialled.len() == 64
    ));
}

#[test]
fn an_opened_range_opens_that_range_and_nothing_else() {
    let settings = FetchSettings {
        allow_private: vec!["10.1.0.0/16".parse().unwrap(), "fd12::/32".parse().unwrap()],
        ..FetchSettings::default()
    };
    let rows: &[(&str, &[&str], Decision)] = &[
        ("http://10.1.0.7/", &[], dial(&["10.1.0.7:80"])),
        ("http://10.1.0.7:9000/", &[], dial(&["10.1.0.7:9000"])),
        ("http://[fd12::7]:9000/", &[], dial(&["[fd12::7]:9000"])),
        ("http://[::ffff:10.1.0.7]:9000/", &[], dial(&["10.1.0.7:9000"])),
        ("http://minio:9000/", &["10.1.0.7"], dial(&["10.1.0.7:9000"])),
        ("http://localhost/", &["10.1.0.7"], dial(&["10.1.0.7:80"])),
        ("http://s3.internal/", &["10.1.0.7", "fd12::7"], dial(&["10.1.0.7:80", "[fd12::7]:80"])),
        ("http://ok.example.com/", &["93.184.216.34"], dial(&["93.184.216.34:80"])),
        ("http://10.1.0.7:0/", &[], Decision::Syntax),
        ("http://user@10.1.0.7/", &[], Decision::Syntax),
        ("file://10.1.0.7/x", &[], Decision::Syntax),
        ("http://10.0.0.5/", &[], Decision::Address),
        ("http://10.2.0.0/", &[], Decision::Address),
        ("http://127.0.0.1/", &[], Decision::Address),
        ("http://[::1]/", &[], Decision::Address),
        ("http://localhost/", &["127.0.0.1"], Decision::Address),
        ("http://minio/", &["10.0.0.5"], Decision::Address),
        ("http://minio/", &["10.1.0.7", "10.0.0.5"], Decision::Address),
        ("http://minio/", &["93.184.216.34"], Decision::Address),
        ("http://x.internal/", &["93.184.216.34"], Decision::Address),
        ("http://mixed.example.com/", &["10.1.0.7", "93.184.216.34"], Decision::Address),
        ("http://93.184.216.34:22/", &[], Decision::Address),
        ("http://ok.example.com:9000/", &["93.184.216.34"], Decision::Address),
        ("http://[64:ff9b::10.1.0.7]/", &[], Decision::Address),
        ("http://[::10.1.0.7]/", &[], Decision::Address),
    ];
    let failures: Vec<String> = rows
        .iter()
        .filter_map(|(url, answers, expected)| {
            let decided = decide(&settings, url, &addresses(answers));
            (decided != *expected).then(|| format!("{url:?}: {decided:?}, expected {expected:?}"))
        })
        .collect();
    assert!(failures.is_empty(), "{} rows:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn the_servers_own_listener_is_refused_even_inside_an_opened_range() {
    let with = |listener: &str| FetchSettings {
        allow_private: vec!["127.0.0.0/8".parse().unwrap()],
        own_listeners: vec![listener.parse().unwrap()],
        ..FetchSettings::default()
    };
    let named = |settings: &FetchSettings, port| {
        decide(settings, &format!("http://self.example.com:{port}/"), &addresses(&["127.0.0.1"]))
    };
    assert_eq!(named(&with("127.0.0.1:8080"), 8080), Decision::Address);
    assert_eq!(named(&with("0.0.0.0:8080"), 8080), Decision::Address);
    assert_eq!(named(&with("0.0.0.0:8080"), 8081), dial(&["127.0.0.1:8081"]));
    assert_eq!(named(&with("127.0.0.2:8080"), 8080), dial(&["127.0.0.1:8080"]));
    let public = FetchSettings {
        own_listeners: vec!["93.184.216.34:8080".parse().unwrap()],
        ..FetchSettings::default()
    };
    assert_eq!(decide(&public, "http://93.184.216.34:8080/", &[]), Decision::Address);
    assert_eq!(decide(&public, "http://93.184.216.34/", &[]), dial(&["93.184.216.34:80"]));
}
