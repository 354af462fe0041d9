//! The client credentials grant, RFC 6749 §4.4: a client that speaks for itself, such as a job that
//! runs at night.

use super::narrowing::Narrowing;
use crate::client_authentication::AuthenticatedClient;
use crate::error::Error;
use crate::parameters::Parameters;
use crate::server::AuthorizationServer;
use crate::token::response::TokenResponse;

/// The value of `grant_type`.
pub const TYPE: &str = "client_credentials";

/// The parameters of the grant.
#[derive(Debug)]
pub struct Request {
    narrowing: Narrowing,
}

impl Request {
    /// Reads the parameters.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidScope`] for a malformed scope, [`Error::InvalidTarget`] for several resources.
    pub fn parse(parameters: &Parameters) -> Result<Self, Error> {
        Ok(Self {
            narrowing: Narrowing::parse(parameters)?,
        })
    }

    /// Makes an access token. "A refresh token SHOULD NOT be included", RFC 6749 §4.4.3.
    ///
    /// # Errors
    ///
    /// [`Error::UnauthorizedClient`] for a public client: "The client credentials grant type MUST only
    /// be used by confidential clients", RFC 6749 §4.4; [`Error::InvalidScope`] or
    /// [`Error::InvalidTarget`] when it asks for more than it may have.
    pub fn exchange(
        self,
        client: &AuthenticatedClient,
        server: &AuthorizationServer,
    ) -> Result<TokenResponse, Error> {
        let row = &client.client;
        if !row.confidential {
            let reason = format!("client {} is public", row.id);
            return Err(Error::UnauthorizedClient(reason.into()));
        }
        let audience = row.audience(&server.settings.issuer);
        let narrowed = self.narrowing.apply(&row.scope(), audience)?;
        TokenResponse::for_client(narrowed, client, server)
    }
}
