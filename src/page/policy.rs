//! Content security policies of pages.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::{Host, Url};

use super::STYLE;
use crate::web_origin::WebOrigin;

/// The source of the pages' style.
static STYLE_SOURCE: LazyLock<String> = LazyLock::new(|| digest_source(STYLE));

/// The policy of a page: no script, no other host, no frame, only its own style, and these sources for its form.
pub(super) fn policy(form_action: &str) -> String {
    format!(
        "default-src 'none'; style-src {}; img-src data:; base-uri 'none'; form-action {form_action}; \
         frame-ancestors 'none'",
        *STYLE_SOURCE
    )
}

/// The source that permits a redirect to this URI after a form was sent: its origin, or the scheme of an app. `None`
/// if there is none, also if the text would add something else to the policy.
///
/// Browsers apply `form-action` to redirects, too (CSP Level 3, §6.4.3, §4.2.4).
pub(super) fn redirect_source(uri: &str) -> Option<String> {
    let url = Url::parse(uri).ok()?;
    let scheme = url.scheme();
    if !matches!(scheme, "http" | "https") {
        // Only such a scheme can be registered, which excludes `javascript:` and `data:`.
        return scheme.contains('.').then(|| format!("{scheme}:"));
    }
    let origin = WebOrigin::sent(&url.origin().ascii_serialization())?;
    // A host source has no IPv6 address: "host-char = ALPHA / DIGIT / "-"", CSP Level 3, §2.3.1.
    let is_ipv6 = matches!(url.host(), Some(Host::Ipv6(_)));
    Some(if is_ipv6 {
        format!("{scheme}:")
    } else {
        origin.to_string()
    })
}

/// The contents of the page's elements of this name, as digest sources of a content security policy
/// (Level 3, §2.3.1).
pub fn inline_sources(html: &str, element: &str) -> String {
    let (start, end) = (format!("<{element}"), format!("</{element}>"));
    let mut sources = Vec::new();
    let mut rest = html;
    while let Some((_, opened)) = rest.split_once(&start)
        && let Some((_, opened)) = opened.split_once('>')
        && let Some((inside, after)) = opened.split_once(&end)
    {
        sources.push(digest_source(inside));
        rest = after;
    }
    sources.join(" ")
}

fn digest_source(content: &str) -> String {
    let digest = STANDARD.encode(digest(&SHA256, content.as_bytes()));
    format!("'sha256-{digest}'")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// row 103: "`form-action 'self'` and the redirect's origin or scheme".
    #[test]
    fn a_redirect_uri_has_its_origin_or_scheme_as_source() {
        for (uri, source) in [
            ("https://a.example/callback?a=b", "https://a.example"),
            ("https://a.example:8443/", "https://a.example:8443"),
            ("https://a.example:443", "https://a.example"),
            (
                "https://b\u{fc}cher.example/",
                "https://xn--bcher-kva.example",
            ),
            ("http://localhost:53211/callback", "http://localhost:53211"),
            ("http://127.0.0.1:7/", "http://127.0.0.1:7"),
            ("http://[::1]:7/", "http:"),
            ("com.example.app:/callback", "com.example.app:"),
            ("com.example.app://callback;x/", "com.example.app:"),
            ("com.example.app:", "com.example.app:"),
        ] {
            assert_eq!(redirect_source(uri).as_deref(), Some(source), "{uri}");
        }
    }

    #[test]
    fn a_text_that_is_no_redirect_uri_has_no_source() {
        for uri in [
            "",
            "*",
            "'unsafe-inline'",
            "a.example",
            "/callback",
            "http://a.example/",
            "https://a.example;script-src https://b.example/",
            "https://a;b.example/",
            "https://a,b.example/",
            "https://a'b.example/",
            "https://*.example/",
            "https://a b.example/",
            "https://",
            "javascript:alert(1)",
            "data:text/html,x",
            "blob:https://a.example/1",
            "file:///etc",
            "app:/callback",
            "com.example app:/x",
            "com.example;app:/x",
        ] {
            assert_eq!(redirect_source(uri), None, "{uri}");
        }
        // The parser removes line breaks.
        let uri = "https://a.example\r\n;script-src *";
        assert_eq!(redirect_source(uri), None);
    }
}
