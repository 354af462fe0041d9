//! Web origins: scheme, host and port of a page, as browsers write them, RFC 6454 §6.2.

use std::error::Error;
use std::fmt;

use url::{Host, Url};

/// The longest that the store holds, in bytes.
const LENGTH_MAX: usize = 255;

/// Schemes of URLs whose pages, if there are any, have no origin that a server could know.
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

/// The origin of a page, in the one form in which browsers send it as `Origin`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WebOrigin(String);

impl WebOrigin {
    /// Reads an origin as a person types it: upper case, the scheme's own port and a slash at the
    /// end make no difference. Apps have schemes of their own, such as `capacitor://localhost`.
    ///
    /// # Errors
    ///
    /// When `text` is no origin, more than one, or one that anybody on the way could act for.
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
        // The parser of URLs would drop some of these without a word.
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

    /// The origin that a browser sends, which is in that form already. Anything else is `None`, and
    /// registered with nobody.
    #[must_use]
    pub fn sent(text: &str) -> Option<Self> {
        Self::parse(text).ok().filter(|origin| origin.0 == text)
    }

    /// The text, 1 to 255 bytes of ASCII.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WebOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a URL names a host that is this machine, whoever reads it.
#[must_use]
pub fn is_loopback(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| has_loopback_host(&url))
}

fn has_loopback_host(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// RFC 6454 §6.2, for schemes too that the URL standard gives no origin.
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

/// Why a text is no origin that can be registered, in words for the person who typed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebOriginError {
    /// It does not have the form.
    Malformed,
    /// It goes on behind the port, or begins before the host.
    More,
    /// It stands for several.
    Pattern,
    /// It is what pages without an origin send.
    Null,
    /// Pages of this scheme have no origin.
    Scheme,
    /// It is http, and not on this machine.
    Plain,
    /// It does not fit the store.
    TooLong,
}

impl fmt::Display for WebOriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => {
                "an origin is scheme://host or scheme://host:port, such as https://app.example.com \
                 or capacitor://localhost"
            }
            Self::More => "an origin is scheme://host:port alone, without path, query or user",
            Self::Pattern => "each origin is named by itself; there are no patterns",
            Self::Null => "null is what any page can send that hides its origin",
            Self::Scheme => {
                "pages of this scheme have no origin; https, or an app's own scheme, do"
            }
            Self::Plain => {
                "http is for this machine alone (localhost, 127.0.0.1, [::1]): elsewhere, whoever \
                 is on the way could change the page; use https"
            }
            Self::TooLong => "an origin has 255 bytes at most",
        })
    }
}

impl Error for WebOriginError {}

#[cfg(test)]
mod tests {
    use super::*;

    /// row 39: "the serialization of an origin", RFC 6454 §6.2: lower case, no default port.
    #[test]
    fn an_origin_has_one_form() {
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

    /// row 39: what names no origin, or more than one, is refused with what would be right.
    #[test]
    fn what_is_no_origin_is_refused() {
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
    fn a_loopback_host_is_told_from_others() {
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
}
