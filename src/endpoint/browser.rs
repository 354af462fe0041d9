//! The browser that sends a request: its cookies, its device, and whether it sends a form of this server's page.

use poem::Request;
use poem::http::HeaderMap;

use super::reply::Reply;
use crate::authorization::BrowserSession;
use crate::device::Device;
use crate::error::Error;
use crate::page::cookie::PageCookie;
use crate::page::form_origin::is_own_form;
use crate::page::form_token::FormBinding;
use crate::response::caller;
use crate::secret::{Secret, random_text};
use crate::server::AuthorizationServer;

/// The browser that sends a request.
pub(super) struct Browser<'a> {
    headers: &'a HeaderMap,
    /// The device.
    pub device: Device,
    session_cookie: PageCookie,
    form_cookie: PageCookie,
    /// The value of the cookie that is set before the sign-in.
    form_secret: Option<Secret>,
    /// The value that this response sets.
    new_form_secret: Secret,
    server: &'a AuthorizationServer,
}

impl<'a> Browser<'a> {
    /// Reads the request.
    pub fn read(request: &'a Request, server: &'a AuthorizationServer) -> Self {
        let issuer = &server.settings.issuer;
        let form_cookie = PageCookie::form(issuer);
        Self {
            headers: request.headers(),
            device: caller::device(request, &server.settings),
            session_cookie: PageCookie::session(issuer),
            form_secret: form_cookie.read(request.headers()),
            new_form_secret: random_text(),
            form_cookie,
            server,
        }
    }

    /// The user who is signed in.
    pub async fn session(&self) -> Result<Option<BrowserSession>, Error> {
        match self.session_cookie.read(self.headers) {
            Some(cookie) => BrowserSession::find(cookie.expose(), &self.device, self.server).await,
            None => Ok(None),
        }
    }

    /// Whether the browser has the cookie that is set before a form.
    pub const fn has_form_cookie(&self) -> bool {
        self.form_secret.is_some()
    }

    /// The token of a form for this request. `stage` says what the page stands for.
    pub fn form_token(&self, query: &str, stage: &str) -> Secret {
        let binding = FormBinding {
            query: &bound(query, stage),
            cookie: self.form_secret.as_ref().unwrap_or(&self.new_form_secret),
        };
        binding.issue(&self.server.root_secrets, self.server.clock.now())
    }

    /// Whether a page of this server sent the form, and it was made for this request, this browser and one of these
    /// stages. Returns the stage.
    pub fn check_form<'s>(
        &self,
        token: &Secret,
        query: &str,
        stages: &'s [String],
    ) -> Option<&'s str> {
        let cookie = self.form_secret.as_ref()?;
        if !is_own_form(self.headers, &self.server.settings.issuer) {
            tracing::info!(reason = "another origin has sent it", "form refused");
            return None;
        }
        let (secrets, now) = (&self.server.root_secrets, self.server.clock.now());
        let check = |stage: &String| {
            let query = &bound(query, stage);
            let binding = FormBinding { query, cookie };
            binding.check(token.expose(), secrets, now)
        };
        let mut reason = None;
        for stage in stages {
            match check(stage) {
                Ok(()) => return Some(stage),
                Err(error) => reason = Some(error),
            }
        }
        tracing::info!(reason = reason.map(tracing::field::display), "form refused");
        None
    }

    /// Deletes the cookie of a session that has ended.
    pub fn delete_session_cookie(&self, reply: &mut Reply) {
        self.session_cookie.delete(reply.headers_mut());
    }

    /// Sets the cookies that the browser does not have yet.
    pub fn set_cookies(&self, reply: &mut Reply, signed_in: Option<&BrowserSession>) {
        let headers = reply.headers_mut();
        if self.form_secret.is_none() {
            self.form_cookie.set(headers, &self.new_form_secret, None);
        }
        if let Some(session) = signed_in.filter(|session| session.is_new) {
            let value = session.token.encode(&self.server.root_secrets);
            let lifetime = session.cookie_lifetime(self.server.clock.now());
            self.session_cookie.set(headers, &value, lifetime);
        }
    }
}

/// The text that a form token is bound to. A query has no line end.
fn bound(query: &str, stage: &str) -> String {
    format!("{query}\n{stage}")
}
