//! Content security policies of pages.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::STYLE;

/// The source of the pages' style.
static STYLE_SOURCE: LazyLock<String> = LazyLock::new(|| digest_source(STYLE));

/// The policy of a page: no script, no other host, no frame, only its own style, and these sources for its form.
pub(super) fn policy(form_action: &str) -> String {
    format!(
        "default-src 'none'; style-src {}; img-src data:; base-uri 'none'; frame-ancestors 'none'; \
         form-action {form_action}",
        *STYLE_SOURCE
    )
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
