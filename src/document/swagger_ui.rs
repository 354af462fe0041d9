//! Swagger UI: one page that contains the document and sends requests to no other host, and the page to which its
//! sign-in returns.

use poem_openapi::OpenApiService;
use url::Url;

use super::Definitions;
use crate::bootstrap::{FIRST_PARTY, SWAGGER_UI_REDIRECT};
use crate::page::policy::inline_sources;

const REDIRECT_PAGE: &str = include_str!("oauth2_redirect.html");

/// The start of Swagger UI, with places for the document and the client.
const START: &str = include_str!("swagger_ui.js");

/// Where the framework's page starts Swagger UI.
const FRAMEWORK_START: &str = "<script>\n    let spec = ";

/// Styles beyond those of Swagger UI: dark colors if the reader's system is dark, and wide content that scrolls on
/// narrow screens.
const STYLE: &str = include_str!("swagger_ui.css");

/// A page and its content security policy.
#[derive(Debug)]
pub struct DocumentPage {
    /// The page.
    pub html: String,
    /// Value of `Content-Security-Policy`.
    pub policy: String,
}

/// Swagger UI for a server with this document and issuer.
pub fn swagger_ui(
    service: &OpenApiService<Definitions, ()>,
    document: &str,
    issuer: &str,
) -> DocumentPage {
    let html = service.swagger_ui_html();
    // The framework's own start has no client and another redirect page.
    let head = html.split_once(FRAMEWORK_START);
    let head = head.map_or(html.as_str(), |(head, _)| head);
    let start = START
        .replace("{client_id}", &quoted(FIRST_PARTY))
        .replace(
            "{redirect_url}",
            &quoted(&format!("{issuer}{SWAGGER_UI_REDIRECT}")),
        )
        .replace("{document}", document.trim_end());
    let html = format!("{head}<script>\n{start}</script>\n</body>\n</html>\n")
        .replacen(
            "<html charset=\"UTF-8\">",
            "<!doctype html><html lang=\"en\">",
            1,
        )
        .replacen(
            "<title>Swagger UI</title>",
            // An empty icon, or browsers would request one.
            "<title>Jeton: API</title><link rel=\"icon\" href=\"data:,\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">",
            1,
        )
        .replacen("</style>", &format!("\n{STYLE}</style>"), 1);
    let policy = policy(&html, issuer);
    DocumentPage { html, policy }
}

/// A text as a JavaScript literal.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The page to which the sign-in returns: it hands the code to Swagger UI in the window that opened it.
pub fn redirect_page() -> DocumentPage {
    let script = inline_sources(REDIRECT_PAGE, "script");
    DocumentPage {
        html: REDIRECT_PAGE.to_owned(),
        policy: format!(
            "default-src 'none'; script-src {script}; img-src data:; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'"
        ),
    }
}

/// Users type passwords into the page. Only its two scripts run, by their digests; they send requests to
/// this server alone; and the page is not framed.
fn policy(html: &str, issuer: &str) -> String {
    let scripts = inline_sources(html, "script");
    let styles = inline_sources(html, "style");
    let issuer = Url::parse(issuer).map(|issuer| issuer.origin().ascii_serialization());
    let issuer = issuer.unwrap_or_default();
    format!(
        "default-src 'none'; script-src {scripts}; style-src {styles}; img-src data:; connect-src \
         'self' {issuer}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}
