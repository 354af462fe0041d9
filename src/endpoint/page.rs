//! The landing page, and content security policies of pages.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use poem_openapi::OpenApi;
use poem_openapi::payload::{Html, Response};

const LANDING: &str = include_str!("landing.html");

/// No script, no other host, no frame; only the page's own style.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let style = inline_sources(LANDING, "style");
    format!(
        "default-src 'none'; img-src data:; style-src {style}; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
});

/// The page at `/`. Its links are relative, so that it works below a path prefix.
#[derive(Default)]
pub struct LandingPage;

#[OpenApi]
#[expect(clippy::unused_async, reason = "poem-openapi requires async")]
impl LandingPage {
    /// Not in the OpenAPI document.
    #[oai(path = "/", method = "get", hidden)]
    async fn landing(&self) -> Response<Html<&'static str>> {
        Response::new(Html(LANDING)).header("content-security-policy", POLICY.as_str())
    }
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
        let digest = STANDARD.encode(digest(&SHA256, inside.as_bytes()));
        sources.push(format!("'sha256-{digest}'"));
        rest = after;
    }
    sources.join(" ")
}
