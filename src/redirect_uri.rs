//! Redirect URIs of clients: the rules of their registration, and the comparison with the URI of a request.

mod comparison;
mod error;

pub use comparison::matches;
pub use error::RedirectUriError;

use url::form_urlencoded::byte_serialize;
use url::{Host, Url};

/// Maximum length in bytes of a registered URI.
pub const MAX_LENGTH: usize = 2048;

/// Hosts of this machine, in the only form in which an `http` URI may have them.
const LOOPBACK_HOSTS: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];

/// A redirect URI that is registered, or equal to a registered one except for the port of a loopback host. It is kept
/// as it was written: "authorization servers MUST utilize exact string matching", RFC 9700 §2.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedirectUri(String);

impl RedirectUri {
    /// Parses a URI for the registration.
    pub fn parse(text: &str) -> Result<Self, RedirectUriError> {
        if text.len() > MAX_LENGTH {
            return Err(RedirectUriError::TooLong);
        }
        check_characters(text)?;
        let (scheme, rest) = text.split_once(':').ok_or(RedirectUriError::Relative)?;
        match scheme.to_ascii_lowercase().as_str() {
            web @ ("http" | "https") => check_web(web == "http", rest)?,
            // "When choosing a URI scheme to associate with the app, apps MUST use a URI scheme based on a domain name
            // under their control, expressed in reverse order", RFC 8252 §7.1.
            private if is_scheme(private) && private.contains('.') => check_private_use(rest)?,
            _ => return Err(RedirectUriError::Scheme),
        }
        if scheme.contains(|letter: char| letter.is_ascii_uppercase()) {
            return Err(RedirectUriError::NotNormal);
        }
        let url = Url::parse(text).map_err(|_| RedirectUriError::Malformed)?;
        let uri = Self(text.to_owned());
        // The URL parser changes hosts: 127.1 is 127.0.0.1, and %61.example is a.example.
        if uri.host().is_some_and(|host| url.host_str() != Some(host)) {
            return Err(RedirectUriError::NotNormal);
        }
        Ok(uri)
    }

    /// The requested URI, if it matches one of those that are registered.
    pub fn find<'a>(
        requested: &str,
        mut registered: impl Iterator<Item = &'a str>,
        issuer: &str,
    ) -> Option<Self> {
        let is_registered = registered.any(|uri| matches(uri, requested, issuer));
        is_registered.then(|| Self(requested.to_owned()))
    }

    /// The text as it was registered or requested.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host of an `http` or `https` URI, for display.
    pub fn host(&self) -> Option<&str> {
        let schemes = ["http://", "https://"];
        let rest = schemes.iter().find_map(|one| self.0.strip_prefix(one))?;
        Some(split_port(authority(rest)).0)
    }

    /// Whether any program on the user's device can receive the redirect, RFC 8252 §8.6.
    pub fn is_loopback_or_private_use(&self) -> bool {
        let url = Url::parse(&self.0).ok();
        let host = url.as_ref().filter(|_| self.host().is_some());
        match host.and_then(Url::host) {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => true,
        }
    }

    /// The URI with more parameters in its query: "The endpoint URI MAY include [...] query component [...], which MUST
    /// be retained when adding additional query parameters", RFC 6749 §3.1.2.
    pub fn with_parameters(&self, parameters: &[(&str, &str)]) -> String {
        let mut uri = self.0.clone();
        for (name, value) in parameters {
            match uri.split_once('?') {
                None => uri.push('?'),
                Some((_, query)) if query.is_empty() || query.ends_with('&') => {}
                Some(_) => uri.push('&'),
            }
            uri.extend(byte_serialize(name.as_bytes()));
            uri.push('=');
            uri.extend(byte_serialize(value.as_bytes()));
        }
        uri
    }
}

/// RFC 3986 §2, without what has another meaning here.
fn check_characters(text: &str) -> Result<(), RedirectUriError> {
    // "The endpoint URI MUST NOT include a fragment component", RFC 6749 §3.1.2.
    if text.contains('#') {
        return Err(RedirectUriError::Fragment);
    }
    if text.contains('*') {
        return Err(RedirectUriError::Pattern);
    }
    let is_of_uri =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()+,;=%".contains(&byte);
    let is_encoded = |rest: &str| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if text.bytes().all(is_of_uri) && text.split('%').skip(1).all(is_encoded) {
        Ok(())
    } else {
        Err(RedirectUriError::Character)
    }
}

/// RFC 3986 §3.1, in lower case.
fn is_scheme(text: &str) -> bool {
    let in_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(in_scheme)
}

/// Checks the text after the colon of an `http` or `https` URI.
fn check_web(is_http: bool, rest: &str) -> Result<(), RedirectUriError> {
    let rest = rest.strip_prefix("//").ok_or(RedirectUriError::Malformed)?;
    let authority = authority(rest);
    if authority.contains('@') {
        return Err(RedirectUriError::UserInfo);
    }
    let (host, port) = split_port(authority);
    if host.is_empty() || port.is_some_and(|port| !is_port(port)) {
        return Err(RedirectUriError::Malformed);
    }
    if is_http && !LOOPBACK_HOSTS.contains(&host) {
        return Err(RedirectUriError::Plain);
    }
    Ok(())
}

/// Checks the text after the colon of a URI with a private-use scheme.
fn check_private_use(rest: &str) -> Result<(), RedirectUriError> {
    // A port: the text is host:port/path, without a scheme.
    if rest.starts_with(|first: char| first.is_ascii_digit()) {
        return Err(RedirectUriError::Relative);
    }
    match rest.strip_prefix("//").map(authority) {
        Some(authority) if authority.contains('@') => Err(RedirectUriError::UserInfo),
        _ => Ok(()),
    }
}

/// The authority at the beginning of the text after `//`, RFC 3986 §3.2.
fn authority(rest: &str) -> &str {
    rest.split(['/', '?']).next().unwrap_or_default()
}

/// Host and port. The colons of an IPv6 address stand between brackets.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

/// 1 to 65535, without leading zeros.
fn is_port(text: &str) -> bool {
    let is_canonical = |port: u16| port != 0 && port.to_string() == text;
    text.parse().is_ok_and(is_canonical)
}
