//! Address ranges as operators write them: `10.1.0.0/16`, `fd00:1::/32`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A range of IPv4 or IPv6 addresses. An IPv4 range never holds an IPv6 address and the reverse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    network: IpAddr,
    prefix_bits: u8,
}

/// Why a text is not a [`Cidr`]. `Display` says what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CidrError {
    /// The part before the slash is no address.
    #[error("`{0}` is not an address range: write one like 10.1.0.0/16 or fd00:1::/32")]
    NotARange(String),
    /// The part after the slash is no length, or too long for the address family.
    #[error("`{text}`: the length after the slash must be a number from 0 to {bits_max}")]
    Length {
        /// The text as given.
        text: String,
        /// Bits of an address of that family.
        bits_max: u8,
    },
    /// Bits after the prefix are set.
    #[error("`{text}` has bits set after its prefix: did you mean {meant}?")]
    HostBits {
        /// The text as given.
        text: String,
        /// The range that holds the address given.
        meant: Cidr,
    },
    /// An IPv4 range in IPv6 clothes would never match: addresses are compared unmapped.
    #[error("`{0}` is an IPv4-mapped range: write the IPv4 range itself")]
    Mapped(String),
}

impl Cidr {
    /// The range of all addresses that share the first `prefix_bits` bits with `address`.
    pub(super) const fn v4(address: Ipv4Addr, prefix_bits: u8) -> Self {
        Self { network: IpAddr::V4(address), prefix_bits }
    }

    /// As [`Cidr::v4`], for IPv6.
    pub(super) const fn v6(address: Ipv6Addr, prefix_bits: u8) -> Self {
        Self { network: IpAddr::V6(address), prefix_bits }
    }

    /// Whether `address` lies in the range.
    pub fn contains(&self, address: IpAddr) -> bool {
        masked(address, self.prefix_bits) == masked(self.network, self.prefix_bits)
    }
}

/// The address with all bits after the prefix cleared.
fn masked(address: IpAddr, prefix_bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix_bits.min(32))).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix_bits.min(128))).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
        }
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    /// Reads `ADDRESS/BITS`; an address alone is the range of that one address.
    fn from_str(text: &str) -> Result<Self, CidrError> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| CidrError::NotARange(text.to_owned()))?;
        let bits_max = if address.is_ipv4() { 32 } else { 128 };
        let prefix_bits = match length {
            None => bits_max,
            Some(length) => length
                .parse()
                .ok()
                .filter(|bits| *bits <= bits_max && !length.starts_with('+'))
                .ok_or_else(|| CidrError::Length { text: text.to_owned(), bits_max })?,
        };
        if address.to_canonical() != address {
            return Err(CidrError::Mapped(text.to_owned()));
        }
        let network = masked(address, prefix_bits);
        let cidr = Self { network, prefix_bits };
        if network == address {
            Ok(cidr)
        } else {
            Err(CidrError::HostBits { text: text.to_owned(), meant: cidr })
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix_bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn reads_ranges_and_finds_their_edges() {
        for (range, inside, outside) in [
            ("10.1.0.0/16", ["10.1.0.0", "10.1.255.255"], ["10.0.255.255", "10.2.0.0"]),
            ("192.168.1.7", ["192.168.1.7", "192.168.1.7"], ["192.168.1.6", "192.168.1.8"]),
            ("10.0.0.4/30", ["10.0.0.4", "10.0.0.7"], ["10.0.0.3", "10.0.0.8"]),
            ("fd00:1::/32", ["fd00:1::", "fd00:1:ffff::1"], ["fd00:2::", "fd00::1"]),
            ("::1", ["::1", "::1"], ["::", "::2"]),
            ("0.0.0.0/0", ["0.0.0.0", "255.255.255.255"], ["::", "::1"]),
            ("::/0", ["::", "fd00::1"], ["0.0.0.0", "10.0.0.1"]),
        ] {
            let cidr: Cidr = range.parse().unwrap();
            for address in inside {
                assert!(cidr.contains(ip(address)), "{range} must hold {address}");
            }
            for address in outside {
                assert!(!cidr.contains(ip(address)), "{range} must not hold {address}");
            }
            assert_eq!(cidr.to_string().parse::<Cidr>().unwrap(), cidr);
        }
    }

    #[test]
    fn a_wrong_range_says_what_to_write() {
        for (text, says) in [
            ("", "10.1.0.0/16"),
            ("intranet", "not an address range"),
            ("10.1.0.0/33", "from 0 to 32"),
            ("10.1.0.0/", "from 0 to 32"),
            ("10.1.0.0/+8", "from 0 to 32"),
            ("10.1.0.0/-1", "from 0 to 32"),
            ("fd00::/129", "from 0 to 128"),
            ("10.1.2.3/16", "did you mean 10.1.0.0/16?"),
            ("fd00::1/64", "did you mean fd00::/64?"),
            ("010.1.0.0/16", "not an address range"),
            ("10.1/16", "not an address range"),
            ("::ffff:10.0.0.0/104", "write the IPv4 range"),
        ] {
            let error = text.parse::<Cidr>().expect_err(text).to_string();
            assert!(error.contains(says), "{text:?} says {error:?}");
        }
    }
}
