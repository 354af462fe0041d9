//! The refresh token grant, RFC 6749 §6. The rules are in [`rotation`](crate::token::rotation).

mod refresh;

use self::refresh::Refresh;
use super::requested_access::RequestedAccess;
use crate::client_authentication::AuthenticatedClient;
use crate::clock::Timestamp;
use crate::device::Device;
use crate::error::Error;
use crate::parameters::Parameters;
use crate::secret::Secret;
use crate::server::AuthorizationServer;
use crate::token::refresh_token::RefreshToken;
use crate::token::response::TokenResponse;

#[derive(Debug)]
pub struct RefreshTokenGrant {
    refresh_token: Secret,
    requested: RequestedAccess,
    arrival: Timestamp,
}

impl RefreshTokenGrant {
    pub fn parse(parameters: &Parameters, arrival: Timestamp) -> Result<Self, Error> {
        Ok(Self {
            refresh_token: parameters.require("refresh_token")?.clone(),
            requested: RequestedAccess::parse(parameters)?,
            arrival,
        })
    }

    /// Exchanges the token for its successor and an access token.
    pub async fn exchange(
        self,
        client: &AuthenticatedClient,
        device: &Device,
        server: &AuthorizationServer,
    ) -> Result<TokenResponse, Error> {
        let refresh = self.begin(client, device, server)?;
        let (record, access) = refresh.run().await?;
        refresh.respond(&record, &access)
    }

    /// Whether one statement may decide it. A request for less access is checked before the token is consumed.
    pub const fn may_be_exchanged_at_once(&self) -> bool {
        self.requested.is_empty()
    }

    /// Does it in one statement. `None`, and nothing is changed, if the client has changed or the row does not allow it.
    pub async fn exchange_at_once(
        &self,
        client: &AuthenticatedClient,
        device: &Device,
        server: &AuthorizationServer,
    ) -> Result<Option<TokenResponse>, Error> {
        let Ok(refresh) = self.begin(client, device, server) else {
            return Ok(None);
        };
        let Some(record) = refresh.rotate(Some(client.client.revision)).await? else {
            return Ok(None);
        };
        let access = refresh.access(&record)?;
        refresh.respond(&record, &access).map(Some)
    }

    fn begin<'a>(
        &'a self,
        client: &'a AuthenticatedClient,
        device: &'a Device,
        server: &'a AuthorizationServer,
    ) -> Result<Refresh<'a>, Error> {
        let token = RefreshToken::decode(self.refresh_token.expose(), &server.root_secrets)
            .map_err(|error| Error::InvalidGrant(error.to_string().into()))?;
        Ok(Refresh {
            token,
            requested: &self.requested,
            arrival: self.arrival,
            client,
            device,
            server,
        })
    }
}
