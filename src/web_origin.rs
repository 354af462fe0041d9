//! Web origins: scheme, host and port of a page as browsers serialize them, RFC 6454 §6.2.

use std::fmt;

use url::{Host, Url};

/// Maximum length in bytes, as in the store.
const LENGTH_MAX: usize = 255;

/// Schemes without pages that have an origin.
const WITHOUT_PAGES: [&str; 8] = [
    "about",
    "blob",
    "data",
    "file",
    "ftp",
    "javascript",
    "ws",
    "wss",
];

/// The origin of a page in the form of the header `Origin`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WebOrigin(String);

impl WebOrigin {
    /// Parses an origin as an operator types it: upper case, the default port and a slash at the end are
    /// normalized. Apps may have their own schemes, such as `capacitor://localhost`.
    pub fn parse(text: &str) -> Result<Self, WebOriginError> {
        if text == "null" {
            return Err(WebOriginError::Null);
        }
        if text.contains('*') {
            return Err(WebOriginError::Pattern);
        }
        let (_, rest) = text.split_once("://").ok_or(WebOriginError::Malformed)?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '\\', '?', '#', '@']) {
            return Err(WebOriginError::More);
        }
        // The URL parser removes some of these silently.
        if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(WebOriginError::Malformed);
        }
        let url = Url::parse(text).map_err(|_| WebOriginError::Malformed)?;
        if WITHOUT_PAGES.contains(&url.scheme()) {
            return Err(WebOriginError::Scheme);
        }
        let origin = serialize(&url).ok_or(WebOriginError::Malformed)?;
        if url.scheme() == "http" && !has_loopback_host(&url) {
            return Err(WebOriginError::Plain);
        }
        if origin.len() > LENGTH_MAX {
            return Err(WebOriginError::TooLong);
        }
        Ok(Self(origin))
    }

    /// Parses the header `Origin`, which is normalized already; `None` for any other text.
    pub fn sent(text: &str) -> Option<Self> {
        // Parsing takes milliseconds for a long name.
        if text.len() > LENGTH_MAX {
            return None;
        }
        Self::parse(text).ok().filter(|origin| origin.0 == text)
    }

    /// The text, 1 to 255 bytes of ASCII.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WebOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The address of a page at the issuer, when `host` is another name of this machine. The page sends requests or forms
/// to the issuer, and for a browser `localhost` and `127.0.0.1` are different origins.
pub fn address_at_issuer(issuer: &str, host: &str, path: &str) -> Option<String> {
    let issuer_url = Url::parse(issuer).ok()?;
    let requested = Url::parse(&format!("{}://{host}/", issuer_url.scheme())).ok()?;
    let is_other_name = requested.origin() != issuer_url.origin()
        && requested.port_or_known_default() == issuer_url.port_or_known_default()
        && is_loopback(requested.as_str())
        && is_loopback(issuer);
    is_other_name.then(|| format!("{issuer}{path}"))
}

/// Whether the host of a URL is a loopback host on every machine.
pub fn is_loopback(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| has_loopback_host(&url))
}

/// The same for a parsed URL.
pub fn has_loopback_host(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// RFC 6454 §6.2, also for schemes without an origin in the URL standard.
fn serialize(url: &Url) -> Option<String> {
    let host = url.host_str()?.to_ascii_lowercase();
    let in_name = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    let is_address = matches!(url.host(), Some(Host::Ipv6(_)));
    if host.is_empty() || !(is_address || host.chars().all(in_name)) {
        return None;
    }
    let scheme = url.scheme();
    Some(match url.port() {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    })
}

/// The reason why an origin cannot be registered, for the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebOriginError {
    /// The text is not an origin.
    #[error(
        "an origin is scheme://host or scheme://host:port, such as https://app.example.com or \
         capacitor://localhost"
    )]
    Malformed,
    /// There is text after the port or before the host.
    #[error("an origin is scheme://host:port without path, query or user")]
    More,
    /// A pattern.
    #[error("an origin cannot be a pattern; name each origin")]
    Pattern,
    /// The origin of pages without an origin.
    #[error("null cannot be registered: any page can send it")]
    Null,
    /// Pages of this scheme have no origin.
    #[error("pages of this scheme have no origin; use https or the scheme of an app")]
    Scheme,
    /// http with a host that is not a loopback host.
    #[error(
        "http is only for localhost, 127.0.0.1 and [::1]: on a network, an attacker could change the \
         page; use https"
    )]
    Plain,
    /// The origin does not fit the store.
    #[error("an origin has 255 bytes at most")]
    TooLong,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// row 39: "the serialization of an origin", RFC 6454 §6.2: lower case, no default port.
    #[test]
    fn an_origin_is_normalized() {
        for (typed, origin) in [
            ("https://app.example.com", "https://app.example.com"),
            ("https://app.example.com/", "https://app.example.com"),
            ("HTTPS://App.Example.COM:443", "https://app.example.com"),
            ("https://app.example.com:", "https://app.example.com"),
            (
                "https://app.example.com:8443",
                "https://app.example.com:8443",
            ),
            ("https://app.example.com:80", "https://app.example.com:80"),
            (
                "https://b\u{fc}cher.example",
                "https://xn--bcher-kva.example",
            ),
            ("https://[2001:DB8::1]:443", "https://[2001:db8::1]"),
            ("https://192.0.2.1", "https://192.0.2.1"),
            ("http://localhost:5173", "http://localhost:5173"),
            ("http://localhost:80", "http://localhost"),
            ("http://tauri.localhost", "http://tauri.localhost"),
            ("http://127.0.0.1:8081", "http://127.0.0.1:8081"),
            ("http://127.9.9.9", "http://127.9.9.9"),
            ("http://[::1]:3000/", "http://[::1]:3000"),
            ("capacitor://localhost", "capacitor://localhost"),
            ("tauri://localhost/", "tauri://localhost"),
            ("App://X", "app://x"),
            (
                "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
                "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
            ),
        ] {
            let parsed = WebOrigin::parse(typed).unwrap();
            assert_eq!(parsed.as_str(), origin, "{typed}");
            assert_eq!(WebOrigin::sent(origin), Some(parsed), "{origin}");
            assert_eq!(WebOrigin::sent(typed).is_some(), typed == origin, "{typed}");
        }
    }

    /// row 39: a text that is not exactly one origin is refused with the reason.
    #[test]
    fn a_text_that_is_not_an_origin_is_refused() {
        use WebOriginError::{Malformed, More, Null, Pattern, Plain, Scheme, TooLong};
        let long = format!("https://{}", vec!["a".repeat(60); 5].join("."));
        for (typed, why) in [
            ("", Malformed),
            ("app.example.com", Malformed),
            ("https:app.example.com", Malformed),
            ("https://", Malformed),
            ("app://", Malformed),
            ("https://app example.com", Malformed),
            (" https://app.example.com", Malformed),
            ("https://app.exa\tmple.com", Malformed),
            ("https://app.example.com\n", Malformed),
            ("https://app.example.com:99999", Malformed),
            ("https://a.example,https://b.example", More),
            ("https://a.example https://b.example", More),
            ("app://\u{fc}", Malformed),
            ("https://app.example.com/login", More),
            ("https://app.example.com//", More),
            ("https:///app.example.com", More),
            ("https://app.example.com\\", More),
            ("https://app.example.com?a=b", More),
            ("https://app.example.com#a", More),
            ("https://me@app.example.com", More),
            ("https://me:secret@app.example.com", More),
            ("*", Pattern),
            ("https://*.example.com", Pattern),
            ("https://app.example.com:*", Pattern),
            ("null", Null),
            ("file:///home", More),
            ("file://", Scheme),
            ("ws://localhost", Scheme),
            ("wss://app.example.com", Scheme),
            ("data://x", Scheme),
            ("http://app.example.com", Plain),
            ("http://192.168.0.1", Plain),
            ("http://localhost.example.com", Plain),
            ("http://notlocalhost", Plain),
            ("http://0.0.0.0:8080", Plain),
            (&long, TooLong),
        ] {
            assert_eq!(WebOrigin::parse(typed), Err(why), "{typed:?}");
            assert_eq!(WebOrigin::sent(typed), None);
        }
    }

    #[test]
    fn loopback_hosts_are_recognized() {
        for url in [
            "http://127.0.0.1:8080",
            "https://localhost/auth",
            "http://auth.localhost:8080",
            "http://[::1]:8080",
        ] {
            assert!(is_loopback(url), "{url}");
        }
        for url in [
            "http://0.0.0.0:8080",
            "https://auth.example.com",
            "https://localhost.example.com",
            "https://127.0.0.1.example.com",
            "https://example.com/localhost",
            "localhost",
        ] {
            assert!(!is_loopback(url), "{url}");
        }
    }

    #[test]
    fn another_name_of_this_machine_is_redirected_to_the_issuer() {
        let issuer = "http://localhost:8080/auth";
        for host in ["127.0.0.1:8080", "[::1]:8080", "jeton.localhost:8080"] {
            let address = address_at_issuer(issuer, host, "/docs");
            assert_eq!(
                address.as_deref(),
                Some("http://localhost:8080/auth/docs"),
                "{host}"
            );
        }
        // The issuer itself, another port (it may be forwarded), another machine, no host.
        for host in [
            "localhost:8080",
            "127.0.0.1:9000",
            "127.0.0.1",
            "jeton.test:8080",
            "",
            "@",
            "a b",
        ] {
            assert_eq!(address_at_issuer(issuer, host, "/docs"), None, "{host}");
        }
        assert_eq!(
            address_at_issuer("http://jeton.test", "localhost", "/"),
            None
        );
        assert_eq!(
            address_at_issuer("http://localhost", "localhost:80", "/"),
            None
        );
    }
}
