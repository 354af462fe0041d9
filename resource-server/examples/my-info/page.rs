//! The page at `/` and Swagger UI at `/docs`: files compiled in, and the policy that they live under.

use poem::http::{HeaderValue, header};
use poem::{Body, Endpoint, EndpointExt as _, Response, Route, get};
use url::Url;

use super::Site;

/// Browsers ask each time, and so see a new version at once.
const KEEP: &str = "no-cache";
const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Adds the page and Swagger UI, whose parts are `swagger_ui`, to a route.
pub fn add_to(route: Route, site: &Site, swagger_ui: SwaggerUi) -> Route {
    // Nothing in the page turns text into markup, so nothing may.
    let page = policy(site) + "; require-trusted-types-for 'script'; trusted-types 'none'";
    // Swagger UI has its icons within its style sheet.
    let docs = policy(site).replace("img-src 'self'", "img-src 'self' data:");
    let files = [
        ("/", HTML, filled(include_str!("page/index.html"), site)),
        ("/style.css", CSS, include_str!("page/style.css").to_owned()),
        ("/app.js", SCRIPT, include_str!("page/app.js").to_owned()),
        ("/api.js", SCRIPT, include_str!("page/api.js").to_owned()),
        (
            "/developer.js",
            SCRIPT,
            include_str!("page/developer.js").to_owned(),
        ),
        (
            "/everywhere.js",
            SCRIPT,
            include_str!("page/everywhere.js").to_owned(),
        ),
        ("/http.js", SCRIPT, include_str!("page/http.js").to_owned()),
        ("/jwt.js", SCRIPT, include_str!("page/jwt.js").to_owned()),
        (
            "/screen.js",
            SCRIPT,
            include_str!("page/screen.js").to_owned(),
        ),
        (
            "/tokens.js",
            SCRIPT,
            include_str!("page/tokens.js").to_owned(),
        ),
        ("/icon.svg", SVG, include_str!("page/icon.svg").to_owned()),
        // Browsers ask for it by this name too; what counts is the media type.
        (
            "/favicon.ico",
            SVG,
            include_str!("page/icon.svg").to_owned(),
        ),
    ];
    let documentation = [
        ("/docs", HTML, filled(include_str!("page/docs.html"), site)),
        ("/docs.js", SCRIPT, include_str!("page/docs.js").to_owned()),
        ("/swagger-ui.js", SCRIPT, swagger_ui.script),
        ("/swagger-ui.css", CSS, swagger_ui.style),
    ];
    let route = files
        .into_iter()
        .fold(route, |route, (path, media_type, text)| {
            route.at(path, get(file(media_type, text, page.clone())))
        });
    documentation
        .into_iter()
        .fold(route, |route, (path, media_type, text)| {
            route.at(path, get(file(media_type, text, docs.clone())))
        })
}

/// What Swagger UI consists of.
#[derive(Debug)]
pub struct SwaggerUi {
    /// Its one script.
    pub script: String,
    /// Its one style sheet.
    pub style: String,
}

/// No script, style or picture but our own; no server but this API and the issuer. So a hole in the
/// page is hard to make, and what would come through it has nowhere to send the tokens to.
fn policy(site: &Site) -> String {
    let issuer = Url::parse(&site.issuer).map(|url| url.origin().ascii_serialization());
    let issuer = issuer.unwrap_or_default();
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src \
         'self' {issuer}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

fn filled(html: &str, site: &Site) -> String {
    html.replace("{client_id}", &escaped(&site.client_id))
        .replace("{resource}", &escaped(&site.resource))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
}

fn file(
    media_type: &'static str,
    text: String,
    policy: String,
) -> impl Endpoint<Output = Response> {
    let bytes = bytes::Bytes::from(text);
    let policy =
        HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
    poem::endpoint::make_sync(move |_| {
        Response::builder()
            .content_type(media_type)
            .header(header::CACHE_CONTROL, KEEP)
            .header(header::CONTENT_SECURITY_POLICY, policy.clone())
            .header("cross-origin-opener-policy", "same-origin")
            .body(Body::from_bytes(bytes.clone()))
    })
    .boxed()
}
