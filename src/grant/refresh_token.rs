//! The refresh token grant, RFC 6749 §6. The rules are in [`rotation`](crate::token::rotation).

use std::time::Duration;

use crate::client_authentication::AuthenticatedClient;
use crate::clock::Timestamp;
use crate::device::Device;
use crate::error::Error;
use crate::parameters::Parameters;
use crate::secret::Secret;
use crate::server::AuthorizationServer;
use crate::store::session::SessionRecord;
use crate::token::access::{Access, SessionAccess};
use crate::token::refresh::Refresh;
use crate::token::refresh_token::RefreshToken;
use crate::token::requested_access::RequestedAccess;
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
        let check = |record: &SessionRecord| self.access(record, client, server);
        let (record, access) = refresh.run(check).await?;
        respond(&record, &access, client, server)
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
        let access = self.access(&record, client, server)?;
        respond(&record, &access, client, server).map(Some)
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
            arrival: self.arrival,
            client: &client.client,
            policy: &client.policy,
            device,
            kept_for: Duration::ZERO,
            server,
        })
    }

    /// The requested access, of the access that is left of the session's.
    ///
    /// "The requested scope MUST NOT include any scope not originally granted by the resource owner, and
    /// if omitted is treated as equal to the scope originally granted", RFC 6749 §6. If nothing is left,
    /// `invalid_grant` makes the client ask the user to sign in again.
    fn access(
        &self,
        record: &SessionRecord,
        client: &AuthenticatedClient,
        server: &AuthorizationServer,
    ) -> Result<Access, Error> {
        let (client, issuer) = (&client.client, &server.settings.issuer);
        let granted = Access::still_granted(&record.session, client, issuer).ok_or_else(|| {
            Error::InvalidGrant("nothing is left of the access of the session".into())
        })?;
        self.requested.narrow(granted)
    }
}

fn respond(
    record: &SessionRecord,
    access: &Access,
    client: &AuthenticatedClient,
    server: &AuthorizationServer,
) -> Result<TokenResponse, Error> {
    let content = SessionAccess {
        session: &record.session,
        roles: record.roles.as_deref().unwrap_or_default(),
        access,
        nonce: None,
    };
    TokenResponse::for_session(content, client, server)
}
