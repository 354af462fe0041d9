//! The origin of a form.

use poem::http::{HeaderMap, HeaderName, header};
use url::Url;

/// "`same-origin`": the request comes from a page of the same origin, Fetch Metadata §2.4.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether a page of this server has sent the form: `Origin` is the issuer's origin, or, in a request without it,
/// `Sec-Fetch-Site` is `same-origin`. Browsers send one of them with every form, and no page can set them.
pub fn is_own_form(headers: &HeaderMap, issuer: &str) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let Some(origin) = origins.next() else {
        let mut sites = headers.get_all(SEC_FETCH_SITE).iter();
        let site = sites.next();
        return site.is_some_and(|site| site == "same-origin") && sites.next().is_none();
    };
    let own = Url::parse(issuer).map(|issuer| issuer.origin());
    // An opaque origin is written `null`, which any page can send.
    own.is_ok_and(|own| own.is_tuple() && origin == own.ascii_serialization().as_str())
        && origins.next().is_none()
}

#[cfg(test)]
mod tests {
    use poem::http::HeaderValue;

    use super::*;

    fn is_own(issuer: &str, headers: &[(&'static str, &'static str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        is_own_form(&map, issuer)
    }

    const ISSUER: &str = "https://auth.example.com/path";
    const OWN: (&str, &str) = ("origin", "https://auth.example.com");
    const SAME_ORIGIN: (&str, &str) = ("sec-fetch-site", "same-origin");

    /// row 101: "`Origin` equal to the issuer's (or, without one, `Sec-Fetch-Site: same-origin`)".
    #[test]
    fn a_form_of_this_server_is_accepted() {
        assert!(is_own(ISSUER, &[OWN]));
        assert!(is_own(ISSUER, &[OWN, SAME_ORIGIN]));
        assert!(is_own(ISSUER, &[SAME_ORIGIN]));
        let port = ("origin", "http://localhost:8080");
        assert!(is_own("http://localhost:8080", &[port]));
        let address = ("origin", "http://[::1]:8080");
        assert!(is_own("http://[::1]:8080", &[address]));
    }

    /// row 101: "`Origin: null` is refused".
    #[test]
    fn a_form_of_another_site_is_refused() {
        for origin in [
            "null",
            "",
            "http://auth.example.com",
            "https://auth.example.com:8443",
            "https://auth.example.com:443",
            "https://auth.example.com/",
            "https://auth.example.com/path",
            "https://AUTH.example.com",
            "https://auth.example.com.evil.example",
            "https://example.com",
            "https://auth.example.com https://evil.example",
        ] {
            assert!(!is_own(ISSUER, &[("origin", origin)]), "{origin}");
            assert!(
                !is_own(ISSUER, &[("origin", origin), SAME_ORIGIN]),
                "{origin}"
            );
        }
        for site in ["same-site", "cross-site", "none", "", "Same-Origin"] {
            assert!(!is_own(ISSUER, &[("sec-fetch-site", site)]), "{site}");
        }
        assert!(!is_own(ISSUER, &[]));
        assert!(!is_own(ISSUER, &[OWN, ("origin", "null")]));
        assert!(!is_own(ISSUER, &[OWN, OWN]));
        assert!(!is_own(
            ISSUER,
            &[SAME_ORIGIN, ("sec-fetch-site", "cross-site")]
        ));
        for issuer in ["", "null", "data:,", "not a url"] {
            assert!(!is_own(issuer, &[("origin", "null")]), "{issuer}");
        }
    }
}
