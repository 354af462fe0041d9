//! Whether an access token of ours is good at this moment: it verifies, and whoever it speaks for may
//! still have it. The store is asked, so an ended session counts at once, on every node.

use sea_orm::DbErr;
use uuid::Uuid;

use super::access_token;
use super::claims::{Claims, Validity};
use super::opaque::{self, OpaqueToken};
use crate::clock::Timestamp;
use crate::server::AuthorizationServer;
use crate::store::{client, session, user};

/// The token of an `Authorization: Bearer` header, RFC 6750 §2.1; `None` for another scheme.
#[must_use]
pub fn bearer_token(authorization: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(authorization).ok()?.trim();
    let (scheme, token) = text.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("Bearer")
        .then_some(token.trim())
}

/// An access token that is good at this moment.
#[derive(Debug)]
pub struct ActiveToken {
    /// What it says.
    pub claims: Claims,
    /// For whom it speaks; `None` where a client speaks for itself.
    pub user: Option<user::Model>,
}

/// Why there is no active token.
#[derive(Debug)]
pub enum Inactive {
    /// It is no good, and why; for the log.
    Refused(String),
    /// The store does not say.
    Unknown(DbErr),
}

impl From<DbErr> for Inactive {
    fn from(error: DbErr) -> Self {
        Self::Unknown(error)
    }
}

impl ActiveToken {
    /// Finds out what a token says and whether it is good.
    ///
    /// # Errors
    ///
    /// [`Inactive`].
    pub async fn find(text: &str, server: &AuthorizationServer) -> Result<Self, Inactive> {
        let now = server.clock.now();
        if text.starts_with(opaque::PREFIX) {
            return Self::find_opaque(text, now, server).await;
        }
        let claims = access_token::verify(text, now, server).map_err(Inactive::Refused)?;
        if let Some(sid) = claims.sid {
            let record = living(sid, now, server).await?;
            return Self::of(claims, record.session.user_id, server).await;
        }
        let client = client::find(&server.store, &claims.client_id).await?;
        if client.is_none_or(|client| client.disabled_at.is_some()) {
            return Err(refused("its client is gone or disabled"));
        }
        Ok(Self { claims, user: None })
    }

    async fn find_opaque(
        text: &str,
        now: Timestamp,
        server: &AuthorizationServer,
    ) -> Result<Self, Inactive> {
        let token = OpaqueToken::decode(text, &server.root_secrets)
            .map_err(|why| Inactive::Refused(why.to_string()))?;
        let record = living(token.session, now, server).await?;
        let session = &record.session;
        let client = client::find(&server.store, &session.client_id).await?;
        let client = client.ok_or_else(|| refused("its client is gone"))?;
        let issued_at = Timestamp::from_micros(i64::from(token.issued_at) * 1_000_000);
        let policy = client.policy(&server.settings);
        let expires_at = issued_at.plus(policy.access_token_lifetime);
        let expires_at = expires_at.min(session.ends_at(&policy));
        if now.as_seconds() >= expires_at.as_seconds() {
            return Err(refused("expired"));
        }
        // The session as it was when the token was issued.
        let mut then = session.clone();
        then.generation = i64::from(token.generation);
        then.rotated_at = issued_at;
        let validity = Validity {
            issued_at,
            expires_at,
        };
        let roles = record.roles.as_deref().unwrap_or_default();
        let narrowed = token.narrowed(session, &server.settings.issuer);
        let claims = Claims::for_session(&then, roles, &narrowed, validity, server);
        Self::of(claims, session.user_id, server).await
    }

    async fn of(
        claims: Claims,
        user: Uuid,
        server: &AuthorizationServer,
    ) -> Result<Self, Inactive> {
        let user = user::find(&server.store, user).await?;
        Ok(Self {
            claims,
            user: Some(user.ok_or_else(|| refused("its user is gone"))?),
        })
    }
}

/// The session with this id, if it lives.
async fn living(
    id: Uuid,
    now: Timestamp,
    server: &AuthorizationServer,
) -> Result<session::Record, Inactive> {
    let ended = || refused("its session, user or client is over");
    let record = session::find(&server.store, id).await?.ok_or_else(ended)?;
    let client = client::find(&server.store, &record.session.client_id).await?;
    let client = client.ok_or_else(ended)?;
    if record.is_alive(now, &client.policy(&server.settings)) {
        Ok(record)
    } else {
        Err(ended())
    }
}

fn refused(why: &str) -> Inactive {
    Inactive::Refused(why.to_owned())
}
