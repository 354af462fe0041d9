//! Swagger UI with the document inside: one page that asks no other host, and the policy that it lives
//! under.

use poem_openapi::OpenApiService;
use url::Url;

use super::Doors;
use crate::endpoint::page::inline_sources;

/// The page and its policy.
#[derive(Debug)]
pub struct SwaggerUi {
    /// The page.
    pub html: String,
    /// What its `Content-Security-Policy` is.
    pub policy: String,
}

/// Swagger UI with `document` inside, for a server that clients reach at `issuer`.
#[must_use]
pub fn swagger_ui(service: &OpenApiService<Doors, ()>, document: &str, issuer: &str) -> SwaggerUi {
    let html = service
        .swagger_ui_html()
        .replace(&service.spec(), document)
        .replacen(
            "<html charset=\"UTF-8\">",
            "<!doctype html><html lang=\"en\">",
            1,
        )
        .replacen(
            "<title>Swagger UI</title>", // An icon of nothing: browsers ask for one, and there is none.
            "<title>Jeton: API</title><link rel=\"icon\" href=\"data:,\">",
            1,
        );
    let policy = policy(&html, issuer);
    SwaggerUi { html, policy }
}

/// People type passwords there. Nothing runs but the two scripts of the page, by their digests; what they
/// ask goes to this server alone; and nobody else's page holds it in a frame.
fn policy(html: &str, issuer: &str) -> String {
    let scripts = inline_sources(html, "script");
    let styles = inline_sources(html, "style");
    // The operations are at the issuer, which the page may be read from by another name of the host.
    let issuer = Url::parse(issuer).map(|issuer| issuer.origin().ascii_serialization());
    let issuer = issuer.unwrap_or_default();
    format!(
        "default-src 'none'; script-src {scripts}; style-src {styles}; img-src data:; connect-src \
         'self' {issuer}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}
