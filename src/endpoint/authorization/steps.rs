//! What a form does, and the page or redirect that follows.

use std::time::Duration;

use super::flow::{Flow, Progress};
use super::form::{Action, PageForm};
use super::pages::SignInContent;
use crate::authorization::browser_session::Credentials;
use crate::authorization::decision::Circumstances;
use crate::authorization::{
    AuthorizationRequest, BrowserSession, Decision, RedirectError, decide, issue,
};
use crate::endpoint::reply::Reply;
use crate::error::Error;
use crate::page::{ErrorKind, SignInProblem};
use crate::scope::{PROFILE, Scope};
use crate::secret::Secret;
use crate::store::{consent, session, user};
use crate::token::id_token::HintClaims;
use crate::username::Username;

/// How long a page stands for the sign-in before it.
const NEW_SIGN_IN: Duration = Duration::from_mins(10);

/// What a page stands for: its form has an effect only in the same state.
mod stage {
    use crate::authorization::{AuthorizationRequest, BrowserSession};

    /// The sign-in page.
    pub(super) const SIGN_IN: &str = "sign-in";

    /// A page for a signed-in user.
    pub(super) fn user(request: &AuthorizationRequest, signed_in: &BrowserSession) -> String {
        about("user", signed_in.user.id, request)
    }

    /// A page for a user who has authenticated for this request, which began this browser session.
    pub(super) fn session(request: &AuthorizationRequest, signed_in: &BrowserSession) -> String {
        about("session", signed_in.session.id, request)
    }

    /// The registration of the client may change while the page is shown: the user allows what it says.
    fn about(what: &str, id: uuid::Uuid, request: &AuthorizationRequest) -> String {
        let (name, scope) = (&request.client.name, &request.access.scope);
        format!("{what} {id}\n{scope}\n{name}")
    }
}

impl Flow<'_> {
    /// Whether the form has an effect. Records whether the user has authenticated for this request.
    pub(super) fn accept(
        &self,
        form: &PageForm,
        request: &AuthorizationRequest,
        progress: &mut Progress,
    ) -> bool {
        let mut stages = vec![stage::SIGN_IN.to_owned()];
        let mut of_new_sign_in = None;
        if let Some(signed_in) = &progress.signed_in {
            stages.push(stage::user(request, signed_in));
            stages.push(stage::session(request, signed_in));
            let new_until = signed_in.session.authenticated_at.plus(NEW_SIGN_IN);
            let is_new = self.server.clock.now() < new_until;
            of_new_sign_in = stages.last().filter(|_| is_new).cloned();
        }
        let Some(found) = self
            .browser
            .check_form(&form.token, self.pages.query(), &stages)
        else {
            return false;
        };
        progress.done.signed_in = of_new_sign_in.as_deref() == Some(found);
        let is_about_user = matches!(form.action, Action::Allow | Action::Continue);
        !(is_about_user && found == stage::SIGN_IN)
    }

    /// The page for a form that was refused. It has had no effect.
    pub(super) async fn show_again(
        &self,
        request: &AuthorizationRequest,
        progress: &Progress,
    ) -> Result<Reply, RedirectError> {
        if !self.browser.has_form_cookie() {
            return Ok(self.pages.no_cookies());
        }
        let decision = self.decide(request, progress).await?;
        let mut reply = match decision {
            Decision::SignIn => {
                self.sign_in_page(request, SignInContent::after(SignInProblem::FormRefused))
            }
            Decision::ContinueAs | Decision::Consent => {
                self.follow(decision, request, progress).await?
            }
            Decision::Refuse(_) | Decision::Grant => self.pages.error(ErrorKind::FormRefused, None),
        };
        reply.set_status(ErrorKind::FormRefused.status());
        Ok(reply)
    }

    /// Does what the form says. Returns a reply if the request cannot be decided yet.
    pub(super) async fn perform(
        &self,
        form: &PageForm,
        request: &AuthorizationRequest,
        progress: &mut Progress,
    ) -> Result<Option<Reply>, RedirectError> {
        match form.action {
            Action::Decline => return Err(RedirectError::access_denied()),
            Action::OtherAccount => {
                return Ok(Some(self.sign_in_page(request, SignInContent::default())));
            }
            Action::SignIn => return self.sign_in(form, request, progress).await,
            Action::Continue => progress.done.continued = true,
            Action::Allow => self.consent(request, progress).await?,
        }
        Ok(None)
    }

    /// Begins a browser session, unless the user has signed in in another tab meanwhile.
    async fn sign_in(
        &self,
        form: &PageForm,
        request: &AuthorizationRequest,
        progress: &mut Progress,
    ) -> Result<Option<Reply>, RedirectError> {
        let username = Username::parse(form.username.expose().trim());
        let is_signed_in = progress.signed_in.as_ref().is_some_and(|signed_in| {
            username.is_ok_and(|username| username.as_str() == signed_in.user.username)
        });
        if is_signed_in && self.decide(request, progress).await? != Decision::SignIn {
            progress.done.continued = true;
            return Ok(None);
        }
        let credentials = Credentials {
            username: &form.username,
            password: &form.password,
            stay_signed_in: form.stay_signed_in,
        };
        let (device, before) = (&self.browser.device, progress.signed_in.as_ref());
        let problem = match BrowserSession::begin(&credentials, before, device, self.server).await {
            Ok(signed_in) => {
                progress.signed_in = Some(signed_in);
                progress.done.signed_in = true;
                return Ok(None);
            }
            Err(Error::InvalidGrant(reason)) => {
                tracing::info!(%reason, "sign-in refused");
                SignInProblem::Refused
            }
            Err(Error::TooManyAttempts(seconds)) => SignInProblem::TooManyAttempts { seconds },
            Err(Error::TemporarilyUnavailable(reason)) => {
                tracing::warn!(%reason, "sign-in put off");
                SignInProblem::Unavailable
            }
            Err(error) => return Err(error.into()),
        };
        let content = SignInContent {
            username: form.username.expose(),
            stay_signed_in: form.stay_signed_in,
            ..SignInContent::after(problem)
        };
        Ok(Some(self.sign_in_page(request, content)))
    }

    /// Stores the consent of the signed-in user.
    async fn consent(
        &self,
        request: &AuthorizationRequest,
        progress: &mut Progress,
    ) -> Result<(), RedirectError> {
        let Some(signed_in) = &progress.signed_in else {
            return Ok(());
        };
        let cause = signed_in.cause(&self.browser.device, self.server);
        let (user_id, scope) = (signed_in.user.id, &request.access.scope);
        let store = &self.server.store;
        let is_given = consent::give(store, user_id, &request.client.id, scope, &cause).await?;
        progress.done.consented = is_given;
        Ok(())
    }

    /// Decides on the request.
    pub(super) async fn decide(
        &self,
        request: &AuthorizationRequest,
        progress: &Progress,
    ) -> Result<Decision, RedirectError> {
        let signed_in = progress.signed_in.as_ref();
        let consented = match signed_in.filter(|_| request.client.requires_consent()) {
            Some(signed_in) => {
                consent::find(&self.server.store, signed_in.user.id, &request.client.id).await?
            }
            None => None,
        };
        let consented = consented.map(|consent| consent.scope());
        let circumstances = Circumstances {
            signed_in,
            consented: consented.as_ref(),
            done: progress.done,
            session_lifetime: request
                .client
                .policy(&self.server.settings)
                .session_lifetime,
            now: self.server.clock.now(),
        };
        Ok(decide(request, circumstances))
    }

    /// The page or the redirect of a decision.
    pub(super) async fn follow(
        &self,
        decision: Decision,
        request: &AuthorizationRequest,
        progress: &Progress,
    ) -> Result<Reply, RedirectError> {
        match (decision, &progress.signed_in) {
            (Decision::Refuse(error), _) => Err(error),
            (Decision::SignIn, _) | (_, None) => {
                let username = self.expected_username(request).await?;
                let content = SignInContent {
                    username: &username,
                    ..SignInContent::default()
                };
                Ok(self.sign_in_page(request, content))
            }
            (Decision::Grant, Some(signed_in)) => {
                let code = issue(request, signed_in, self.server)?;
                let issuer = &self.server.settings.issuer;
                let url = request.address.with_code(code.expose(), issuer);
                Ok(Reply::redirect(&url))
            }
            (Decision::Consent, Some(signed_in)) => {
                let token = self.user_token(request, signed_in, progress);
                Ok(self
                    .pages
                    .consent(request, &token, &signed_in.user.username))
            }
            (Decision::ContinueAs, Some(signed_in)) => {
                let token = self.user_token(request, signed_in, progress);
                Ok(self
                    .pages
                    .continue_as(request, &token, &signed_in.user.username))
            }
        }
    }

    /// The username that the sign-in page shows.
    async fn expected_username(
        &self,
        request: &AuthorizationRequest,
    ) -> Result<String, RedirectError> {
        let hinted = match &request.hint {
            Some(hint) => self.hinted_username(hint).await?,
            None => None,
        };
        let name = hinted.or_else(|| request.login_hint.clone());
        Ok(name.unwrap_or_default())
    }

    /// The username of a hint whose session was granted `profile`. A client with the ID token can open this page itself
    /// and read the username.
    async fn hinted_username(&self, hint: &HintClaims) -> Result<Option<String>, RedirectError> {
        let store = &self.server.store;
        let of_profile = session::find(store, hint.sid).await?.filter(|record| {
            let scope = Scope::from_stored(&record.session.scope);
            record.session.user_id == hint.sub && scope.contains(PROFILE)
        });
        if of_profile.is_none() {
            return Ok(None);
        }
        let user = user::find(store, hint.sub).await?;
        Ok(user.map(|user| user.username))
    }

    fn sign_in_page(&self, request: &AuthorizationRequest, content: SignInContent<'_>) -> Reply {
        let token = self.browser.form_token(self.pages.query(), stage::SIGN_IN);
        self.pages.sign_in(request, &token, content)
    }

    fn user_token(
        &self,
        request: &AuthorizationRequest,
        signed_in: &BrowserSession,
        progress: &Progress,
    ) -> Secret {
        let stage = if progress.done.signed_in {
            stage::session(request, signed_in)
        } else {
            stage::user(request, signed_in)
        };
        self.browser.form_token(self.pages.query(), &stage)
    }
}
