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
                .map_err(|_| NotANetwork)
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
        if self.contain(peer) {
            self.named(peer, forwarding)
        } else {
            peer
        }
    }

    /// The same for a request over a Unix socket. Its file is for the proxy alone, so the peer is trusted. A request
    /// without the proxy's headers comes from this machine.
    pub fn client_of_unix_socket(&self, forwarding: &Forwarding<'_>) -> IpAddr {
        self.named(Ipv4Addr::LOCALHOST.into(), forwarding)
    }

    /// The address that a trusted peer names.
    fn named(&self, peer: IpAddr, forwarding: &Forwarding<'_>) -> IpAddr {
        let forwarded = self.walk(peer, &forwarding.forwarded, element);
        let x_forwarded_for = self.walk(peer, &forwarding.x_forwarded_for, node);
        match (forwarded, x_forwarded_for) {
            (Some(one), Some(other)) if one != other => peer,
            (one, other) => one.or(other).unwrap_or(peer),
        }
    }

    /// Whether no proxy is trusted.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the address is that of a trusted proxy.
    pub fn contain(&self, address: IpAddr) -> bool {
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
                    Some(Node::Address(address)) if self.contain(address) => nearest = address,
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
#[error("not a network")]
pub struct NotANetwork;

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
mod tests;
