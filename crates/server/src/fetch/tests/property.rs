//! Generated URLs and DNS answers: whatever the string, no address outside the policy is dialled.
//! The oracle asks the standard library about addresses and shares no table with the policy.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::super::FetchSettings;
use super::{Decision, decide};

const SEED: u64 = 0x5eed_0f5e_7c4e_1234;
const URLS_PER_POLICY: usize = 100_000;

/// SplitMix64: enough to spread cases, and the same on every machine.
struct Generator(u64);

impl Generator {
    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.number() % bound as u64) as usize
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    fn v4(&mut self) -> Ipv4Addr {
        const NEAR: [[u8; 4]; 16] = [
            [127, 0, 0, 1],
            [10, 0, 0, 5],
            [10, 1, 0, 7],
            [172, 16, 0, 1],
            [192, 168, 0, 1],
            [169, 254, 169, 254],
            [100, 64, 0, 1],
            [0, 0, 0, 0],
            [192, 0, 0, 192],
            [224, 0, 0, 1],
            [168, 63, 129, 16],
            [198, 18, 0, 1],
            [93, 184, 216, 34],
            [8, 8, 8, 8],
            [1, 1, 1, 1],
            [255, 255, 255, 255],
        ];
        let mut octets = NEAR[self.below(NEAR.len())];
        if self.below(3) == 0 {
            octets[self.below(4)] = self.number() as u8;
        }
        octets.into()
    }

    fn v6(&mut self) -> Ipv6Addr {
        const PREFIXES: [u128; 16] = [
            0,
            0xffff << 32,
            0xffff << 48,
            0x64_ff9b << 96,
            0x64_ff9b_0001 << 80,
            0x2002 << 112,
            0x2001 << 112,
            0x2001_0db8 << 96,
            0xfe80 << 112,
            0xfc00 << 112,
            0xfd12 << 112,
            0xfec0 << 112,
            0xff02 << 112,
            0x2606_2800_0220_0001 << 64,
            0x2a00_1450 << 96,
            0x3fff << 112,
        ];
        let inner = u128::from(self.v4().to_bits());
        let prefix = PREFIXES[self.below(PREFIXES.len())];
        let noise =
            if self.below(4) == 0 { u128::from(self.number()) << self.below(64) } else { 0 };
        Ipv6Addr::from_bits(prefix | (inner << [0, 80, 48][self.below(3)]) | noise)
    }

    fn address(&mut self) -> IpAddr {
        if self.below(2) == 0 { self.v4().into() } else { self.v6().into() }
    }

    fn host(&mut self) -> String {
        let v4 = self.v4();
        let [a, b, c, d] = v4.octets();
        match self.below(12) {
            0 | 1 => v4.to_string(),
            2 => v4.to_bits().to_string(),
            3 => format!("0x{:x}", v4.to_bits()),
            4 => format!("0{a:o}.{b}.0x{c:x}.{d}"),
            5 => format!("{a}.{}", v4.to_bits() & 0x00ff_ffff),
            6 => format!("%{:x}.{b}.{c}.{d}.", b'0' + a % 10),
            7 => format!("[{}]", self.v6()),
            8 => format!("[::ffff:{v4}]"),
            9 => self.pick(&["localhost", "db", "a.internal", "x.local", "LOCALHOST."]).to_owned(),
            _ => self.pick(&["ok.example.com", "a.b.example", "xn--bcher-kva.example"]).to_owned(),
        }
    }

    fn url(&mut self) -> String {
        let scheme = self.pick(&["http://", "http://", "https://", "HTTP://", "http:", "ftp://"]);
        let user = self.pick(&["", "", "", "", "", "", "", "a@", "a:b@", "127.0.0.1:80@", "\\@"]);
        let port = self.pick(&["", "", "", ":80", ":443", ":8080", ":22", ":0", ":9000", ":"]);
        let tail =
            self.pick(&["/", "", "/a.png?b#c", "#@127.0.0.1/", "?@10.0.0.5", "\\@10.0.0.5/"]);
        let mut url = format!("{scheme}{user}{}{port}{tail}", self.host());
        if self.below(5) == 0 {
            let junk = self.pick(&["@", "\\", "%", "\t", "/", ":", "[", "]", ".", "0", "。", "#"]);
            let mut at = self.below(url.len() + 1);
            while !url.is_char_boundary(at) {
                at -= 1;
            }
            url.insert_str(at, junk);
        }
        url
    }
}

/// Whether an address is on the public Internet, from the standard library's predicates and
/// RFC 6890 by hand.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            !(v4.is_loopback()
                || v4.is_private()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_broadcast()
                || v4.is_documentation()
                || a == 0
                || a >= 240
                || (a == 100 && b & 0xc0 == 64)
                || (a == 192 && b == 0 && c == 0)
                || (a == 192 && b == 88 && c == 99)
                || (a == 198 && b & 0xfe == 18)
                || [a, b, c, d] == [168, 63, 129, 16])
        }
        IpAddr::V6(v6) => {
            if let Some(v4) = v6.to_ipv4_mapped() {
                return is_public(v4.into());
            }
            let s = v6.segments();
            if s[..6] == [0x64, 0xff9b, 0, 0, 0, 0] {
                let [.., a, b, c, d] = v6.octets();
                return is_public(IpAddr::from([a, b, c, d]));
            }
            s[0] >> 13 == 1
                && !(s[0] == 0x2001 && (s[1] < 0x200 || s[1] == 0xdb8))
                && s[0] != 0x2002
                && !(s[0] == 0x3fff && s[1] < 0x1000)
        }
    }
}

/// The ranges opened in the second run, as arithmetic.
fn is_opened(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.octets()[..2] == [10, 1],
        IpAddr::V6(v6) => v6.segments()[0] == 0xfd12,
    }
}

fn is_in_policy(dialled: &[SocketAddr], opened: bool) -> bool {
    let public = |to: &SocketAddr| is_public(to.ip()) && [80, 443, 8080, 8443].contains(&to.port());
    dialled.iter().all(public)
        || opened && dialled.iter().all(|to| is_opened(to.ip()) && to.port() != 0)
}

#[test]
fn no_generated_url_is_dialled_outside_the_policy() {
    let closed = FetchSettings::default();
    let opened = FetchSettings {
        allow_private: vec!["10.1.0.0/16".parse().unwrap(), "fd12::/16".parse().unwrap()],
        ..FetchSettings::default()
    };
    let mut generator = Generator(SEED);
    for (settings, is_open) in [(&closed, false), (&opened, true)] {
        let (mut syntax, mut address, mut dialled) = (0, 0, 0);
        for case in 0..URLS_PER_POLICY {
            let url = generator.url();
            let answers: Vec<IpAddr> =
                (0..1 + generator.below(3)).map(|_| generator.address()).collect();
            match decide(settings, &url, &answers) {
                Decision::Syntax => syntax += 1,
                Decision::Address => address += 1,
                Decision::Dial(to) => {
                    dialled += 1;
                    assert!(
                        !to.is_empty() && is_in_policy(&to, is_open),
                        "seed {SEED:#x}, case {case}: {url:?} with {answers:?} dials {to:?}"
                    );
                }
            }
        }
        // The generator must reach all three outcomes, or the run above shows nothing.
        for (outcome, count) in [("syntax", syntax), ("address", address), ("dialled", dialled)] {
            assert!(count > URLS_PER_POLICY / 50, "only {count} cases end in {outcome}");
        }
    }
}
