//! Swagger UI: one page that contains the document and sends requests to no other host.

use poem_openapi::OpenApiService;
use url::Url;

use super::Definitions;
use crate::page::policy::inline_sources;
use crate::web_origin::is_loopback;

/// Styles beyond those of Swagger UI: dark colors if the reader's system is dark, and wide content that scrolls on
/// narrow screens.
const STYLE: &str = include_str!("swagger_ui.css");

/// The page and its content security policy.
#[derive(Debug)]
pub struct SwaggerUi {
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
) -> SwaggerUi {
    let html = service
        .swagger_ui_html()
        .replace(&service.spec(), document)
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
    SwaggerUi { html, policy }
}

/// The address of the page at the issuer, when `host` is another name of this machine. The page sends
/// requests to the issuer, and for a browser `localhost` and `127.0.0.1` are different origins.
pub fn address_at_issuer(issuer: &str, host: &str) -> Option<String> {
    let issuer_url = Url::parse(issuer).ok()?;
    let requested = Url::parse(&format!("{}://{host}/", issuer_url.scheme())).ok()?;
    let is_other_name = requested.origin() != issuer_url.origin()
        && requested.port_or_known_default() == issuer_url.port_or_known_default()
        && is_loopback(requested.as_str())
        && is_loopback(issuer);
    is_other_name.then(|| format!("{issuer}/docs"))
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

#[cfg(test)]
mod tests {
    use super::address_at_issuer;

    #[test]
    fn another_name_of_this_machine_is_redirected_to_the_issuer() {
        let issuer = "http://localhost:8080/auth";
        for host in ["127.0.0.1:8080", "[::1]:8080", "jeton.localhost:8080"] {
            let address = address_at_issuer(issuer, host);
            assert_eq!(
                address.as_deref(),
                Some("http://localhost:8080/auth/docs"),
                "{host}"
            );
        }
        // The issuer itself, another port (it may be forwarded), another machine, no host.
        for host in [
            "localhost:8080",
            "127.0.0.1:9000",
            "127.0.0.1",
            "jeton.test:8080",
            "",
            "@",
            "a b",
        ] {
            assert_eq!(address_at_issuer(issuer, host), None, "{host}");
        }
        assert_eq!(address_at_issuer("http://jeton.test", "localhost"), None);
        assert_eq!(address_at_issuer("http://localhost", "localhost:80"), None);
    }
}
