//! The access token of a request, RFC 6750 §2. Only the `Authorization` header is accepted.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use percent_encoding::percent_decode_str;

use crate::refusal::Refusal;

const PARAMETER: &str = "access_token";

/// The token in the `Authorization: Bearer` header of a request. `form` is the body if its type is
/// `application/x-www-form-urlencoded`.
pub fn bearer_token<'r>(
    headers: &'r HeaderMap,
    query: Option<&str>,
    form: Option<&[u8]>,
) -> Result<&'r str, Refusal> {
    // "Clients MUST NOT pass access tokens in a URI query parameter", RFC 9700 §4.3.2.
    if query.is_some_and(|query| has_parameter(query.as_bytes())) {
        return Err(Refusal::TokenInQuery);
    }
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let first = all.next().ok_or(Refusal::NoToken)?;
    if all.next().is_some() {
        return Err(Refusal::SeveralTokens);
    }
    let text = std::str::from_utf8(first.as_bytes()).map_err(|_| Refusal::Malformed)?;
    let (scheme, token) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    if !scheme.eq_ignore_ascii_case("Bearer") {
        return Err(Refusal::NoToken);
    }
    // "Clients MUST NOT use more than one method to transmit the token in each request", RFC 6750 §2.
    if form.is_some_and(has_parameter) {
        return Err(Refusal::SeveralTokens);
    }
    let token = token.trim();
    if token.is_empty() {
        return Err(Refusal::Malformed);
    }
    Ok(token)
}

/// Whether `application/x-www-form-urlencoded` text has the parameter, percent-encoded or not.
fn has_parameter(text: &[u8]) -> bool {
    text.split(|byte| *byte == b'&').any(|pair| {
        let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
        std::str::from_utf8(name).is_ok_and(|name| percent_decode_str(name).eq(PARAMETER.bytes()))
    })
}

/// The bytes of a form that are searched for a second token.
#[cfg(any(feature = "poem", feature = "tower"))]
pub(crate) const MAX_FORM_PREFIX: usize = 64 * 1024;

/// Whether a `Content-Type` is that of a form.
#[cfg(any(feature = "poem", feature = "tower"))]
pub(crate) fn is_form(content_type: Option<&http::HeaderValue>) -> bool {
    content_type
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|media| {
            media
                .trim()
                .eq_ignore_ascii_case("application/x-www-form-urlencoded")
        })
}
