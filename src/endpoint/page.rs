//! The landing page: what runs here, and where to go on.

use poem_openapi::OpenApi;
use poem_openapi::payload::{Html, Response};

/// Nothing from elsewhere, no script, nothing framed.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// The page at `/`. Its links are relative, so that it works behind a path prefix too.
pub struct LandingPage;

#[OpenApi]
#[expect(clippy::unused_async, reason = "the framework asks for async")]
impl LandingPage {
    /// For people, so not in the document.
    #[oai(path = "/", method = "get", hidden)]
    async fn landing(&self) -> Response<Html<&'static str>> {
        Response::new(Html(include_str!("landing.html")))
            .header("content-security-policy", POLICY)
            .header("x-content-type-options", "nosniff")
            .header("referrer-policy", "no-referrer")
    }
}
