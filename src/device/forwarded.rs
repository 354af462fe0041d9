//! `Forwarded` (RFC 7239) and `X-Forwarded-For`: believed as far as a proxy that the settings name
//! wrote them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;

/// The networks whose proxies are believed; none by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

/// What proxies have added to a request: the values of each header, in the order in which they came.
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
    /// The address of the client whose request `peer` has brought.
    ///
    /// Each proxy adds at the right what it has seen, so the walk goes from the right and stops at
    /// the first address that no trusted proxy has: what stands further left, its client may have
    /// made up. What cannot be read, or two headers that say different things, prove nothing: then it
    /// is the peer.
    #[must_use]
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

    /// Where one header leads; `None` when it is not there.
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
                    // The nearest that is known.
                    Some(Node::Hidden) => return Some(nearest),
                    None => return Some(peer),
                }
            }
        }
        (!lines.is_empty()).then_some(nearest)
    }
}

/// A word that is neither a network nor an address.
#[derive(Debug, PartialEq, Eq)]
pub struct NotANetwork(String);

impl fmt::Display for NotANetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not a network", self.0)
    }
}

impl std::error::Error for NotANetwork {}

/// A `node` of RFC 7239 §6.
#[derive(Debug, PartialEq, Eq)]
enum Node {
    Address(IpAddr),
    /// "unknown", or an identifier that the proxy has made up.
    Hidden,
}

/// The parts of a list, the last one first. Quotes are counted from the right as well: an open one
/// that a client has sent must not swallow what the proxy has added.
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

/// An address or a name for one, with or without a port; IPv6 in brackets or, as
/// `X-Forwarded-For` has it, without.
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

    /// What the header leads to behind the proxy 10.0.0.1.
    #[track_caller]
    fn assert_x_forwarded_for(value: &str, expected: &str) {
        assert_eq!(client("10.0.0.1", &[], &[value]), expected, "{value}");
    }

    #[track_caller]
    fn assert_forwarded(value: &str, expected: &str) {
        assert_eq!(client("10.0.0.1", &[value], &[]), expected, "{value}");
    }

    #[test]
    fn nobody_is_believed_who_is_not_named() {
        let headers = (&["for=203.0.113.9"][..], &["203.0.113.9"][..]);
        assert_eq!(client("198.51.100.1", headers.0, headers.1), "198.51.100.1");
        assert_eq!(client("192.0.2.2", headers.0, headers.1), "192.0.2.2");
        assert_eq!(client("192.0.2.1", headers.0, headers.1), "203.0.113.9");
        let nobody = TrustedProxies::default();
        let forwarding = Forwarding {
            x_forwarded_for: vec![b"203.0.113.9"],
            ..Forwarding::default()
        };
        let peer = "127.0.0.1".parse().unwrap();
        assert_eq!(nobody.client(peer, &forwarding), peer);
    }

    #[test]
    fn the_walk_goes_from_the_right_and_stops_at_the_first_that_is_not_trusted() {
        assert_x_forwarded_for("203.0.113.9", "203.0.113.9");
        assert_x_forwarded_for("1.1.1.1, 203.0.113.9", "203.0.113.9");
        assert_x_forwarded_for("203.0.113.9, 10.2.3.4", "203.0.113.9");
        assert_x_forwarded_for("1.1.1.1,203.0.113.9,10.2.3.4 , 192.0.2.1", "203.0.113.9");
        // All of them proxies: the farthest is the client.
        assert_x_forwarded_for("10.9.9.9, 10.2.3.4", "10.9.9.9");
        assert_forwarded("for=1.1.1.1, for=203.0.113.9, for=10.2.3.4", "203.0.113.9");
        let lines = ["1.1.1.1, 203.0.113.9", "10.2.3.4"];
        assert_eq!(client("10.0.0.1", &[], &lines), "203.0.113.9");
        let lines = ["for=1.1.1.1", "for=203.0.113.9;proto=https"];
        assert_eq!(client("10.0.0.1", &lines, &[]), "203.0.113.9");
    }

    /// RFC 7239 §4 and §6, its own examples among them.
    #[test]
    fn the_syntax_of_forwarded_is_read() {
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
    fn who_hides_is_the_nearest_that_is_known() {
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
    fn ports_and_brackets_are_read_in_the_other_header_too() {
        assert_x_forwarded_for("203.0.113.9:4711", "203.0.113.9");
        assert_x_forwarded_for("[2001:db8:cafe::17]:4711", "2001:db8:cafe::17");
        assert_x_forwarded_for("2001:db8:cafe::17", "2001:db8:cafe::17");
        assert_x_forwarded_for("2001:db8:cafe::17, 2001:db8:ff::1", "2001:db8:cafe::17");
        assert_x_forwarded_for("::ffff:203.0.113.9", "203.0.113.9");
    }

    #[test]
    fn what_cannot_be_read_is_the_peer() {
        for value in [
            "somebody",
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
    fn what_a_client_sends_does_not_swallow_what_the_proxy_adds() {
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
    fn two_headers_that_differ_prove_nothing() {
        let both = |forwarded: &str, other: &str| client("10.0.0.1", &[forwarded], &[other]);
        assert_eq!(both("for=203.0.113.9", "203.0.113.9"), "203.0.113.9");
        assert_eq!(both("for=203.0.113.9", "203.0.113.8"), "10.0.0.1");
        assert_eq!(both("for=6.6.6.6", "203.0.113.9"), "10.0.0.1");
        assert_eq!(both("for=_x", "203.0.113.9"), "10.0.0.1");
    }

    #[test]
    fn networks_are_separated_by_spaces_and_a_word_that_is_none_is_named() {
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
