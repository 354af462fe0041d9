//! The device that sends a request: its `User-Agent`, by which users recognize a session, and its address.

mod forwarded;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub use forwarded::{Forwarding, NotANetwork, TrustedProxies};

/// Maximum bytes of the columns that describe a device.
const LENGTH_MAX: usize = 255;

/// Prefix length of an IPv6 network, all addresses of which have one owner.
const IPV6_PREFIX: u32 = 64;

/// Prefix lengths of the networks that tell devices apart: a device changes its address within them.
const DEVICE_PREFIXES: (u32, u32) = (24, 48);

/// The device that sends a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    user_agent: String,
    address: Option<IpAddr>,
}

impl Device {
    /// A device with the header `User-Agent` and an address.
    pub fn new(user_agent: &[u8], address: Option<IpAddr>) -> Self {
        Self {
            user_agent: printable(&String::from_utf8_lossy(user_agent)),
            address: address.map(|address| address.to_canonical()),
        }
    }

    /// The `User-Agent`, cut to 255 bytes, without control characters.
    pub fn user_agent(&self) -> &str {
        &self.user_agent
    }

    /// The address, if the request came by IP.
    pub const fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// The address as text; empty when there is none.
    pub fn address_text(&self) -> String {
        let text = self.address.map(|address| address.to_string());
        text.unwrap_or_default()
    }

    /// The addresses of one owner: an IPv4 address, or the /64 network of an IPv6 address.
    pub fn network(&self) -> Option<IpAddr> {
        self.address.map(network_of_owner)
    }

    /// The text that is equal for two requests of the same device: the `User-Agent`, and the IPv4 /24 or
    /// IPv6 /48 network.
    pub fn identity(&self) -> String {
        let (ipv4, ipv6) = DEVICE_PREFIXES;
        let network = self.address.map(|address| network_of(address, ipv4, ipv6));
        let network = network.map(|network| network.to_string());
        // No `User-Agent` contains a line end, see `printable`.
        format!("{}\n{}", self.user_agent, network.unwrap_or_default())
    }
}

/// An IPv4 address, or the first address of the /64 network of an IPv6 address: all have one owner.
pub fn network_of_owner(address: IpAddr) -> IpAddr {
    network_of(address, u32::BITS, IPV6_PREFIX)
}

/// The first address of the network with this prefix length, for IPv4 and IPv6.
fn network_of(address: IpAddr, ipv4: u32, ipv6: u32) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            Ipv4Addr::from_bits(address.to_bits() & (u32::MAX << (u32::BITS - ipv4))).into()
        }
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << (u128::BITS - ipv6))).into()
        }
    }
}

/// Untrusted text, cut to 255 bytes, with control characters replaced: line ends, terminal codes, and
/// characters that change the writing direction.
pub fn printable(text: &str) -> String {
    printable_within(text, LENGTH_MAX)
}

/// The same, cut to `length` bytes.
pub fn printable_within(text: &str, length: usize) -> String {
    // Each character has at least one byte.
    let replaced: String = text
        .chars()
        .take(length)
        .map(|letter| match letter {
            '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}' => char::REPLACEMENT_CHARACTER,
            _ if letter.is_control() => char::REPLACEMENT_CHARACTER,
            _ => letter,
        })
        .collect();
    let end = replaced.floor_char_boundary(length);
    replaced.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_replaced() {
        let device = Device::new(b"a\r\nb\tc\x1b[31m \xc2\x9b d\xe2\x80\xae\xff", None);
        assert_eq!(
            device.user_agent(),
            "a\u{fffd}\u{fffd}b\u{fffd}c\u{fffd}[31m \u{fffd} d\u{fffd}\u{fffd}"
        );
        assert_eq!(printable("Möbius 日本/1.0"), "Möbius 日本/1.0");
    }

    #[test]
    fn a_user_agent_is_cut_between_characters() {
        assert_eq!(printable(&"é".repeat(200)).len(), 254);
        assert_eq!(printable(&"\n".repeat(200)).len(), 255);
    }

    #[test]
    fn the_network_of_ipv6_is_64_bits_and_a_mapped_address_is_ipv4() {
        let network = |text: &str| Device::new(b"", text.parse().ok()).network();
        assert_eq!(
            network("2001:db8:1:2:3:4:5:6"),
            "2001:db8:1:2::".parse().ok()
        );
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:f::"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("192.0.2.1"), "192.0.2.1".parse().ok());
        assert_eq!(network("::ffff:192.0.2.1"), "192.0.2.1".parse().ok());
        assert_eq!(network("none"), None);
    }

    #[test]
    fn a_device_is_a_user_agent_in_an_ipv4_24_or_ipv6_48_network() {
        let identity = |address: &str| Device::new(b"a", address.parse().ok()).identity();
        assert_eq!(identity("192.0.2.1"), identity("192.0.2.255"));
        assert_ne!(identity("192.0.2.1"), identity("192.0.3.1"));
        assert_eq!(identity("2001:db8:1::1"), identity("2001:db8:1:ffff::2"));
        assert_ne!(identity("2001:db8:1::1"), identity("2001:db8:2::1"));
        assert_eq!(identity("::ffff:192.0.2.1"), identity("192.0.2.9"));
        let other = Device::new(b"b", "192.0.2.1".parse().ok()).identity();
        assert_ne!(identity("192.0.2.1"), other);
        assert_ne!(Device::default().identity(), identity("none"));
    }
}
