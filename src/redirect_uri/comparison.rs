//! The comparison of a requested redirect URI with a registered one.

use url::Url;

use super::{LOOPBACK_HOSTS, is_port};

/// Whether the redirect URI of a request is a registered one: octet by octet, "except for port numbers in
/// `localhost` redirection URIs of native apps", RFC 9700 §2.1. The texts are never normalized.
pub fn matches(registered: &str, requested: &str, issuer: &str) -> bool {
    registered == requested
        || (is_equal_but_for_port(registered, requested) && !have_one_origin(registered, issuer))
}

/// "The authorization server MUST allow any port to be specified at the time of the request for loopback IP redirect
/// URIs, to accommodate clients that obtain an available ephemeral port from the operating system at the time of the
/// request", RFC 8252 §7.3.
fn is_equal_but_for_port(registered: &str, requested: &str) -> bool {
    match (
        LoopbackUri::parse(registered),
        LoopbackUri::parse(requested),
    ) {
        (Some(registered), Some(requested)) => registered == requested,
        _ => false,
    }
}

/// An `http` URI with a loopback host, without its port.
#[derive(PartialEq, Eq)]
struct LoopbackUri<'a> {
    host: &'a str,
    path_and_query: &'a str,
}

impl<'a> LoopbackUri<'a> {
    fn parse(uri: &'a str) -> Option<Self> {
        let rest = uri.strip_prefix("http://")?;
        let mut hosts = LOOPBACK_HOSTS.iter();
        let host = hosts.find(|host| rest.starts_with(**host))?;
        let rest = rest.strip_prefix(host)?;
        let (port, path_and_query) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        // Anything else, such as a longer host or user information, is no port.
        let is_without_or_valid = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        is_without_or_valid.then_some(Self {
            host,
            path_and_query,
        })
    }
}

/// A client at the issuer's own origin, such as Swagger UI, needs no other port, where another program of the machine
/// could listen.
fn have_one_origin(registered: &str, issuer: &str) -> bool {
    match (Url::parse(registered), Url::parse(issuer)) {
        (Ok(registered), Ok(issuer)) => registered.origin() == issuer.origin(),
        _ => false,
    }
}
