//! The page at `/` and Swagger UI at `/docs`: compiled-in files and their content security policy.

use poem::http::{HeaderValue, header};
use poem::{Body, Endpoint, EndpointExt as _, Response, Route, get};
use url::Url;

use super::Site;

/// Browsers revalidate each time, so that they load a new version at once.
const PAGE_CACHE_CONTROL: &str = "no-cache";
const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// The scripts of the page.
const SCRIPTS: [(&str, &str); 9] = [
    ("/app.js", include_str!("page/app.js")),
    ("/api.js", include_str!("page/api.js")),
    ("/authorization.js", include_str!("page/authorization.js")),
    ("/developer.js", include_str!("page/developer.js")),
    ("/everywhere.js", include_str!("page/everywhere.js")),
    ("/http.js", include_str!("page/http.js")),
    ("/jwt.js", include_str!("page/jwt.js")),
    ("/screen.js", include_str!("page/screen.js")),
    ("/tokens.js", include_str!("page/tokens.js")),
];

/// Adds the page and Swagger UI to a route.
pub fn add_to(route: Route, site: &Site, swagger_ui: SwaggerUi) -> Route {
    // The page never parses HTML from strings, so the policy forbids it.
    let page = policy(site) + "; require-trusted-types-for 'script'; trusted-types 'none'";
    // The style sheet of Swagger UI contains its icons.
    let docs = policy(site).replace("img-src 'self'", "img-src 'self' data:");
    let icon = include_str!("page/icon.svg");
    let files = [
        ("/", HTML, fill_in(include_str!("page/index.html"), site)),
        ("/style.css", CSS, include_str!("page/style.css").to_owned()),
        ("/icon.svg", SVG, icon.to_owned()),
        // Browsers request this path too; the media type counts.
        ("/favicon.ico", SVG, icon.to_owned()),
    ];
    let scripts = SCRIPTS.map(|(path, text)| (path, SCRIPT, text.to_owned()));
    let redirect = include_str!("page/oauth2-redirect.html").to_owned();
    let redirect_script = include_str!("page/oauth2-redirect.js").to_owned();
    let documentation = [
        ("/docs", HTML, fill_in(include_str!("page/docs.html"), site)),
        ("/docs.js", SCRIPT, include_str!("page/docs.js").to_owned()),
        ("/swagger-ui.js", SCRIPT, swagger_ui.script),
        ("/swagger-ui.css", CSS, swagger_ui.style),
        ("/docs/oauth2-redirect.html", HTML, redirect),
        ("/docs/oauth2-redirect.js", SCRIPT, redirect_script),
    ];
    let pages = files.into_iter().chain(scripts);
    let route = pages.fold(route, |route, (path, media_type, text)| {
        let file = file(media_type, text, page.clone(), "same-origin");
        route.at(path, get(file))
    });
    documentation
        .into_iter()
        .fold(route, |route, (path, media_type, text)| {
            let file = file(media_type, text, docs.clone(), opener(path));
            route.at(path, get(file))
        })
}

/// The files of Swagger UI.
#[derive(Debug)]
pub struct SwaggerUi {
    pub script: String,
    pub style: String,
}

/// Allows scripts, styles and images of this API only, and requests to this API and the issuer only. An
/// injected script is not run, and could not send tokens elsewhere.
fn policy(site: &Site) -> String {
    let issuer = Url::parse(&site.issuer).map(|url| url.origin().ascii_serialization());
    let issuer = issuer.unwrap_or_default();
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src \
         'self' {issuer}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

/// Swagger UI signs in by a window at the issuer, which returns to a page that hands it the code.
fn opener(path: &str) -> &'static str {
    match path {
        "/docs" => "same-origin-allow-popups",
        _ => "unsafe-none",
    }
}

fn fill_in(html: &str, site: &Site) -> String {
    html.replace("{client_id}", &escape(&site.client_id))
        .replace("{resource}", &escape(&site.resource))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
}

fn file(
    media_type: &'static str,
    text: String,
    policy: String,
    opener: &'static str,
) -> impl Endpoint<Output = Response> {
    let bytes = bytes::Bytes::from(text);
    let policy =
        HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
    poem::endpoint::make_sync(move |_| {
        Response::builder()
            .content_type(media_type)
            .header(header::CACHE_CONTROL, PAGE_CACHE_CONTROL)
            .header(header::CONTENT_SECURITY_POLICY, policy.clone())
            .header("cross-origin-opener-policy", opener)
            .body(Body::from_bytes(bytes.clone()))
    })
    .boxed()
}
