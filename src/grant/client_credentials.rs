//! The client credentials grant, RFC 6749 §4.4: a token for the client itself, such as a nightly job.

use crate::client_authentication::AuthenticatedClient;
use crate::error::Error;
use crate::parameters::Parameters;
use crate::server::AuthorizationServer;
use crate::token::access::Access;
use crate::token::requested_access::RequestedAccess;
use crate::token::response::TokenResponse;

#[derive(Debug)]
pub struct ClientCredentialsGrant {
    requested: RequestedAccess,
}

impl ClientCredentialsGrant {
    pub fn parse(parameters: &Parameters) -> Result<Self, Error> {
        Ok(Self {
            requested: RequestedAccess::parse(parameters)?,
        })
    }

    /// Issues an access token. "A refresh token SHOULD NOT be included", RFC 6749 §4.4.3.
    pub fn exchange(
        self,
        client: &AuthenticatedClient,
        server: &AuthorizationServer,
    ) -> Result<TokenResponse, Error> {
        let row = &client.client;
        // "The client credentials grant type MUST only be used by confidential clients", §4.4.
        let secret_id = client.secret.ok_or_else(|| {
            let reason = format!("client {} is public", row.id);
            Error::UnauthorizedClient(reason.into())
        })?;
        let registered = Access::of_client(row, &server.settings.issuer);
        let access = self.requested.narrow(registered)?;
        TokenResponse::for_client(secret_id, &access, client, server)
    }
}
