//! Authorization responses, RFC 6749 §4.1.2: redirects with a code or an error.

use std::borrow::Cow;

use sea_orm::DbErr;

use crate::error::{Error, Reason};
use crate::redirect_uri::RedirectUri;

/// Where the browser returns to.
#[derive(Clone, Debug)]
pub struct ReturnAddress {
    /// The redirect URI of the request, which is registered with the client.
    pub redirect_uri: RedirectUri,
    /// The `state` of the request.
    pub state: Option<String>,
}

/// An error response, RFC 6749 §4.1.2.1 and OpenID Connect Core §3.1.2.6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedirectError {
    /// The error code.
    pub code: &'static str,
    /// What to do, for the developer of the client. It contains no input.
    pub description: Cow<'static, str>,
    /// The reason, for the log alone.
    pub reason: Reason,
}

impl RedirectError {
    /// An error with this code and description.
    pub const fn new(code: &'static str, description: &'static str) -> Self {
        Self {
            code,
            description: Cow::Borrowed(description),
            reason: Cow::Borrowed(description),
        }
    }

    /// `invalid_request`.
    pub const fn invalid_request(description: &'static str) -> Self {
        Self::new("invalid_request", description)
    }

    /// The user has declined.
    pub const fn access_denied() -> Self {
        Self::new("access_denied", "The user has declined.")
    }
}

impl From<Error> for RedirectError {
    fn from(error: Error) -> Self {
        Self {
            code: error.code(),
            description: error.description(),
            reason: error.reason().into_owned().into(),
        }
    }
}

impl From<DbErr> for RedirectError {
    fn from(error: DbErr) -> Self {
        Error::from(error).into()
    }
}

impl ReturnAddress {
    /// The URL of the redirect with a code.
    pub fn with_code(&self, code: &str, issuer: &str) -> String {
        self.with(&[("code", code)], issuer)
    }

    /// The URL of the redirect with an error.
    pub fn with_error(&self, error: &RedirectError, issuer: &str) -> String {
        let parameters = [
            ("error", error.code),
            ("error_description", &error.description),
        ];
        self.with(&parameters, issuer)
    }

    /// The URL of the redirect after a sign-out. "the OP passes this value back to the RP using the state parameter",
    /// OpenID Connect RP-Initiated Logout §2.
    pub fn after_sign_out(&self) -> String {
        let state = self.state.as_deref().map(|state| ("state", state));
        self.redirect_uri.with_parameters(state.as_slice())
    }

    /// "the authorization server MUST indicate its identity by including the "iss" parameter in the response", RFC 9207
    /// §2. "The state parameter is REQUIRED if the state parameter was present in the client authorization request. The
    /// exact value received from the client", RFC 6749 §4.1.2.
    fn with(&self, parameters: &[(&str, &str)], issuer: &str) -> String {
        let state = self.state.as_deref().map(|state| ("state", state));
        let all: Vec<_> = parameters
            .iter()
            .copied()
            .chain(state)
            .chain([("iss", issuer)])
            .collect();
        self.redirect_uri.with_parameters(&all)
    }
}
