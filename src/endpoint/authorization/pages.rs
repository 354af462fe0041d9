//! The pages of the authorization endpoint.

use poem::error::ResponseError as _;
use poem::http::StatusCode;

use super::reply::Reply;
use crate::authorization::AuthorizationRequest;
use crate::error::Error;
use crate::page::{
    ConsentPage, ContinueAsPage, ErrorKind, ErrorPage, NamedClient, NoCookiesPage, PageForm,
    PageResponse, SignInPage, SignInProblem, Site,
};
use crate::response::oauth_error::OAuthError;
use crate::secret::Secret;
use crate::server::AuthorizationServer;

/// Seconds after which a browser may repeat a request that met a busy server.
const RETRY_AFTER: u64 = 1;

/// The pages for one authorization request.
pub(super) struct Pages<'a> {
    site: Site<'a>,
    query: &'a str,
    /// The address of the request, relative to the page.
    action: String,
}

/// What the sign-in page shows beside the form.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SignInContent<'a> {
    /// The username in its field.
    pub username: &'a str,
    /// Whether "stay signed in" is checked.
    pub stay_signed_in: bool,
    /// The reason why the page is shown again.
    pub problem: Option<SignInProblem>,
}

impl SignInContent<'_> {
    /// An empty form that is shown again because of a problem.
    pub fn after(problem: SignInProblem) -> Self {
        Self {
            problem: Some(problem),
            ..Self::default()
        }
    }
}

impl<'a> Pages<'a> {
    /// The pages for a request with this query.
    pub fn new(query: &'a str, server: &'a AuthorizationServer) -> Self {
        Self {
            site: Site::new(&server.settings.page.name),
            query,
            action: format!("?{query}"),
        }
    }

    /// The query of the request.
    pub const fn query(&self) -> &'a str {
        self.query
    }

    /// The sign-in page.
    pub fn sign_in(
        &self,
        request: &AuthorizationRequest,
        token: &Secret,
        content: SignInContent<'_>,
    ) -> Reply {
        let page = SignInPage {
            site: self.site,
            client: named(request),
            form: self.form(token),
            username: content.username,
            stay_signed_in: content.stay_signed_in,
            problem: content.problem,
        };
        let status = match content.problem {
            Some(SignInProblem::TooManyAttempts { .. }) => StatusCode::TOO_MANY_REQUESTS,
            Some(SignInProblem::Unavailable) => StatusCode::SERVICE_UNAVAILABLE,
            Some(SignInProblem::FormRefused) => StatusCode::FORBIDDEN,
            Some(SignInProblem::Refused) | None => StatusCode::OK,
        };
        let reply = with_form(request, PageResponse::new(status, &page));
        match content.problem {
            Some(SignInProblem::TooManyAttempts { seconds }) => reply.retry_after(seconds),
            Some(SignInProblem::Unavailable) => reply.retry_after(RETRY_AFTER),
            _ => reply,
        }
    }

    /// The choice of an account.
    pub fn continue_as(
        &self,
        request: &AuthorizationRequest,
        token: &Secret,
        username: &str,
    ) -> Reply {
        let page = ContinueAsPage {
            site: self.site,
            client: named(request),
            form: self.form(token),
            username,
        };
        with_form(request, PageResponse::new(StatusCode::OK, &page))
    }

    /// The consent page.
    pub fn consent(&self, request: &AuthorizationRequest, token: &Secret, username: &str) -> Reply {
        let page = ConsentPage {
            site: self.site,
            client: named(request),
            form: self.form(token),
            username,
            scopes: request.access.scope.tokens(),
        };
        with_form(request, PageResponse::new(StatusCode::OK, &page))
    }

    /// An error page. `detail` is for the developer of the client.
    pub fn error(&self, kind: ErrorKind, detail: Option<&str>) -> Reply {
        let page = ErrorPage {
            site: self.site,
            kind,
            detail,
            request_id: None,
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

    fn form<'p>(&'p self, token: &'p Secret) -> PageForm<'p> {
        PageForm {
            action: &self.action,
            token: token.expose(),
        }
    }
}

/// Permits the form, and the redirect that follows it.
fn with_form(request: &AuthorizationRequest, page: PageResponse) -> Reply {
    let redirect_uri = request.address.redirect_uri.as_str();
    page.with_form(Some(redirect_uri)).into()
}

/// The client, and for a third party's the host that the browser returns to.
fn named(request: &AuthorizationRequest) -> NamedClient<'_> {
    let (client, uri) = (&request.client, &request.address.redirect_uri);
    NamedClient {
        name: &client.name,
        return_host: (!client.first_party).then(|| uri.host().unwrap_or(uri.as_str())),
    }
}
