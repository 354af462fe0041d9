//! The query of a request.

use poem::http::Uri;

/// The query without parameters that have no value: an empty one means that it was omitted, as Swagger UI and HTML
/// forms send it. "Parameters sent without a value MUST be treated as if they were omitted from the request", RFC 6749
/// §3.2.
pub(super) fn without_empty_parameters(uri: &Uri) -> String {
    let pairs = uri.query().unwrap_or_default().split('&');
    let has_value = |pair: &&str| {
        pair.split_once('=')
            .is_some_and(|(_, value)| !value.is_empty())
    };
    pairs.filter(has_value).collect::<Vec<_>>().join("&")
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
            ("?a=&b=2&c&d=", "b=2"),
            ("?=1&&a=2&", "=1&a=2"),
            ("?a=", ""),
        ] {
            let uri: Uri = format!("http://jeton.test/path{query}").parse().unwrap();
            assert_eq!(without_empty_parameters(&uri), expected, "{query}");
        }
    }
}
