//! Which addresses may be dialled: global unicast, and what the operator opened.
//!
//! Judged is the address that will be dialled, after an IPv4 address that travels inside an IPv6
//! one was taken out. All answers of a name must pass: a name with one public and one private
//! address is an attack or a mistake, and either way not a file on the Internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use super::url_rules::Target;
use super::{Cidr, FetchError, FetchSettings};

/// IPv4 ranges that are not the public Internet: the special-purpose registry of IANA, multicast,
/// class E, and addresses that answer for the cloud host under a public number.
const REFUSED_V4: [(Cidr, &str); 18] = [
    (v4(0, 0, 0, 0, 8), "this network"),
    (v4(10, 0, 0, 0, 8), "private"),
    (v4(100, 64, 0, 0, 10), "carrier-grade NAT (and Alibaba's metadata)"),
    (v4(127, 0, 0, 0, 8), "loopback"),
    (v4(168, 63, 129, 16, 32), "Azure's wire server"),
    (v4(169, 254, 0, 0, 16), "link-local (and cloud metadata)"),
    (v4(172, 16, 0, 0, 12), "private"),
    (v4(192, 0, 0, 0, 24), "protocol assignments (and Oracle's metadata)"),
    (v4(192, 0, 2, 0, 24), "documentation"),
    (v4(192, 88, 99, 0, 24), "6to4 relay"),
    (v4(192, 168, 0, 0, 16), "private"),
    (v4(198, 18, 0, 0, 15), "benchmarks"),
    (v4(198, 51, 100, 0, 24), "documentation"),
    (v4(203, 0, 113, 0, 24), "documentation"),
    (v4(224, 0, 0, 0, 4), "multicast"),
    (v4(233, 252, 0, 0, 24), "documentation"),
    (v4(240, 0, 0, 0, 4), "reserved"),
    (v4(255, 255, 255, 255, 32), "broadcast"),
];

/// All of IPv6 that is given out for the public Internet ...
const GLOBAL_V6: Cidr = v6(0x2000, 0, 0, 3);
/// ... but for these.
const REFUSED_V6: [(Cidr, &str); 5] = [
    (v6(0x2001, 0, 0, 23), "protocol assignments (Teredo, ORCHID)"),
    (v6(0x2001, 0x0db8, 0, 32), "documentation"),
    (v6(0x2002, 0, 0, 16), "6to4"),
    (v6(0x3fff, 0, 0, 20), "documentation"),
    (v6(0x3ffe, 0, 0, 16), "6bone"),
];
/// The well-known prefix by which IPv6-only networks reach IPv4 (RFC 6052).
const NAT64: Cidr = v6(0x0064, 0xff9b, 0, 96);

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix_bits: u8) -> Cidr {
    Cidr::v4(Ipv4Addr::new(a, b, c, d), prefix_bits)
}

const fn v6(a: u16, b: u16, c: u16, prefix_bits: u8) -> Cidr {
    Cidr::v6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix_bits)
}

/// What an address is to the fetcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Public,
    Opened,
    Refused(&'static str),
}

/// The decision which addresses may be dialled. Pure but for one case: an own listener on an
/// unspecified address asks the kernel which addresses are local.
#[derive(Debug)]
pub(super) struct AddressPolicy {
    opened: Vec<Cidr>,
    own_listeners: Vec<SocketAddr>,
    answers_max: usize,
}

impl AddressPolicy {
    /// The policy that `settings` ask for.
    pub(super) fn new(settings: &FetchSettings) -> Self {
        Self {
            opened: settings.allow_private.clone(),
            own_listeners: settings.own_listeners.clone(),
            answers_max: settings.dns_answers_max,
        }
    }

    /// Whether the operator opened any range.
    pub(super) fn opens_ranges(&self) -> bool {
        !self.opened.is_empty()
    }

    /// The addresses to dial for `target`, given all `answers` of its lookup (or its literal).
    /// Either all answers are public and the URL keeps the public rules, or all lie in opened
    /// ranges; anything else is refused whole.
    ///
    /// # Errors
    /// Says which kind of address was met.
    pub(super) fn vet(
        &self,
        target: &Target,
        answers: &[IpAddr],
    ) -> Result<Vec<SocketAddr>, FetchError> {
        if answers.is_empty() || answers.len() > self.answers_max {
            return Err(FetchError::failed(format!("name with {} addresses", answers.len())));
        }
        let mut dialable = Vec::with_capacity(answers.len());
        let mut opened = 0;
        for answer in answers {
            let address = answer.to_canonical();
            match self.reach(address) {
                Reach::Refused(kind) => {
                    return Err(FetchError::failed(format!("address {answer}: {kind}")));
                }
                Reach::Opened => opened += 1,
                Reach::Public => {}
            }
            let address = SocketAddr::new(address, target.port());
            if self.is_own_listener(address) {
                return Err(FetchError::failed("address of this server itself"));
            }
            dialable.push(address);
        }
        match target.opened_only() {
            _ if opened == answers.len() => Ok(dialable),
            _ if opened > 0 => Err(FetchError::failed("public and opened addresses mixed")),
            Some(rule) => Err(FetchError::failed(rule)),
            None => Ok(dialable),
        }
    }

    fn reach(&self, address: IpAddr) -> Reach {
        if self.opened.iter().any(|range| range.contains(address)) {
            return Reach::Opened;
        }
        match address {
            IpAddr::V4(_) => public_or_listed(address, &REFUSED_V4),
            IpAddr::V6(v6) if NAT64.contains(address) => {
                let [.., a, b, c, d] = v6.octets();
                public_or_listed(Ipv4Addr::new(a, b, c, d).into(), &REFUSED_V4)
            }
            // Compatible (::/96), SIIT (::ffff:0:0:0/96), local NAT64 (64:ff9b:1::/48), unique
            // local, link-local, site-local, multicast: all outside 2000::/3.
            IpAddr::V6(_) if !GLOBAL_V6.contains(address) => Reach::Refused("not global IPv6"),
            IpAddr::V6(_) => public_or_listed(address, &REFUSED_V6),
        }
    }

    fn is_own_listener(&self, address: SocketAddr) -> bool {
        self.own_listeners.iter().any(|listener| {
            listener.port() == address.port()
                && (listener.ip() == address.ip()
                    || listener.ip().is_unspecified() && is_local(address.ip()))
        })
    }
}

fn public_or_listed(address: IpAddr, refused: &[(Cidr, &'static str)]) -> Reach {
    match refused.iter().find(|(range, _)| range.contains(address)) {
        Some((_, kind)) => Reach::Refused(kind),
        None => Reach::Public,
    }
}

/// Whether the address belongs to this host: only then can a socket be bound to it. Sends nothing.
fn is_local(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}
