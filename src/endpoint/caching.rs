//! Answers that caches may keep: `Cache-Control`, `ETag` and 304, RFC 9110 §13.1.2.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Enough of a digest to tell versions of a document apart.
const TAG: usize = 16;

/// The entity tag of a body.
pub fn entity_tag(body: &str) -> String {
    let digest = digest(&SHA256, body.as_bytes());
    let tag = digest.as_ref().get(..TAG).unwrap_or_default();
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(tag))
}

/// Whether `If-None-Match` names the tag; "A recipient MUST use the weak comparison function",
/// RFC 9110 §13.1.2.
pub fn matches(if_none_match: Option<&str>, tag: &str) -> bool {
    if_none_match.is_some_and(|given| {
        given
            .split(',')
            .map(str::trim)
            .any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
    })
}

/// The value of `Cache-Control`.
pub fn max_age(age: Duration) -> String {
    format!("public, max-age={}", age.as_secs())
}
