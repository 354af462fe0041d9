//! `Forwarded` (RFC 7239) and `X-Forwarded-For`, as far as a trusted proxy added them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;

/// The networks of trusted proxies; none by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

/// The headers that proxies have added to a request, each with its values in the order of arrival.
#[derive(Clone, Debug, Default)]
pub struct Forwarding<'a> {
    /// `Forwarded`.
    pub forwarded: Vec<&'a [u8]>,
    /// `X-Forwarded-For`.
    pub x_forwarded_for: Vec<&'a [u8]>,
}

/// Networks such as `10.0.0.0/8` and addresses, separated by white space.
impl FromStr for TrustedProxies {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let network = |word: &str| {
            let network = word.parse::<IpNet>();
            network
                .or_else(|_| word.parse::<IpAddr>().map(IpNet::from))
                .map_err(|_| NotANetwork(word.to_owned()))
        };
        let networks = text.split_whitespace().map(network);
        networks.collect::<Result<_, _>>().map(Self)
    }
}

impl TrustedProxies {
    /// The address of the client of a request that came from `peer`.
    ///
    /// Each proxy appends the address of its own client. So the search goes from the right and stops at
    /// the first address that is not a trusted proxy: that client may have forged the rest. If a header is
    /// malformed or the two headers differ, the result is the peer.
    pub fn client(&self, peer: IpAddr, forwarding: &Forwarding<'_>) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trust(peer) {
            return peer;
        }
        let forwarded = self.walk(peer, &forwarding.forwarded, element);
        let x_forwarded_for = self.walk(peer, &forwarding.x_forwarded_for, node);
        match (forwarded, x_forwarded_for) {
            (Some(one), Some(other)) if one != other => peer,
            (one, other) => one.or(other).unwrap_or(peer),
        }
    }

    fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client's address by one header; `None` without that header.
    fn walk(
        &self,
        peer: IpAddr,
        lines: &[&[u8]],
        read: fn(&str) -> Option<Node>,
    ) -> Option<IpAddr> {
        let mut nearest = peer;
        for line in lines.iter().rev() {
            let Ok(line) = std::str::from_utf8(line) else {
                return Some(peer);
            };
            let hops = from_the_right(line, ',').map(str::trim);
            for hop in hops.filter(|hop| !hop.is_empty()) {
                match read(hop) {
                    Some(Node::Address(address)) if self.trust(address) => nearest = address,
                    Some(Node::Address(address)) => return Some(address),
                    // The nearest known address.
                    Some(Node::Hidden) => return Some(nearest),
                    None => return Some(peer),
                }
            }
        }
        (!lines.is_empty()).then_some(nearest)
    }
}

/// A word that is neither a network nor an address.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a network")]
pub struct NotANetwork(String);

/// A `node` of RFC 7239 §6.
#[derive(Debug, PartialEq, Eq)]
enum Node {
    Address(IpAddr),
    /// "unknown" or an obfuscated identifier.
    Hidden,
}

/// The parts of a list, the last one first. Quotes are matched from the right as well: an unclosed quote
/// that a client sends must not hide the part that the proxy appends.
fn from_the_right(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.rsplit(move |letter| {
        quoted ^= letter == '"';
        letter == separator && !quoted
    })
}

/// A `forwarded-element` of RFC 7239 §4: its `for`, which it may lack.
fn element(text: &str) -> Option<Node> {
    let mut found = None;
    for pair in from_the_right(text, ';').map(str::trim) {
        if pair.is_empty() {
            continue;
        }
        let (name, value) = pair.split_once('=')?;
        if name.eq_ignore_ascii_case("for") && found.replace(value).is_some() {
            return None;
        }
    }
    let Some(value) = found else {
        return Some(Node::Hidden);
    };
    let unquoted = value.strip_prefix('"').map(|rest| rest.strip_suffix('"'));
    node(unquoted.unwrap_or(Some(value))?)
}

/// An address or an identifier, with or without a port; IPv6 in brackets or, in `X-Forwarded-For`,
/// without.
fn node(text: &str) -> Option<Node> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(Node::Address(address.to_canonical()));
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        let address = IpAddr::from(address.parse::<Ipv6Addr>().ok()?);
        return port.then(|| Node::Address(address.to_canonical()));
    }
    let (name, port) = text.split_once(':').unwrap_or((text, "0"));
    if !is_port(port) {
        return None;
    }
    if name.eq_ignore_ascii_case("unknown") || is_obfuscated(name) {
        return Some(Node::Hidden);
    }
    let address = name.parse::<Ipv4Addr>().ok()?;
    Some(Node::Address(address.into()))
}

fn is_port(text: &str) -> bool {
    let digits = (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    digits || is_obfuscated(text)
}

/// `"_" 1*( ALPHA / DIGIT / "." / "_" / "-")`.
fn is_obfuscated(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    text.strip_prefix('_')
        .is_some_and(|name| !name.is_empty() && name.bytes().all(allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXIES: &str = "10.0.0.0/8 2001:db8:ff::/48 192.0.2.1";

    fn client(peer: &str, forwarded: &[&str], x_forwarded_for: &[&str]) -> String {
        let bytes = |lines: &[&'static str]| lines.iter().map(|line| line.as_bytes()).collect();
        let leak = |lines: &[&str]| -> Vec<&'static str> {
            let owned = lines.iter().map(|line| &*line.to_string().leak());
            owned.collect()
        };
        let forwarding = Forwarding {
            forwarded: bytes(&leak(forwarded)),
            x_forwarded_for: bytes(&leak(x_forwarded_for)),
        };
        let proxies = PROXIES.parse::<TrustedProxies>().unwrap();
        let client = proxies.client(peer.parse().unwrap(), &forwarding);
        client.to_string()
    }

    /// Checks the client's address behind the proxy 10.0.0.1.
    #[track_caller]
    fn assert_x_forwarded_for(value: &str, expected: &str) {
        assert_eq!(client("10.0.0.1", &[], &[value]), expected, "{value}");
    }

    #[track_caller]
    fn assert_forwarded(value: &str, expected: &str) {
        assert_eq!(client("10.0.0.1", &[value], &[]), expected, "{value}");
    }

    #[test]
    fn headers_of_an_untrusted_peer_are_ignored() {
        let headers = (&["for=203.0.113.9"][..], &["203.0.113.9"][..]);
        assert_eq!(client("198.51.100.1", headers.0, headers.1), "198.51.100.1");
        assert_eq!(client("192.0.2.2", headers.0, headers.1), "192.0.2.2");
        assert_eq!(client("192.0.2.1", headers.0, headers.1), "203.0.113.9");
        let none = TrustedProxies::default();
        let forwarding = Forwarding {
            x_forwarded_for: vec![b"203.0.113.9"],
            ..Forwarding::default()
        };
        let peer = "127.0.0.1".parse().unwrap();
        assert_eq!(none.client(peer, &forwarding), peer);
    }

    #[test]
    fn the_client_is_the_first_untrusted_address_from_the_right() {
        assert_x_forwarded_for("203.0.113.9", "203.0.113.9");
        assert_x_forwarded_for("1.1.1.1, 203.0.113.9", "203.0.113.9");
        assert_x_forwarded_for("203.0.113.9, 10.2.3.4", "203.0.113.9");
        assert_x_forwarded_for("1.1.1.1,203.0.113.9,10.2.3.4 , 192.0.2.1", "203.0.113.9");
        // All are proxies: the farthest is the client.
        assert_x_forwarded_for("10.9.9.9, 10.2.3.4", "10.9.9.9");
        assert_forwarded("for=1.1.1.1, for=203.0.113.9, for=10.2.3.4", "203.0.113.9");
        let lines = ["1.1.1.1, 203.0.113.9", "10.2.3.4"];
        assert_eq!(client("10.0.0.1", &[], &lines), "203.0.113.9");
        let lines = ["for=1.1.1.1", "for=203.0.113.9;proto=https"];
        assert_eq!(client("10.0.0.1", &lines, &[]), "203.0.113.9");
    }

    /// RFC 7239 §4 and §6, with its examples.
    #[test]
    fn forwarded_is_parsed() {
        for (value, expected) in [
            ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
            ("For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
            ("for=\"[2001:db8:cafe::17]\"", "2001:db8:cafe::17"),
            ("for=192.0.2.43, for=198.51.100.17", "198.51.100.17"),
            ("for=\"192.0.2.43:47011\"", "192.0.2.43"),
            ("for=\"192.0.2.43:_a.b-c\"", "192.0.2.43"),
            ("by=\"a;b,c\" ; FOR=192.0.2.43", "192.0.2.43"),
            ("for=\"[::ffff:192.0.2.43]\"", "192.0.2.43"),
            (", for=192.0.2.43,,", "192.0.2.43"),
        ] {
            assert_forwarded(value, expected);
        }
    }

    #[test]
    fn a_hidden_client_is_replaced_by_the_nearest_known_address() {
        for value in [
            "for=_hidden",
            "for=unknown",
            "for=\"_gazonk\"",
            "proto=https",
        ] {
            assert_forwarded(value, "10.0.0.1");
            assert_forwarded(&format!("{value}, for=10.2.3.4"), "10.2.3.4");
            assert_forwarded(&format!("{value}, for=203.0.113.9"), "203.0.113.9");
        }
        assert_forwarded("for=\"_SEVKISEK:_1\", for=10.2.3.4", "10.2.3.4");
        assert_x_forwarded_for("203.0.113.9, unknown, 10.2.3.4", "10.2.3.4");
    }

    #[test]
    fn x_forwarded_for_may_have_ports_and_brackets() {
        assert_x_forwarded_for("203.0.113.9:4711", "203.0.113.9");
        assert_x_forwarded_for("[2001:db8:cafe::17]:4711", "2001:db8:cafe::17");
        assert_x_forwarded_for("2001:db8:cafe::17", "2001:db8:cafe::17");
        assert_x_forwarded_for("2001:db8:cafe::17, 2001:db8:ff::1", "2001:db8:cafe::17");
        assert_x_forwarded_for("::ffff:203.0.113.9", "203.0.113.9");
    }

    #[test]
    fn a_malformed_header_results_in_the_peer() {
        for value in [
            "name",
            "203.0.113.999",
            "203.0.113.9:port",
            "203.0.113.9:123456",
            "[2001:db8::1",
            "[2001:db8::1]x",
            "[203.0.113.9]",
            "fe80::1%eth0",
            "203.0.113.9, x, 10.2.3.4",
            "203.0.113.9 10.2.3.4",
            "\"203.0.113.9\"",
            "_",
        ] {
            assert_x_forwarded_for(value, "10.0.0.1");
        }
        for value in [
            "203.0.113.9",
            "for=",
            "for=\"203.0.113.9",
            "for=203.0.113.9\"",
            "for=203.0.113.9;for=203.0.113.9",
            "for=\"203.0.113.9\\\"\"",
            "for=2001:db8::x",
            "for = 203.0.113.9",
        ] {
            assert_forwarded(value, "10.0.0.1");
        }
        let not_utf8 = Forwarding {
            x_forwarded_for: vec![b"203.0.113.9, \xff"],
            ..Forwarding::default()
        };
        let peer = "10.0.0.1".parse().unwrap();
        let proxies = PROXIES.parse::<TrustedProxies>().unwrap();
        assert_eq!(proxies.client(peer, &not_utf8), peer);
        assert_x_forwarded_for("", "10.0.0.1");
    }

    #[test]
    fn a_header_from_the_client_does_not_hide_the_part_that_the_proxy_adds() {
        for sent in [
            "for=\"",
            "for=6.6.6.6;by=\"",
            "for=6.6.6.6;by=\"\\",
            "garbage",
            "for=6.6.6.6;x=\"a",
            "\"",
        ] {
            for added in ["for=203.0.113.9", "for=\"203.0.113.9:80\";proto=https"] {
                assert_forwarded(&format!("{sent}, {added}"), "203.0.113.9");
            }
        }
        assert_x_forwarded_for("garbage, 203.0.113.9", "203.0.113.9");
    }

    #[test]
    fn two_headers_that_differ_are_ignored() {
        let both = |forwarded: &str, other: &str| client("10.0.0.1", &[forwarded], &[other]);
        assert_eq!(both("for=203.0.113.9", "203.0.113.9"), "203.0.113.9");
        assert_eq!(both("for=203.0.113.9", "203.0.113.8"), "10.0.0.1");
        assert_eq!(both("for=6.6.6.6", "203.0.113.9"), "10.0.0.1");
        assert_eq!(both("for=_x", "203.0.113.9"), "10.0.0.1");
    }

    #[test]
    fn networks_are_separated_by_spaces_and_the_error_names_a_wrong_one() {
        assert_eq!(" ".parse(), Ok(TrustedProxies::default()));
        assert!(
            "10.0.0.0/8  ::1\tfd00::/8"
                .parse::<TrustedProxies>()
                .is_ok()
        );
        for text in ["10.0.0.0/33", "10.0.0.0/8,::1", "proxy", "10.1/16"] {
            let error = format!("::1 {text}").parse::<TrustedProxies>().unwrap_err();
            assert_eq!(error, NotANetwork(text.to_owned()));
        }
    }
}
