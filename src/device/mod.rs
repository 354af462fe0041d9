//! The device that sends a request: its `User-Agent`, by which users recognize a session, and its address.

mod forwarded;

use std::net::{IpAddr, Ipv6Addr};

pub use forwarded::{Forwarding, NotANetwork, TrustedProxies};

/// Maximum bytes of the columns that describe a device.
const LENGTH_MAX: usize = 255;

/// Prefix length of an IPv6 network, all addresses of which have one owner.
const IPV6_PREFIX: u32 = 64;

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
        self.address.map(|address| match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(address) => {
                let mask = u128::MAX << (u128::BITS - IPV6_PREFIX);
                Ipv6Addr::from_bits(address.to_bits() & mask).into()
            }
        })
    }
}

/// Untrusted text, cut to 255 bytes, with control characters replaced: line ends, terminal codes, and
/// characters that change the writing direction.
pub fn printable(text: &str) -> String {
    let replaced: String = text
        .chars()
        .map(|letter| match letter {
            '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}' => char::REPLACEMENT_CHARACTER,
            _ if letter.is_control() => char::REPLACEMENT_CHARACTER,
            _ => letter,
        })
        .collect();
    let end = replaced.floor_char_boundary(LENGTH_MAX);
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
}
