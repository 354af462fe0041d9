//! The response of an endpoint for browsers: a page or a redirect, and cookies.

use poem::http::{HeaderMap, HeaderValue, StatusCode, header};
use poem::{IntoResponse, Request, Response};
use poem_openapi::ApiResponse;
use poem_openapi::payload::{Html, Payload as _};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};

use crate::page::PageResponse;
use crate::response::host;
use crate::web_origin::address_at_issuer;

/// The statuses of a page and their meaning.
const PAGES: [(u16, &str); 10] = [
    (200, "A page for the user."),
    (
        400,
        "A page: the request is not valid, and no redirect is safe.",
    ),
    (
        403,
        "A page: the form was not sent by a page of this server, or has expired.",
    ),
    (405, "A page: the method is not allowed."),
    (408, "A page: the body did not arrive in time."),
    (413, "A page: the body is too large."),
    (414, "A page: the query is longer than 8 KiB."),
    (429, "The sign-in page: too many sign-ins have failed."),
    (500, "A page: the server failed."),
    (503, "A page: the server is busy."),
];

/// A page or a redirect, and cookies.
pub struct Reply(Response);

impl Reply {
    /// Redirects the browser. "the HTTP response status code 303 (See Other)" is "RECOMMENDED", because "the user agent
    /// sends the user's credentials" again with 307, RFC 9700 §4.12.
    pub fn redirect(url: &str) -> Self {
        let mut response = StatusCode::SEE_OTHER.into_response();
        match HeaderValue::try_from(url) {
            Ok(url) => drop(response.headers_mut().insert(header::LOCATION, url)),
            Err(_) => response.set_status(StatusCode::INTERNAL_SERVER_ERROR),
        }
        Self(response)
    }

    /// Redirects a request at another loopback name to the issuer. The page's form is sent to the issuer, which is another
    /// origin.
    pub fn to_issuer(request: &Request, issuer: &str, path: &str) -> Option<Self> {
        let address = address_at_issuer(issuer, host::named(request), path)?;
        let query = request.uri().query().unwrap_or_default();
        Some(Self::redirect(&format!("{address}?{query}")))
    }

    /// Sets another status.
    pub fn set_status(&mut self, status: StatusCode) {
        self.0.set_status(status);
    }

    /// The headers, for cookies.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        self.0.headers_mut()
    }

    /// Lets the page that opened this window keep its handle. A client may sign in by a window of its own, and learns by
    /// its handle that the window is back.
    #[must_use]
    pub fn for_openers(mut self) -> Self {
        let policy = HeaderValue::from_static("unsafe-none");
        self.headers_mut()
            .insert("cross-origin-opener-policy", policy);
        self
    }

    /// Sets `Retry-After`.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        self
    }
}

impl From<PageResponse> for Reply {
    fn from(page: PageResponse) -> Self {
        Self(page.into_response())
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        self.0
    }
}

/// For the OpenAPI document.
impl ApiResponse for Reply {
    fn meta() -> MetaResponses {
        let response = |status, description, content| MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content,
            headers: Vec::new(),
        };
        let page = || MetaMediaType {
            content_type: Html::<String>::CONTENT_TYPE,
            schema: Html::<String>::schema_ref(),
        };
        let redirect = "A redirect to the client, or to the same request by `GET`.";
        let pages = PAGES
            .iter()
            .map(|(status, text)| response(*status, *text, vec![page()]));
        MetaResponses {
            responses: pages.chain([response(303, redirect, Vec::new())]).collect(),
        }
    }

    fn register(registry: &mut Registry) {
        <Html<String> as poem_openapi::payload::Payload>::register(registry);
    }
}
