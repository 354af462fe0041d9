//! The cookies of the pages.

use std::time::Duration;

use ::cookie::{Cookie, SameSite, time};
use poem::http::{HeaderMap, HeaderValue, header};
use url::Url;

use crate::secret::Secret;

/// Maximum length of a value that is read. Those that the server sets are shorter.
const LENGTH_MAX: usize = 256;

/// A cookie of the pages. No JSON endpoint reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageCookie {
    name: String,
    is_secure: bool,
}

impl PageCookie {
    /// The cookie that contains the browser session.
    pub fn session(issuer: &str) -> Self {
        Self::named(issuer, "")
    }

    /// The cookie with a random value that is set before the sign-in, to which form tokens are bound.
    pub fn form(issuer: &str) -> Self {
        Self::named(issuer, "-form")
    }

    /// "If a cookie's name begins with a case-sensitive match for the string `__Host-`, then the cookie will have been
    /// set with a `Secure` attribute, a `Path` attribute with a value of `/`, and no `Domain` attribute", RFC 6265bis
    /// §4.1.3.2. So no other host has set it. A server without TLS has the port in the name: "Cookies do not provide
    /// isolation by port", §8.5.
    fn named(issuer: &str, ending: &str) -> Self {
        let url = Url::parse(issuer).ok();
        let plain = url.filter(|url| url.scheme() == "http");
        let port = plain.and_then(|url| url.port_or_known_default());
        Self {
            name: match port {
                Some(port) => format!("jeton{ending}-{port}"),
                None => format!("__Host-jeton{ending}"),
            },
            is_secure: port.is_none(),
        }
    }

    /// The first value in a request. Values that are too long are ignored.
    pub fn read(&self, headers: &HeaderMap) -> Option<Secret> {
        let lines = headers.get_all(header::COOKIE).iter();
        // Another application on the same host may set any bytes.
        let lines = lines.map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned());
        let mut cookies = lines.flat_map(Cookie::split_parse).flatten();
        let own = cookies.find(|cookie| {
            cookie.name() == self.name && (1..=LENGTH_MAX).contains(&cookie.value().len())
        });
        own.map(|cookie| Secret::new(cookie.value().to_owned()))
    }

    /// Sets the cookie in a response, until the browser ends or for `lifetime`.
    pub fn set(&self, headers: &mut HeaderMap, value: &Secret, lifetime: Option<Duration>) {
        let lifetime = lifetime.map(time::Duration::try_from);
        let lifetime = lifetime.map(|lifetime| lifetime.unwrap_or(time::Duration::MAX));
        self.append(headers, value.expose(), lifetime);
    }

    /// Deletes the cookie by a response.
    pub fn delete(&self, headers: &mut HeaderMap) {
        self.append(headers, "", Some(time::Duration::ZERO));
    }

    fn append(&self, headers: &mut HeaderMap, value: &str, lifetime: Option<time::Duration>) {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if !value.bytes().all(is_plain) {
            tracing::error!("the value of a cookie has other characters than base64url");
            return;
        }
        let mut cookie = Cookie::build((self.name.as_str(), value))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(self.is_secure)
            .build();
        cookie.set_max_age(lifetime);
        if let Ok(mut line) = HeaderValue::try_from(cookie.to_string()) {
            line.set_sensitive(true);
            headers.append(header::SET_COOKIE, line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HTTPS: &str = "https://auth.example.com/path";
    const HTTP: &str = "http://localhost:8080";

    fn request(lines: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::COOKIE, HeaderValue::from_bytes(line).unwrap());
        }
        headers
    }

    fn read(lines: &[&[u8]]) -> Option<String> {
        let value = PageCookie::session(HTTPS).read(&request(lines));
        value.map(|value| value.expose().to_owned())
    }

    fn set(change: impl Fn(&mut HeaderMap)) -> String {
        let mut headers = HeaderMap::new();
        change(&mut headers);
        assert_eq!(headers.len(), 1);
        let line = &headers[header::SET_COOKIE];
        assert!(line.is_sensitive());
        line.to_str().unwrap().to_owned()
    }

    /// row 99: "The cookie is `__Host-jeton` […]; on an `http` loopback issuer `jeton-PORT`".
    #[test]
    fn the_issuer_decides_the_name() {
        for (issuer, session, form) in [
            (HTTPS, "__Host-jeton", "__Host-jeton-form"),
            (
                "https://a.example:8443",
                "__Host-jeton",
                "__Host-jeton-form",
            ),
            (HTTP, "jeton-8080", "jeton-form-8080"),
            ("http://127.0.0.1", "jeton-80", "jeton-form-80"),
        ] {
            assert_eq!(PageCookie::session(issuer).name, session);
            assert_eq!(PageCookie::form(issuer).name, form);
        }
    }

    /// row 99: "Secure, `HttpOnly`, SameSite=Lax, Path=/, no Domain, no Expires unless "stay signed in"".
    #[test]
    fn a_cookie_has_its_attributes() {
        let value = Secret::new("jbs_abc-_".to_owned());
        let cookie = PageCookie::session(HTTPS);
        assert_eq!(
            set(|headers| cookie.set(headers, &value, None)),
            "__Host-jeton=jbs_abc-_; HttpOnly; SameSite=Lax; Secure; Path=/"
        );
        assert_eq!(
            set(|headers| cookie.set(headers, &value, Some(Duration::from_mins(2)))),
            "__Host-jeton=jbs_abc-_; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=120"
        );
        assert_eq!(
            set(|headers| cookie.delete(headers)),
            "__Host-jeton=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0"
        );
        assert_eq!(
            set(|headers| PageCookie::form(HTTP).set(headers, &value, None)),
            "jeton-form-8080=jbs_abc-_; HttpOnly; SameSite=Lax; Path=/"
        );
    }

    #[test]
    fn the_longest_lifetime_is_accepted() {
        let cookie = PageCookie::session(HTTPS);
        let value = Secret::new("a".to_owned());
        let line = set(|headers| cookie.set(headers, &value, Some(Duration::MAX)));
        assert!(line.contains("; Max-Age=9223372036854775807"), "{line}");
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[b"__Host-jeton=a"]).as_deref(), Some("a"));
        assert_eq!(read(&[b"x=1; __Host-jeton=a; y=2"]).as_deref(), Some("a"));
        assert_eq!(read(&[b"x=1", b"__Host-jeton=a"]).as_deref(), Some("a"));
        assert_eq!(
            read(&[b"x=\xff\xfe; nothing;; =; __Host-jeton=a"]).as_deref(),
            Some("a")
        );
        for other in [
            &b"__host-jeton=a"[..],
            b"__Host-jeton-form=a",
            b"jeton-8080=a",
            b"x__Host-jeton=a",
            b"x=__Host-jeton=a",
            b"__Host-jeton",
            b"__Host-jeton=",
        ] {
            assert_eq!(read(&[other]), None, "{}", String::from_utf8_lossy(other));
        }
    }

    #[test]
    fn the_first_value_counts_and_long_ones_are_ignored() {
        assert_eq!(
            read(&[b"__Host-jeton=a; __Host-jeton=b"]).as_deref(),
            Some("a")
        );
        assert_eq!(
            read(&[b"__Host-jeton=a", b"__Host-jeton=b"]).as_deref(),
            Some("a")
        );
        let long = format!("__Host-jeton={}", "a".repeat(LENGTH_MAX + 1));
        assert_eq!(read(&[long.as_bytes()]), None);
        assert_eq!(
            read(&[long.as_bytes(), b"__Host-jeton=b"]).as_deref(),
            Some("b")
        );
        let longest = "a".repeat(LENGTH_MAX);
        let line = format!("__Host-jeton={longest}");
        assert_eq!(read(&[line.as_bytes()]), Some(longest));
    }

    #[test]
    fn a_value_that_adds_attributes_or_headers_is_not_set() {
        for value in [
            "a\r\nset-cookie: b=c",
            "a; Domain=example.com",
            "a,b",
            "\u{e9}",
        ] {
            let mut headers = HeaderMap::new();
            let value = Secret::new(value.to_owned());
            PageCookie::session(HTTPS).set(&mut headers, &value, None);
            assert!(headers.is_empty());
        }
    }
}
