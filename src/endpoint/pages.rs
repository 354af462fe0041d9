//! The pages of an endpoint for browsers, and the redirect from `POST` to `GET`.

use poem::Request;
use poem::error::ResponseError as _;
use poem::http::StatusCode;

use super::reply::Reply;
use crate::error::Error;
use crate::page::{ErrorKind, ErrorPage, NoCookiesPage, PageForm, PageResponse, Site};
use crate::response::oauth_error::OAuthError;
use crate::response::request_id::RequestId;
use crate::secret::Secret;
use crate::server::AuthorizationServer;

/// Maximum bytes of the query.
const MAX_QUERY: usize = 8 * 1024;
/// Seconds after which a browser may repeat a request that met a busy server.
pub(super) const RETRY_AFTER: u64 = 1;

/// The pages for one request.
pub(super) struct Pages<'a> {
    pub site: Site<'a>,
    /// The URL of the endpoint.
    endpoint: String,
    query: &'a str,
    request_id: Option<&'a str>,
    /// The address of the request, relative to the page.
    action: String,
}

impl<'a> Pages<'a> {
    /// The pages for a request at this path. One with a query that is too long gets a page.
    pub fn new(
        path: &str,
        request: &'a Request,
        server: &'a AuthorizationServer,
    ) -> Result<Self, Box<Reply>> {
        let query = request.uri().query().unwrap_or_default();
        let pages = Self {
            site: Site::new(&server.settings.page.name),
            endpoint: format!("{}{path}", server.settings.issuer),
            query,
            request_id: RequestId::of(request),
            action: format!("?{query}"),
        };
        match query.len() {
            ..=MAX_QUERY => Ok(pages),
            _ => Err(Box::new(pages.error(ErrorKind::TooLong, None))),
        }
    }

    /// The query of the request.
    pub const fn query(&self) -> &'a str {
        self.query
    }

    /// An error page. `detail` is for the developer of the client.
    pub fn error(&self, kind: ErrorKind, detail: Option<&str>) -> Reply {
        let page = ErrorPage {
            site: self.site,
            kind,
            status: kind.status(),
            detail,
            request_id: self.request_id,
        };
        PageResponse::new(kind.status(), &page).into()
    }

    /// The page for a failure of the server, which is logged.
    pub fn failure(&self, error: Error) -> Reply {
        let kind = match &error {
            Error::TemporarilyUnavailable(_) => ErrorKind::Unavailable,
            _ => ErrorKind::ServerError,
        };
        // Writes the log line.
        drop(OAuthError(error).as_response());
        let reply = self.error(kind, None);
        if kind == ErrorKind::Unavailable {
            reply.retry_after(RETRY_AFTER)
        } else {
            reply
        }
    }

    /// The page for a browser that has not kept the cookie that a form needs.
    pub fn no_cookies(&self) -> Reply {
        let page = NoCookiesPage {
            site: self.site,
            address: &self.action,
        };
        PageResponse::new(StatusCode::FORBIDDEN, &page).into()
    }

    /// The page for a request that cannot be decoded.
    pub fn malformed(&self) -> Reply {
        let detail = "The request is malformed: it is application/x-www-form-urlencoded in UTF-8.";
        self.error(ErrorKind::InvalidRequest, Some(detail))
    }

    /// Redirects a request in a form to the same request by `GET`, because a form of another site comes without
    /// cookies.
    pub fn redirect_to_get(&self, body: &[u8]) -> Reply {
        let body = std::str::from_utf8(body).unwrap_or_default();
        let parts = [self.query, body].into_iter();
        let query = parts.filter(|part| !part.is_empty()).collect::<Vec<_>>();
        let query = query.join("&");
        if query.len() > MAX_QUERY {
            return self.error(ErrorKind::TooLong, None);
        }
        // Anything else has another meaning in a URL, or none. Browsers encode it.
        if !query
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'#')
        {
            return self.malformed();
        }
        Reply::redirect(&format!("{}?{query}", self.endpoint))
    }

    /// The form of a page.
    pub fn form<'p>(&'p self, token: &'p Secret) -> PageForm<'p> {
        PageForm {
            action: &self.action,
            token: token.expose(),
        }
    }
}
