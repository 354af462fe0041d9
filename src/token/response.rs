//! The response of the token endpoint, RFC 6749 §5.1.

use poem_openapi::Object;
use uuid::Uuid;

use super::access::{Access, SessionAccess};
use super::claims::{Claims, Validity};
use super::opaque::OpaqueToken;
use super::refresh_token::RefreshToken;
use super::{access_token, id_token};
use crate::client::{AccessTokenFormat, Policy};
use crate::client_authentication::AuthenticatedClient;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::scope::OPENID;
use crate::secret::Secret;
use crate::server::AuthorizationServer;

/// A token response, RFC 6749 section 5.1. Store both tokens and replace both at each refresh.
#[derive(Object)]
#[oai(rename = "TokenAnswer")]
pub struct TokenResponse {
    /// Send it to APIs as `Authorization: Bearer`. A JWT by RFC 9068, unless the client is registered
    /// for opaque ones.
    pub access_token: String,
    /// `Bearer`.
    pub token_type: String,
    /// Seconds until the access token expires.
    pub expires_in: i64,
    /// For the next refresh. If that response is lost, send the same refresh token again. Absent with
    /// `client_credentials`.
    #[oai(skip_serializing_if_is_none)]
    pub refresh_token: Option<String>,
    /// Who signed in, when and how: a JWT for the client alone, never for an API (OpenID Connect Core section 2). Only
    /// if the scope has `openid`.
    #[oai(skip_serializing_if_is_none)]
    pub id_token: Option<String>,
    /// The scope of the access token, space-separated.
    pub scope: String,
}

impl TokenResponse {
    /// The response for a session. The same row gives the same response; only `expires_in` counts down.
    pub fn for_session(
        content: SessionAccess<'_>,
        client: &AuthenticatedClient,
        server: &AuthorizationServer,
    ) -> Result<Self, Error> {
        let (policy, session) = (&client.policy, content.session);
        let access = content
            .access
            .of_token(&client.client, &server.settings.issuer);
        let content = SessionAccess {
            access: &access,
            ..content
        };
        let expires_at = session.rotated_at.plus(policy.access_token_lifetime);
        let validity = Validity {
            issued_at: session.rotated_at,
            expires_at: expires_at.min(session.ends_at(policy)),
        };
        let access_token = access_token(&content, policy, validity, server)?;
        // Each signature takes time, so a response without an ID token costs one.
        let id_token = if content.access.scope.contains(OPENID) {
            Some(id_token::sign(&content, &access_token, validity, server)?)
        } else {
            None
        };
        let generation = u32::try_from(session.generation)
            .map_err(|_| Error::ServerError("generation out of range".into()))?;
        let refresh_token = RefreshToken {
            session: session.id,
            generation,
        };
        let refresh_token = refresh_token.encode(&server.root_secrets);
        let response = Self::new(&access_token, validity, content.access, server);
        Ok(Self {
            refresh_token: Some(refresh_token.expose().to_owned()),
            id_token: id_token.map(|token| token.expose().to_owned()),
            ..response
        })
    }

    /// The response for the client itself, which has proved this secret: a JWT, and no refresh token.
    pub fn for_client(
        secret_id: Uuid,
        access: &Access,
        client: &AuthenticatedClient,
        server: &AuthorizationServer,
    ) -> Result<Self, Error> {
        let now = server.clock.now();
        let validity = Validity {
            issued_at: now,
            expires_at: now.plus(client.policy.access_token_lifetime),
        };
        let access = &access.of_token(&client.client, &server.settings.issuer);
        let claims = Claims::for_client(&client.client, secret_id, access, validity, server);
        let access_token = access_token::sign(&claims, &client.policy, now, server)?;
        Ok(Self::new(&access_token, validity, access, server))
    }

    fn new(
        access_token: &Secret,
        validity: Validity,
        access: &Access,
        server: &AuthorizationServer,
    ) -> Self {
        Self {
            access_token: access_token.expose().to_owned(),
            token_type: "Bearer".to_owned(),
            expires_in: seconds_between(server.clock.now(), validity.expires_at),
            refresh_token: None,
            id_token: None,
            scope: access.scope.to_string(),
        }
    }
}

/// The access token of a session in the client's format.
fn access_token(
    content: &SessionAccess<'_>,
    policy: &Policy,
    validity: Validity,
    server: &AuthorizationServer,
) -> Result<Secret, Error> {
    let SessionAccess {
        session,
        roles,
        access,
        ..
    } = *content;
    match policy.access_token_format {
        AccessTokenFormat::Jwt => {
            let claims = Claims::for_session(session, roles, access, validity, server);
            access_token::sign(&claims, policy, validity.issued_at, server)
        }
        AccessTokenFormat::Opaque => {
            let token = OpaqueToken::of(session, access, validity, &server.settings.issuer);
            // Possible only if the session began before the client's format was `opaque`.
            let reason = "the session has too many scopes or audiences for an opaque token";
            let token = token.ok_or_else(|| Error::InvalidGrant(reason.into()))?;
            Ok(token.encode(&server.root_secrets))
        }
    }
}

/// The difference of whole seconds, as in the token itself, so that a client does not use a token for longer
/// than an API accepts it.
const fn seconds_between(now: Timestamp, end: Timestamp) -> i64 {
    let seconds = end.as_seconds() - now.as_seconds();
    if seconds > 0 { seconds } else { 0 }
}
