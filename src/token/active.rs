//! Active access tokens: those that verify and whose session, user and client are active in the store. So a
//! revocation takes effect at once, on every node.

use sea_orm::DbErr;
use uuid::Uuid;

use super::access_token::{self, InvalidToken};
use super::claims::Claims;
use super::expiry;
use super::opaque::{self, OpaqueToken};
use crate::clock::{Doubt, Timestamp};
use crate::error::{Error, Reason};
use crate::scope::OwnScope;
use crate::server::AuthorizationServer;
use crate::store::session::SessionRecord;
use crate::store::{client, session, user};

/// The token of an `Authorization: Bearer` header, RFC 6750 §2.1; `None` for another scheme.
pub fn bearer_token(authorization: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(authorization).ok()?.trim();
    let (scheme, token) = text.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("Bearer")
        .then_some(token.trim())
}

/// Whether a query has an access token, RFC 6750 §2.3.
pub fn has_token_in_query(query: &str) -> bool {
    query
        .split('&')
        .any(|pair| pair.split('=').next() == Some("access_token"))
}

/// An active access token.
#[derive(Debug)]
pub struct ActiveToken {
    /// The claims.
    pub claims: Claims,
    /// The user; `None` if the token is for the client itself.
    pub user: Option<user::Model>,
    /// The client's present row.
    pub client: client::Model,
}

/// The reason why there is no active token.
#[derive(Debug, thiserror::Error)]
pub enum Inactive {
    /// The token is not active. A borrowed reason is one of this code, so it repeats no part of the token.
    #[error("{0}")]
    Refused(Reason),
    /// The token is not valid at this time, but the time may be wrong.
    #[error("{0}")]
    InDoubt(Doubt),
    /// The store failed.
    #[error("store: {0}")]
    Unknown(#[from] DbErr),
}

/// The refusal at an endpoint of the protocol.
impl From<Inactive> for Error {
    fn from(why: Inactive) -> Self {
        match why {
            Inactive::Refused(reason) => Self::InvalidToken(reason),
            Inactive::InDoubt(doubt) => expiry::in_doubt(doubt),
            Inactive::Unknown(error) => error.into(),
        }
    }
}

impl ActiveToken {
    /// Verifies a token and looks up its session.
    pub async fn find(text: &str, server: &AuthorizationServer) -> Result<Self, Inactive> {
        let now = server.clock.now();
        if text.starts_with(opaque::PREFIX) {
            return Self::find_opaque(text, now, server).await;
        }
        let claims = access_token::verify(text, now, server).map_err(|error| match error {
            InvalidToken::Malformed(reason) => Inactive::Refused(reason.into()),
            InvalidToken::Untimely(reason) => untimely(reason, server),
        })?;
        if let Some(sid) = claims.sid {
            let (record, client) = active_session(sid, now, server).await?;
            return Self::with_user(claims, record.session.user_id, client, server).await;
        }
        let client = active_client(&claims, now, server).await?;
        Ok(Self {
            claims,
            user: None,
            client,
        })
    }

    /// Whether the token has this scope and its client is still registered for it: a client that has lost a scope
    /// must not use it with tokens that it got before.
    pub fn permits(&self, scope: &str) -> bool {
        let registered = match self.user {
            Some(_) => self.client.scope(),
            None => self.client.own_scope(),
        };
        self.claims.scope().contains(scope) && registered.contains(scope)
    }

    /// Whether the user now has the role that the scope requires. A client's own token needs none.
    pub fn has_role_for(&self, scope: &OwnScope) -> bool {
        !scope.requires_role || self.user.as_ref().is_none_or(user::Model::is_admin)
    }

    async fn find_opaque(
        text: &str,
        now: Timestamp,
        server: &AuthorizationServer,
    ) -> Result<Self, Inactive> {
        let token = OpaqueToken::decode(text, &server.root_secrets)
            .map_err(|error| Inactive::Refused(error.to_string().into()))?;
        let (record, client) = active_session(token.session, now, server).await?;
        let session = &record.session;
        let validity = token.validity();
        if validity.has_expired(now) {
            return Err(untimely("expired", server));
        }
        if expiry::is_from_future(validity.issued_at, now, server) {
            return Err(untimely("issued in the future", server));
        }
        // The session as it was when the token was issued.
        let mut then = session.clone();
        then.generation = i64::from(token.generation);
        then.rotated_at = validity.issued_at;
        let roles = record.roles.as_deref().unwrap_or_default();
        let access = token.access(session, &server.settings.issuer);
        let claims = Claims::for_session(&then, roles, &access, validity, server);
        Self::with_user(claims, session.user_id, client, server).await
    }

    async fn with_user(
        claims: Claims,
        user: Uuid,
        client: client::Model,
        server: &AuthorizationServer,
    ) -> Result<Self, Inactive> {
        let user = user::find(&server.store, user).await?;
        Ok(Self {
            claims,
            user: Some(user.ok_or_else(|| refused("its user is deleted"))?),
            client,
        })
    }
}

/// The client of a token for the client itself, if the client has not ended since, and its secret is still valid.
async fn active_client(
    claims: &Claims,
    now: Timestamp,
    server: &AuthorizationServer,
) -> Result<client::Model, Inactive> {
    let (client, secrets) = client::find_with_secrets(&server.store, &claims.client_id).await?;
    let client = client
        .filter(|client| client.disabled_at.is_none())
        .ok_or_else(|| refused("its client is disabled or deleted"))?;
    let now = server.clock.at_most_trusted(now);
    if claims.is_obtained_by(&client, &secrets, now) {
        Ok(client)
    } else {
        let reason =
            "its client was disabled or deleted since, or its secret is not valid any more";
        Err(refused(reason))
    }
}

/// The session with this id, if it is active, and its client.
async fn active_session(
    id: Uuid,
    now: Timestamp,
    server: &AuthorizationServer,
) -> Result<(SessionRecord, client::Model), Inactive> {
    let inactive = || refused("its session, user or client is not active");
    let record = session::find(&server.store, id)
        .await?
        .ok_or_else(inactive)?;
    let client = client::find(&server.store, &record.session.client_id).await?;
    let client = client.ok_or_else(inactive)?;
    if record.is_alive(now, &client.policy(&server.settings)) {
        Ok((record, client))
    } else if record.is_ended_by_time() {
        Err(untimely("its session has expired", server))
    } else {
        Err(inactive())
    }
}

/// A refusal by the time, unless the time may be wrong.
fn untimely(reason: &'static str, server: &AuthorizationServer) -> Inactive {
    expiry::doubt(server).map_or_else(|| refused(reason), Inactive::InDoubt)
}

const fn refused(reason: &'static str) -> Inactive {
    Inactive::Refused(Reason::Borrowed(reason))
}
