//! Grants: what a client gives for tokens. One file for each, RFC 6749 §1.3.

pub mod client_credentials;
mod narrowing;
pub mod password;
pub mod refresh_token;

use crate::client_authentication::AuthenticatedClient;
use crate::clock::Timestamp;
use crate::device::Device;
use crate::error::Error;
use crate::parameters::Parameters;
use crate::server::AuthorizationServer;
use crate::token::response::TokenResponse;

/// The grant types that there are, for the metadata.
pub const TYPES: [&str; 3] = [
    password::TYPE,
    refresh_token::TYPE,
    client_credentials::TYPE,
];

/// The grant types by which people sign in and stay signed in.
pub const FOR_PEOPLE: [&str; 2] = [password::TYPE, refresh_token::TYPE];

/// A request for tokens, its own parameters read.
#[derive(Debug)]
pub enum Grant {
    /// RFC 6749 §4.3.
    Password(password::Request),
    /// RFC 6749 §6.
    RefreshToken(refresh_token::Request),
    /// RFC 6749 §4.4.
    ClientCredentials(client_credentials::Request),
}

impl Grant {
    /// Reads the parameters of the grant that `grant_type` names, which came at `now`.
    ///
    /// # Errors
    ///
    /// [`Error::UnsupportedGrantType`], or what the grant misses.
    pub fn parse(parameters: &Parameters, now: Timestamp) -> Result<Self, Error> {
        match parameters.require("grant_type")?.expose() {
            password::TYPE => password::Request::parse(parameters).map(Self::Password),
            refresh_token::TYPE => {
                refresh_token::Request::parse(parameters, now).map(Self::RefreshToken)
            }
            client_credentials::TYPE => {
                client_credentials::Request::parse(parameters).map(Self::ClientCredentials)
            }
            _ => Err(Error::UnsupportedGrantType("unknown grant_type".into())),
        }
    }

    /// The value of `grant_type`.
    #[must_use]
    pub const fn grant_type(&self) -> &'static str {
        match self {
            Self::Password(_) => password::TYPE,
            Self::RefreshToken(_) => refresh_token::TYPE,
            Self::ClientCredentials(_) => client_credentials::TYPE,
        }
    }

    /// Exchanges the grant for tokens.
    ///
    /// # Errors
    ///
    /// [`Error::UnauthorizedClient`] when the client may not use this grant, or why it is refused.
    pub async fn exchange(
        self,
        client: &AuthenticatedClient,
        device: Device,
        server: &AuthorizationServer,
    ) -> Result<TokenResponse, Error> {
        client.require_grant_type(self.grant_type())?;
        match self {
            Self::Password(request) => request.exchange(client, device, server).await,
            Self::RefreshToken(request) => request.exchange(client, device, server).await,
            Self::ClientCredentials(request) => request.exchange(client, server),
        }
    }
}
