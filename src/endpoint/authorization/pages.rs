//! The pages of the authorization endpoint.

use poem::http::StatusCode;

use crate::authorization::AuthorizationRequest;
use crate::endpoint::pages::{Pages, RETRY_AFTER};
use crate::endpoint::reply::Reply;
use crate::page::{
    ConsentPage, ContinueAsPage, NamedClient, PageResponse, SignInPage, SignInProblem,
};
use crate::secret::Secret;

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

impl Pages<'_> {
    /// The sign-in page.
    pub(super) fn sign_in(
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
