//! Who may ask about tokens and sessions: an API, or whoever holds an access token for it, RFC 7662
//! §2.1.

use poem::Request;
use poem::http::{HeaderMap, HeaderValue, header};

use crate::client_authentication::{self, AuthenticatedClient};
use crate::error::Error;
use crate::parameters::Parameters;
use crate::response::cors::on_behalf_of;
use crate::scope::Scope;
use crate::server::AuthorizationServer;
use crate::token::active::{ActiveToken, Inactive, bearer_token};

/// What an access token must allow for its bearer to ask about others.
pub const INTROSPECT: &str = "introspect";

/// Who asks.
pub(super) enum Asker {
    /// A confidential client, such as an API.
    Client(Box<AuthenticatedClient>),
    /// The bearer of an access token for this.
    Operator,
}

impl Asker {
    /// Finds out who asks: "To prevent token scanning attacks, the endpoint MUST also require some
    /// form of authorization to access this endpoint", RFC 7662 §2.1.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidClient`], [`Error::InvalidToken`] or [`Error::InsufficientScope`].
    pub(super) async fn authorize(
        request: &Request,
        parameters: &Parameters,
        server: &AuthorizationServer,
    ) -> Result<Self, Error> {
        let authorization = single_authorization(request.headers())?;
        if let Some(token) = authorization.and_then(bearer_token) {
            let ActiveToken { claims, .. } =
                ActiveToken::find(token, server).await.map_err(refused)?;
            if !claims.is_for(&server.settings.issuer) {
                return Err(Error::InvalidToken("for another audience".into()));
            }
            on_behalf_of(&claims.client_id, request);
            if !claims.scope().covers(&Scope::from_stored(INTROSPECT)) {
                return Err(Error::InsufficientScope(INTROSPECT));
            }
            return Ok(Self::Operator);
        }
        let client = client_authentication::authenticate(authorization, parameters, server).await?;
        if !client.client.confidential {
            return Err(Error::InvalidClient(
                "a public client proves nothing by its name".into(),
            ));
        }
        on_behalf_of(&client.client.id, request);
        Ok(Self::Client(Box::new(client)))
    }

    /// Whether the asker may know about what belongs to this client and is for these audiences: "the
    /// authorization server could [...] limit the information [...] to what is appropriate for this
    /// resource server", RFC 7662 §2.2.
    pub(super) fn may_know<'a>(
        &self,
        client_id: &str,
        mut audience: impl Iterator<Item = &'a str>,
    ) -> bool {
        match self {
            Self::Operator => true,
            Self::Client(asker) => {
                let row = &asker.client;
                let own = row.registered_audience();
                row.id == client_id || audience.any(|one| own.contains(&one))
            }
        }
    }
}

fn refused(why: Inactive) -> Error {
    match why {
        Inactive::Refused(reason) => Error::InvalidToken(reason.into()),
        Inactive::Unknown(error) => error.into(),
    }
}

/// The value of the one `Authorization` header, if there is any.
///
/// # Errors
///
/// [`Error::InvalidRequest`] if there are several.
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
