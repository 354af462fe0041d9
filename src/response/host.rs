//! The header `Host` of a request.

use std::net::Ipv6Addr;

use poem::Request;
use poem::http::uri::Authority;
use poem::http::{HeaderValue, Version, header};

/// The host that a request names; empty if it names none.
pub fn named(request: &Request) -> &str {
    let authority = request.uri().authority().map(Authority::as_str);
    let host = request.header(header::HOST);
    host.or(authority).unwrap_or_default()
}

/// "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request message that lacks a Host
/// header field and to any request message that contains more than one Host header field line or a Host header
/// field with an invalid field value", RFC 9112 §3.2.
pub fn is_valid(request: &Request) -> bool {
    let mut values = request.headers().get_all(header::HOST).iter();
    let host = match (values.next(), values.next()) {
        (None, _) => None,
        (Some(host), None) if is_host(host.as_bytes()) => Some(host),
        (Some(_), _) => return false,
    };
    match request.version() {
        Version::HTTP_2 => agrees(request.uri().authority(), host),
        version => host.is_some() || version < Version::HTTP_11,
    }
}

/// HTTP/2 has `:authority` in place of `Host`. "A server SHOULD treat a request as malformed if it contains a Host header
/// field that identifies an entity that differs from the entity in the ":authority" pseudo-header field", RFC 9113
/// §8.3.1.
fn agrees(authority: Option<&Authority>, host: Option<&HeaderValue>) -> bool {
    match (authority, host) {
        (None, host) => host.is_some(),
        (Some(authority), None) => is_host(authority.as_str().as_bytes()),
        (Some(authority), Some(host)) => {
            let authority = authority.as_str().as_bytes();
            authority.eq_ignore_ascii_case(host.as_bytes())
        }
    }
}

/// `uri-host [ ":" port ]`, RFC 9110 §7.2. It may be empty: "If the target URI's authority component is missing or
/// undefined, then a client MUST send a Host header field with an empty field value", RFC 9112 §3.2.
fn is_host(value: &[u8]) -> bool {
    if value.is_empty() {
        return true;
    }
    let Ok(authority) = Authority::try_from(value) else {
        return false;
    };
    let (text, host) = (authority.as_str(), authority.host());
    let is_name = match host.strip_prefix('[') {
        Some(address) => address
            .strip_suffix(']')
            .is_some_and(|address| address.parse::<Ipv6Addr>().is_ok()),
        None => !host.contains(['[', ']']),
    };
    let is_port = |rest: &str| {
        rest.strip_prefix(':').map_or(rest.is_empty(), |port| {
            port.bytes().all(|b| b.is_ascii_digit())
        })
    };
    is_name && text.strip_prefix(host).is_some_and(is_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_with_an_optional_port() {
        for (text, expected) in [
            ("", true),
            ("example.com", true),
            ("EXAMPLE.com:8443", true),
            ("localhost:", true),
            ("127.0.0.1:8080", true),
            ("[::1]:8080", true),
            ("[::1]", true),
            ("under_score.example", true),
            ("[::1", false),
            ("[x]", false),
            ("a b", false),
            ("a, b", false),
            ("a/b", false),
            ("http://a", false),
            ("user@a", false),
            ("a:b", false),
            ("a:80:80", false),
            ("a?b", false),
            ("a#b", false),
            ("a\u{e9}", false),
        ] {
            assert_eq!(is_host(text.as_bytes()), expected, "{text:?}");
        }
    }
}
