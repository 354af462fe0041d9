//! The successful answer of the token endpoint, RFC 6749 §5.1; made in one place.

use super::claims::{Claims, Validity};
use super::opaque::OpaqueToken;
use crate::client::AccessTokenFormat;
use crate::client_authentication::AuthenticatedClient;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::scope::Scope;
use crate::secret::Secret;
use crate::server::AuthorizationServer;
use crate::store::client::Model as Client;
use crate::store::session::Model as Session;
use crate::token::access_token;
use crate::token::refresh_token::RefreshToken;

/// What a client gets.
#[derive(Debug)]
pub struct TokenResponse {
    /// A JWT by RFC 9068, or a reference.
    pub access_token: Secret,
    /// Seconds until the access token expires.
    pub expires_in: i64,
    /// What the next refresh is made with; none where a client speaks for itself.
    pub refresh_token: Option<Secret>,
    /// What the access token allows.
    pub scope: Scope,
}

/// What one access token is narrowed to.
#[derive(Debug)]
pub struct Narrowed {
    /// The scope asked for, or the session's.
    pub scope: Scope,
    /// The resource asked for, or all that the session may have tokens for.
    pub audience: Vec<String>,
}

impl Narrowed {
    /// What was granted to a session and may still be had by its client: what is registered of a client
    /// counts from the next refresh on. `None` when nothing of the one or of the other is left; a session
    /// that was granted no scope keeps none.
    #[must_use]
    pub fn still_granted(session: &Session, client: &Client, issuer: &str) -> Option<Self> {
        let granted = Scope::from_stored(&session.scope);
        let scope = granted.common_with(&client.scope());
        let registered = client.audience(issuer);
        let mut audience = session.audience(issuer);
        audience.retain(|one| registered.contains(one));
        let is_left = !audience.is_empty() && (granted.is_empty() || !scope.is_empty());
        is_left.then_some(Self { scope, audience })
    }
}

impl TokenResponse {
    /// The answer for a session as it stands. All of it comes from the row, so that for the same
    /// row it is the same answer; only `expires_in` counts down.
    ///
    /// # Errors
    ///
    /// [`Error::ServerError`] when no signing key can sign; [`Error::InvalidGrant`] when the client's
    /// tokens have become opaque, and this session has more scopes or audiences than those can name.
    pub fn for_session(
        session: &Session,
        roles: &str,
        narrowed: Narrowed,
        client: &AuthenticatedClient,
        server: &AuthorizationServer,
    ) -> Result<Self, Error> {
        let now = server.clock.now();
        let lifetime = client.policy.access_token_lifetime;
        let end = session.ends_at(&client.policy);
        let validity = Validity {
            issued_at: session.rotated_at,
            expires_at: session.rotated_at.plus(lifetime).min(end),
        };
        let access_token = match client.policy.access_token_format {
            AccessTokenFormat::Jwt => {
                let claims = Claims::for_session(session, roles, &narrowed, validity, server);
                access_token::sign(&claims, &client.policy, validity.issued_at, server)?
            }
            // A session from before the client's tokens were opaque: its person signs in again.
            AccessTokenFormat::Opaque => {
                OpaqueToken::of(session, &narrowed, &server.settings.issuer)
                    .ok_or_else(|| {
                        Error::InvalidGrant(
                        "the session has more scopes or audiences than an opaque token can name"
                            .into(),
                    )
                    })?
                    .encode(&server.root_secrets)
            }
        };
        let generation = u32::try_from(session.generation)
            .map_err(|_| Error::ServerError("generation out of range".into()))?;
        let refresh_token = RefreshToken {
            session: session.id,
            generation,
        };
        Ok(Self {
            access_token,
            expires_in: seconds_between(now, validity.expires_at),
            refresh_token: Some(refresh_token.encode(&server.root_secrets)),
            scope: narrowed.scope,
        })
    }

    /// The answer for a client that speaks for itself: a JWT, and no refresh token.
    ///
    /// # Errors
    ///
    /// [`Error::ServerError`] when no signing key can sign.
    pub fn for_client(
        narrowed: Narrowed,
        client: &AuthenticatedClient,
        server: &AuthorizationServer,
    ) -> Result<Self, Error> {
        let now = server.clock.now();
        let validity = Validity {
            issued_at: now,
            expires_at: now.plus(client.policy.access_token_lifetime),
        };
        let claims = Claims::for_client(&client.client.id, &narrowed, validity, server);
        Ok(Self {
            access_token: access_token::sign(&claims, &client.policy, now, server)?,
            expires_in: seconds_between(now, validity.expires_at),
            refresh_token: None,
            scope: narrowed.scope,
        })
    }
}

/// In the whole seconds that the token itself speaks in, so that a client never believes in a token
/// for longer than an API does.
const fn seconds_between(now: Timestamp, end: Timestamp) -> i64 {
    let seconds = end.as_seconds() - now.as_seconds();
    if seconds > 0 { seconds } else { 0 }
}
