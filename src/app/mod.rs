//! The application: a router over all endpoints, inside the request layers.

mod context;
pub mod endpoints;
mod error_page;
mod layers;
mod measurement;
mod query;

use std::sync::Arc;

use hyper::body::Bytes;
use poem::http::uri::PathAndQuery;
use poem::http::{HeaderName, HeaderValue, StatusCode, Uri, header};
use poem::web::Redirect;
use poem::{Body, Endpoint, EndpointExt as _, IntoResponse as _, Request, Response, Route, get};

use self::endpoints::DOCUMENT;
use self::layers::NO_CONTENT_POLICY;
use crate::bootstrap::SWAGGER_UI_REDIRECT;
use crate::document::{self, DocumentPage};
use crate::endpoint::documents::Documents;
use crate::endpoint::{caching, forward_auth, health, metadata};
use crate::response::host;
use crate::server::AuthorizationServer;
use crate::web_origin::address_at_issuer;

/// How long a browser may cache the pages and the document.
const PAGE_CACHING: &str = "public, max-age=300";

/// Which other windows may keep a handle of a page's window.
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// The whole application: every path, every layer.
pub fn app(server: Arc<AuthorizationServer>) -> impl Endpoint<Output = Response> {
    let route = routes(&server.settings.issuer).data(Arc::clone(&server));
    let (documents, of) = (Documents::default(), Arc::clone(&server));
    let endpoint = route.around(move |next, request| {
        let document = documents.response(&request, &of);
        async move {
            match document {
                Some(response) => Ok(response),
                None => next.call(request).await,
            }
        }
    });
    layered(endpoint, server)
}

/// Wraps an endpoint in the request layers.
///
/// Its paths are served at the root and, when the issuer has a path, also below that path, so that a
/// proxy may strip the issuer's path or leave it.
pub fn layered(
    endpoint: impl Endpoint<Output = Response> + 'static,
    server: Arc<AuthorizationServer>,
) -> impl Endpoint<Output = Response> {
    let issuer_path = issuer_path(&server.settings.issuer).to_owned();
    endpoint.around(move |next, mut request| {
        let full_path = request.uri().path().to_owned();
        let path = path_below(&full_path, &issuer_path);
        set_path(&mut request, endpoints::Endpoint::first_path(path));
        layers::call(next, request, Arc::clone(&server))
    })
}

fn routes(issuer: &str) -> Route {
    let service = document::service();
    let json = document::for_issuer(issuer);
    let swagger_ui = document::swagger_ui(&service, &json, issuer);
    let document = fixed("application/json", json, NO_CONTENT_POLICY);
    Route::new()
        .at("/healthz", get(health::healthz))
        .at("/readyz", get(health::readyz))
        .at("/docs", get(docs(swagger_ui, issuer)))
        .at(SWAGGER_UI_REDIRECT, get(docs_redirect()))
        .at(DOCUMENT, get(document))
        .at(forward_auth::PATH, forward_auth::forward_auth)
        .at(forward_auth::BELOW, forward_auth::forward_auth)
        .nest("/", service)
}

/// Swagger UI. A request by another name of this machine is redirected to the issuer.
fn docs(page: DocumentPage, issuer: &str) -> impl Endpoint<Output = Response> + use<> {
    let DocumentPage { html, policy } = page;
    let issuer: Arc<str> = issuer.into();
    fixed("text/html; charset=utf-8", html, &policy).around(move |page, request: Request| {
        let address = address_at_issuer(&issuer, host::named(&request), "/docs");
        async move {
            if let Some(address) = address {
                return Ok(Redirect::temporary(address).into_response());
            }
            let mut response = page.call(request).await?;
            // The sign-in is in another window, which hands the code to this page.
            let policy = HeaderValue::from_static("same-origin-allow-popups");
            response.headers_mut().insert(OPENER_POLICY, policy);
            Ok(response)
        }
    })
}

/// The page to which the sign-in of Swagger UI returns. It is not cached, because its address contains the code.
fn docs_redirect() -> impl Endpoint<Output = Response> {
    let DocumentPage { html, policy } = document::redirect_page();
    poem::endpoint::make_sync(move |_| {
        Response::builder()
            .content_type("text/html; charset=utf-8")
            .header(header::CONTENT_SECURITY_POLICY, &policy)
            .header(OPENER_POLICY, "unsafe-none")
            .body(html.clone())
    })
}

/// An endpoint that always returns the same body, or 304 to a client that has it.
fn fixed(
    content_type: &'static str,
    body: String,
    policy: &str,
) -> impl Endpoint<Output = Response> + use<> {
    let body = Bytes::from(body);
    let policy = HeaderValue::try_from(policy);
    let policy = policy.unwrap_or(HeaderValue::from_static(NO_CONTENT_POLICY));
    let tag = caching::entity_tag(&body);
    poem::endpoint::make_sync(move |request: Request| {
        let response = Response::builder()
            .header(header::CACHE_CONTROL, PAGE_CACHING)
            .header(header::CONTENT_SECURITY_POLICY, policy.clone())
            .header(header::ETAG, &tag);
        if caching::matches(request.header(header::IF_NONE_MATCH), &tag) {
            return response.status(StatusCode::NOT_MODIFIED).finish();
        }
        response
            .content_type(content_type)
            .body(Body::from_bytes(body.clone()))
    })
}

/// The path of an issuer such as `https://example.com/auth`; empty when it has none.
fn issuer_path(issuer: &str) -> &str {
    let after_scheme = issuer.split_once("://").map_or(issuer, |(_, rest)| rest);
    let start = after_scheme.find('/');
    start
        .and_then(|start| after_scheme.get(start..))
        .unwrap_or_default()
}

/// The path of a request without the issuer's own path.
fn path_below<'a>(path: &'a str, issuer_path: &str) -> &'a str {
    if issuer_path.is_empty() {
        return path;
    }
    // "the well-known URI string is inserted between the host component and the path component",
    // RFC 8414 §3.1.
    if let Some(inserted) = path.strip_suffix(issuer_path)
        && [metadata::OAUTH, metadata::OPENID].contains(&inserted)
    {
        return inserted;
    }
    match path.strip_prefix(issuer_path) {
        Some("") => "/",
        Some(below) if below.starts_with('/') => below,
        _ => path,
    }
}

/// Sets the path and omits the parameters of the query that have no value, except where these are refused.
fn set_path(request: &mut Request, path: &str) {
    let query = if path == forward_auth::PATH {
        request.uri().query().unwrap_or_default().to_owned()
    } else {
        query::without_empty_parameters(request.uri())
    };
    if request.uri().path() == path && request.uri().query().unwrap_or_default() == query {
        return;
    }
    let path_and_query: Result<PathAndQuery, _> = if query.is_empty() {
        path.parse()
    } else {
        format!("{path}?{query}").parse()
    };
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = path_and_query.ok();
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_issuers_path_may_stand_before_a_path_or_not() {
        let cases = [
            ("/auth/token", "/token"),
            ("/token", "/token"),
            ("/auth", "/"),
            ("/auth/", "/"),
            ("/authority", "/authority"),
            ("/.well-known/openid-configuration/auth", metadata::OPENID),
            ("/auth/.well-known/openid-configuration", metadata::OPENID),
            ("/x/auth", "/x/auth"),
        ];
        for (path, expected) in cases {
            assert_eq!(path_below(path, "/auth"), expected, "{path}");
            assert_eq!(path_below(path, ""), path);
        }
    }

    #[test]
    fn a_request_keeps_its_query_when_its_path_changes() {
        let uri = Uri::from_static("http://example.com/auth/token?a=b");
        let mut request = Request::builder().uri(uri).finish();
        set_path(&mut request, "/token");
        assert_eq!(request.uri(), "http://example.com/token?a=b");
        *request.uri_mut() = Uri::from_static("http://example.com/token?a=&b=1&c=");
        set_path(&mut request, "/token");
        assert_eq!(request.uri(), "http://example.com/token?b=1");
    }
}
