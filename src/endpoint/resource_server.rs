//! Authorization of callers that introspect tokens or list revoked sessions, RFC 7662 §2.1.

use poem::Request;
use poem::http::{HeaderMap, HeaderValue, header};

use crate::client_authentication::{self, AuthenticatedClient};
use crate::error::Error;
use crate::parameters::Parameters;
use crate::response::cors::set_client;
use crate::scope::INTROSPECT;
use crate::server::AuthorizationServer;
use crate::token::active::{ActiveToken, bearer_token};

/// An authorized caller.
pub(super) enum ResourceServer {
    /// A confidential client, such as an API.
    Client(Box<AuthenticatedClient>),
    /// The bearer of an access token with the scope `introspect`: an administrator, or a client by its own token.
    Operator,
}

impl ResourceServer {
    /// Authorizes the caller: "To prevent token scanning attacks, the endpoint MUST also require some
    /// form of authorization to access this endpoint", RFC 7662 §2.1.
    pub(super) async fn authorize(
        request: &Request,
        parameters: &Parameters,
        server: &AuthorizationServer,
    ) -> Result<Self, Error> {
        let authorization = single_authorization(request.headers())?;
        if let Some(token) = authorization.and_then(bearer_token) {
            let active = ActiveToken::find(token, server).await?;
            set_client(&active.client, request);
            if !active.claims.is_only_for(&server.settings.issuer) {
                return Err(Error::OtherAudience);
            }
            if !active.permits(INTROSPECT.name) || !active.has_role_for(&INTROSPECT) {
                return Err(Error::InsufficientScope(INTROSPECT.name.into()));
            }
            return Ok(Self::Operator);
        }
        let client = client_authentication::authenticate(authorization, parameters, server).await?;
        if !client.client.confidential {
            return Err(Error::InvalidClient {
                reason: "a public client cannot introspect".into(),
                by_header: authorization.is_some(),
            });
        }
        set_client(&client.client, request);
        Ok(Self::Client(Box::new(client)))
    }

    /// Whether the caller may see a token of this client with this audience: "the
    /// authorization server could [...] limit the information [...] to what is appropriate for this
    /// resource server", RFC 7662 §2.2.
    pub(super) fn may_see<'a>(
        &self,
        client_id: &str,
        mut audience: impl Iterator<Item = &'a str>,
    ) -> bool {
        match self {
            Self::Operator => true,
            Self::Client(client) => {
                let row = &client.client;
                let own = row.registered_audience();
                row.id == client_id || audience.any(|one| own.contains(&one))
            }
        }
    }
}

/// The value of the single `Authorization` header, if there is one.
pub(super) fn single_authorization(headers: &HeaderMap) -> Result<Option<&[u8]>, Error> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let first = values.next().map(HeaderValue::as_bytes);
    if values.next().is_some() {
        return Err(Error::InvalidRequest(
            "several Authorization headers".into(),
        ));
    }
    Ok(first)
}
