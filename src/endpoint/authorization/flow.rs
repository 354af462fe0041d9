//! The steps of an authorization request: by `GET`, and after each form.

use poem::Request;

use super::form::PageForm;
use crate::authorization::request::Destination;
use crate::authorization::{
    AuthorizationRequest, BrowserSession, Interaction, RedirectError, Refusal, ReturnAddress,
};
use crate::endpoint::browser::Browser;
use crate::endpoint::pages::Pages;
use crate::endpoint::reply::Reply;
use crate::page::ErrorKind;
use crate::parameters::Parameters;
use crate::server::AuthorizationServer;

/// An authorization request that a browser sends.
pub(super) struct Flow<'a> {
    pub(super) browser: Browser<'a>,
    pub(super) pages: Pages<'a>,
    pub(super) server: &'a AuthorizationServer,
}

/// The state of a request while it is decided.
#[derive(Default)]
pub(super) struct Progress {
    /// The user who is signed in.
    pub signed_in: Option<BrowserSession>,
    /// What the user has done for this request.
    pub done: Interaction,
}

impl<'a> Flow<'a> {
    /// Reads the request. A query that is too long gets a page.
    pub(super) fn read(
        request: &'a Request,
        server: &'a AuthorizationServer,
    ) -> Result<Self, Box<Reply>> {
        Ok(Self {
            pages: Pages::new(super::PATH, request, server)?,
            browser: Browser::read(request, server),
            server,
        })
    }

    /// The reply to a request by `GET`.
    pub(super) async fn show(self) -> Reply {
        self.answer(None).await
    }

    /// The reply to a form: of a page, or an authorization request.
    pub(super) async fn receive(self, body: &[u8]) -> Reply {
        let Ok(fields) = Parameters::with_repeated(body) else {
            return self.pages.malformed();
        };
        match PageForm::read(&fields) {
            Some(form) => self.answer(Some(form)).await,
            None => self.pages.redirect_to_get(body),
        }
    }

    /// The page or the redirect. "If the resource owner denies the access request or if the request fails for reasons
    /// other than a missing or invalid redirection URI, the authorization server informs the client", RFC 6749 §4.1.2.1.
    async fn answer(self, form: Option<PageForm>) -> Reply {
        let Ok(parameters) = Parameters::with_repeated(self.pages.query().as_bytes()) else {
            return self.pages.malformed();
        };
        let destination = match Destination::find(&parameters, self.server).await {
            Ok(destination) => destination,
            Err(Refusal::Invalid(detail)) => {
                tracing::info!(reason = detail, "authorization request refused");
                return self.pages.error(ErrorKind::InvalidRequest, Some(detail));
            }
            Err(Refusal::Failed(error)) => return self.pages.failure(error),
        };
        let address = destination.address.clone();
        let mut progress = Progress::default();
        let request = AuthorizationRequest::parse(&parameters, destination, self.server);
        let outcome = match request {
            Ok(request) => self.advance(&request, form, &mut progress).await,
            Err(error) => Err(error),
        };
        let mut reply = outcome.unwrap_or_else(|error| self.refuse(&address, &error));
        self.browser
            .set_cookies(&mut reply, progress.signed_in.as_ref());
        reply
    }

    fn refuse(&self, address: &ReturnAddress, error: &RedirectError) -> Reply {
        let (code, reason) = (error.code, &*error.reason);
        match code {
            "server_error" => tracing::error!(code, reason, "request failed"),
            "temporarily_unavailable" => tracing::warn!(code, reason, "request put off"),
            _ => tracing::info!(code, reason, "authorization request refused"),
        }
        Reply::redirect(&address.with_error(error, &self.server.settings.issuer))
    }

    /// Does what the form says, and decides on the request.
    async fn advance(
        &self,
        request: &AuthorizationRequest,
        form: Option<PageForm>,
        progress: &mut Progress,
    ) -> Result<Reply, RedirectError> {
        progress.signed_in = self.browser.session().await?;
        if let Some(form) = form {
            if !self.accept(&form, request, progress) {
                return self.show_again(request, progress).await;
            }
            if let Some(reply) = self.perform(&form, request, progress).await? {
                return Ok(reply);
            }
        }
        let decision = self.decide(request, progress).await?;
        self.follow(decision, request, progress).await
    }
}
