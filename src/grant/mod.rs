//! Grants: credentials that a client exchanges for tokens, RFC 6749 §1.3. One file per grant type.

mod authorization_code;
mod client_credentials;
mod password;
mod refresh_token;

use self::authorization_code::AuthorizationCodeGrant;
use self::client_credentials::ClientCredentialsGrant;
use self::password::PasswordGrant;
use self::refresh_token::RefreshTokenGrant;
use crate::client::GrantType;
use crate::client_authentication::AuthenticatedClient;
use crate::clock::Timestamp;
use crate::device::Device;
use crate::error::Error;
use crate::parameters::Parameters;
use crate::server::AuthorizationServer;
use crate::token::response::TokenResponse;

/// A token request whose parameters have been parsed.
#[derive(Debug)]
pub enum Grant {
    /// RFC 6749 §4.1.
    AuthorizationCode(Box<AuthorizationCodeGrant>),
    /// RFC 6749 §4.3.
    Password(PasswordGrant),
    /// RFC 6749 §6.
    RefreshToken(RefreshTokenGrant),
    /// RFC 6749 §4.4.
    ClientCredentials(ClientCredentialsGrant),
}

impl Grant {
    /// Parses the parameters of a request that arrived at `arrival`.
    pub fn parse(parameters: &Parameters, arrival: Timestamp) -> Result<Self, Error> {
        let name = parameters.require("grant_type")?.expose();
        let grant_type = GrantType::parse(name)
            .ok_or_else(|| Error::UnsupportedGrantType("unknown grant_type".into()))?;
        match grant_type {
            GrantType::AuthorizationCode => {
                let grant = AuthorizationCodeGrant::parse(parameters)?;
                Ok(Self::AuthorizationCode(Box::new(grant)))
            }
            GrantType::Password => PasswordGrant::parse(parameters).map(Self::Password),
            GrantType::RefreshToken => {
                RefreshTokenGrant::parse(parameters, arrival).map(Self::RefreshToken)
            }
            GrantType::ClientCredentials => {
                ClientCredentialsGrant::parse(parameters).map(Self::ClientCredentials)
            }
        }
    }

    /// Whether [`exchange_at_once`](Self::exchange_at_once) may succeed.
    pub const fn may_be_exchanged_at_once(&self) -> bool {
        matches!(self, Self::RefreshToken(grant) if grant.may_be_exchanged_at_once())
    }

    /// Exchanges the grant for tokens, if one statement decides it: the usual refresh. `None` if it does not. The client
    /// may be [out of date](crate::store::client::ClientCache): then the statement has no effect.
    pub async fn exchange_at_once(
        &self,
        client: &AuthenticatedClient,
        device: &Device,
        server: &AuthorizationServer,
    ) -> Result<Option<TokenResponse>, Error> {
        match self {
            Self::RefreshToken(grant) if client.require_grant_type(self.grant_type()).is_ok() => {
                grant.exchange_at_once(client, device, server).await
            }
            _ => Ok(None),
        }
    }

    /// Exchanges the grant for tokens, if the client is registered for its grant type.
    pub async fn exchange(
        self,
        client: &AuthenticatedClient,
        device: Device,
        server: &AuthorizationServer,
    ) -> Result<TokenResponse, Error> {
        client.require_grant_type(self.grant_type())?;
        match self {
            Self::AuthorizationCode(grant) => grant.exchange(client, device, server).await,
            Self::Password(grant) => grant.exchange(client, device, server).await,
            Self::RefreshToken(grant) => grant.exchange(client, &device, server).await,
            Self::ClientCredentials(grant) => grant.exchange(client, server),
        }
    }

    const fn grant_type(&self) -> GrantType {
        match self {
            Self::AuthorizationCode(_) => GrantType::AuthorizationCode,
            Self::Password(_) => GrantType::Password,
            Self::RefreshToken(_) => GrantType::RefreshToken,
            Self::ClientCredentials(_) => GrantType::ClientCredentials,
        }
    }
}
