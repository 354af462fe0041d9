//! The header `Host` of a request.

use std::net::Ipv6Addr;

use poem::Request;
use poem::http::uri::Authority;
use poem::http::{HeaderValue, Version, header};

/// "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request message that lacks a Host
/// header field and to any request message that contains more than one Host header field line or a Host header
/// field with an invalid field value", RFC 9112 §3.2.
pub fn is_valid(request: &Request) -> bool {
    let mut values = request.headers().get_all(header::HOST).iter();
    match (values.next(), values.next()) {
        (None, _) => request.version() < Version::HTTP_11,
        (Some(host), None) => is_host(host),
        (Some(_), Some(_)) => false,
    }
}

/// `uri-host [ ":" port ]`, RFC 9110 §7.2. It may be empty: "If the target URI's authority component is missing or
/// undefined, then a client MUST send a Host header field with an empty field value", RFC 9112 §3.2.
fn is_host(value: &HeaderValue) -> bool {
    if value.is_empty() {
        return true;
    }
    let Ok(authority) = Authority::try_from(value.as_bytes()) else {
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
            let value = HeaderValue::from_bytes(text.as_bytes()).unwrap();
            assert_eq!(is_host(&value), expected, "{text:?}");
        }
    }
}
