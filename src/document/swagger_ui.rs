//! Swagger UI with the document inside: one page that asks no other host, and the policy that it lives
//! under.

use poem_openapi::OpenApiService;
use url::Url;

use super::Doors;
use crate::endpoint::page::inline_sources;
use crate::web_origin::is_loopback;

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

/// Where to read the page, when `host` is another name of this machine than the one in `issuer`. The page asks
/// the issuer, and to a browser `localhost` and `127.0.0.1` are strangers to each other: nothing would work.
#[must_use]
pub fn address_at_issuer(issuer: &str, host: &str) -> Option<String> {
    let issuer_url = Url::parse(issuer).ok()?;
    let asked = Url::parse(&format!("{}://{host}/", issuer_url.scheme())).ok()?;
    let is_strange = asked.origin() != issuer_url.origin()
        && asked.port_or_known_default() == issuer_url.port_or_known_default()
        && is_loopback(asked.as_str())
        && is_loopback(issuer);
    is_strange.then(|| format!("{issuer}/docs"))
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

#[cfg(test)]
mod tests {
    use super::address_at_issuer;

    #[test]
    fn another_name_of_this_machine_leads_to_the_issuers() {
        let issuer = "http://127.0.0.1:8080/auth";
        for host in ["localhost:8080", "[::1]:8080", "jeton.localhost:8080"] {
            let address = address_at_issuer(issuer, host);
            assert_eq!(
                address.as_deref(),
                Some("http://127.0.0.1:8080/auth/docs"),
                "{host}"
            );
        }
        // The name itself; another port, which may be forwarded; another machine; none at all.
        for host in [
            "127.0.0.1:8080",
            "localhost:9000",
            "localhost",
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
