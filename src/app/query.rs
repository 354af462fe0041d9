//! The query of a request.

use poem::http::Uri;

/// The query without parameters that have no value: an empty one means that it was omitted, as Swagger UI and HTML
/// forms send it. "Parameters sent without a value MUST be treated as if they were omitted from the request", RFC 6749
/// §3.2. Malformed text stays, so that it is refused.
pub(super) fn without_empty_parameters(uri: &Uri) -> String {
    let pairs = uri.query().unwrap_or_default().split('&');
    let kept = pairs.filter(|pair| !pair.is_empty() && !is_empty_parameter(pair));
    kept.collect::<Vec<_>>().join("&")
}

fn is_empty_parameter(pair: &str) -> bool {
    let is_plain = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    pair.strip_suffix('=').is_some_and(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_without_a_value_are_omitted() {
        for (query, expected) in [
            ("", ""),
            ("?", ""),
            ("?a=1&b=%20&c=1=", "a=1&b=%20&c=1="),
            ("?a=&b=2&c&d=", "b=2&c"),
            ("?%FF&a=%ZZ&%FF=", "%FF&a=%ZZ&%FF="),
            ("?=1&&a=2&", "=1&a=2"),
            ("?a=", ""),
        ] {
            let uri: Uri = format!("http://jeton.test/path{query}").parse().unwrap();
            assert_eq!(without_empty_parameters(&uri), expected, "{query}");
        }
    }
}
