//! The steps of a sign-out: by `GET`, and after the form of the question.

use poem::Request;
use poem::http::StatusCode;

use crate::authorization::sign_out::SignOutRequest;
use crate::authorization::{BrowserSession, Refusal};
use crate::endpoint::browser::Browser;
use crate::endpoint::pages::Pages;
use crate::endpoint::reply::Reply;
use crate::error::Error;
use crate::page::{ConfirmSignOutPage, ErrorKind, PageResponse, SignedOutPage};
use crate::parameters::Parameters;
use crate::secret::Secret;
use crate::server::AuthorizationServer;

/// What the question stands for: its form has an effect here only. It signs out the user who is then signed in.
const STAGE: &str = "sign-out";

/// A sign-out request that a browser sends.
pub(super) struct SignOutFlow<'a> {
    browser: Browser<'a>,
    pages: Pages<'a>,
    server: &'a AuthorizationServer,
}

/// The form of the question.
struct Answer {
    token: Secret,
    stays_signed_in: bool,
}

impl Answer {
    /// Reads the form of the page: one that has the field `form_token`. Any other form is a sign-out request.
    fn read(fields: &Parameters) -> Option<Self> {
        let action = fields.find("action").map(Secret::expose);
        Some(Self {
            token: fields.find("form_token")?.clone(),
            stays_signed_in: action != Some("sign_out"),
        })
    }
}

impl<'a> SignOutFlow<'a> {
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

    /// The reply to a form: of the page, or a sign-out request.
    pub(super) async fn receive(self, body: &[u8]) -> Reply {
        let Ok(fields) = Parameters::with_repeated(body) else {
            return self.pages.malformed();
        };
        match Answer::read(&fields) {
            Some(answer) => self.answer(Some(answer)).await,
            None => self.pages.redirect_to_get(body),
        }
    }

    async fn answer(self, answer: Option<Answer>) -> Reply {
        let Ok(parameters) = Parameters::with_repeated(self.pages.query().as_bytes()) else {
            return self.pages.malformed();
        };
        let request = match SignOutRequest::parse(&parameters, self.server).await {
            Ok(request) => request,
            Err(Refusal::Invalid(detail)) => {
                tracing::info!(reason = detail, "sign-out request refused");
                return self.pages.error(ErrorKind::InvalidRequest, Some(detail));
            }
            Err(Refusal::Failed(error)) => return self.pages.failure(error),
        };
        let outcome = self.advance(&request, answer).await;
        outcome.unwrap_or_else(|error| self.pages.failure(error))
    }

    async fn advance(
        &self,
        request: &SignOutRequest,
        answer: Option<Answer>,
    ) -> Result<Reply, Error> {
        let signed_in = self.browser.session().await?;
        let signed_in = signed_in.as_ref();
        let mut reply = match answer {
            None if request.is_confirmed(signed_in, self.server).await? => {
                return self.sign_out(request, signed_in).await;
            }
            None => self.ask(request, signed_in),
            Some(answer) if !self.is_accepted(&answer) => self.ask_again(request, signed_in),
            Some(answer) if answer.stays_signed_in => {
                Reply::redirect(&format!("{}/", self.server.settings.issuer))
            }
            Some(_) => return self.sign_out(request, signed_in).await,
        };
        self.browser.set_cookies(&mut reply, signed_in);
        Ok(reply)
    }

    fn is_accepted(&self, answer: &Answer) -> bool {
        let (query, stages) = (self.pages.query(), [STAGE.to_owned()]);
        self.browser
            .check_form(&answer.token, query, &stages)
            .is_some()
    }

    /// The question.
    fn ask(&self, request: &SignOutRequest, signed_in: Option<&BrowserSession>) -> Reply {
        let token = self.browser.form_token(self.pages.query(), STAGE);
        let page = ConfirmSignOutPage {
            site: self.pages.site,
            form: self.pages.form(&token),
            username: signed_in.map(|signed_in| signed_in.user.username.as_str()),
            client: request.client.as_ref().map(|client| client.name.as_str()),
        };
        let redirect_uri = request.address.as_ref();
        let redirect_uri = redirect_uri.map(|address| address.redirect_uri.as_str());
        let page = PageResponse::new(StatusCode::OK, &page);
        page.with_form(redirect_uri).into()
    }

    /// The page for a form that was refused. It has had no effect.
    fn ask_again(&self, request: &SignOutRequest, signed_in: Option<&BrowserSession>) -> Reply {
        if !self.browser.has_form_cookie() {
            return self.pages.no_cookies();
        }
        let mut reply = self.ask(request, signed_in);
        reply.set_status(ErrorKind::FormRefused.status());
        reply
    }

    /// Signs the user out, and returns to the client if it has said where.
    async fn sign_out(
        &self,
        request: &SignOutRequest,
        signed_in: Option<&BrowserSession>,
    ) -> Result<Reply, Error> {
        let device = &self.browser.device;
        request.perform(signed_in, device, self.server).await?;
        let mut reply = request.address.as_ref().map_or_else(
            || self.signed_out(),
            |address| Reply::redirect(&address.after_sign_out()),
        );
        self.browser.delete_session_cookie(&mut reply);
        Ok(reply)
    }

    fn signed_out(&self) -> Reply {
        let site = self.pages.site;
        PageResponse::new(StatusCode::OK, &SignedOutPage { site }).into()
    }
}
