//! The access token as a JWT, RFC 9068.

use super::claims::Claims;
use super::{expiry, jwt};
use crate::client::{AccessTokenType, Policy};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::secret::Secret;
use crate::server::AuthorizationServer;

/// Signs the token as of its issue time `at`.
pub fn sign(
    claims: &Claims,
    policy: &Policy,
    at: Timestamp,
    server: &AuthorizationServer,
) -> Result<Secret, Error> {
    jwt::sign(typ(claims, policy, server).as_str(), claims, at, server)
}

/// "It is RECOMMENDED that the "application/" prefix be omitted. Therefore, the "typ" value used
/// SHOULD be "at+jwt"", RFC 9068 §2.1; `JWT` for clients and audiences that do not accept it.
fn typ(claims: &Claims, policy: &Policy, server: &AuthorizationServer) -> AccessTokenType {
    if let Some(own) = policy.access_token_type {
        return own;
    }
    let plain = &server.settings.access_token.jwt_typ_audiences;
    if plain.split_whitespace().any(|name| claims.is_for(name)) {
        AccessTokenType::Jwt
    } else {
        AccessTokenType::AtJwt
    }
}

/// Why an access token is not valid. The reason is for the log.
#[derive(Debug, thiserror::Error)]
pub enum InvalidToken {
    /// It is not a token of this server.
    #[error("{0}")]
    Malformed(String),
    /// It is not valid at this time.
    #[error("{0}")]
    Untimely(&'static str),
}

/// Verifies an access token of this server, for any audience, RFC 9068 §4. The endpoint checks the audience.
pub fn verify(
    text: &str,
    now: Timestamp,
    server: &AuthorizationServer,
) -> Result<Claims, InvalidToken> {
    let claims = verify_signature(text, now, server).map_err(InvalidToken::Malformed)?;
    // "The current time MUST be before the time represented by the "exp" claim."
    if now.as_seconds() >= claims.exp {
        return Err(InvalidToken::Untimely("expired"));
    }
    let issued_at = Timestamp::from_micros(claims.iat.saturating_mul(1_000_000));
    if expiry::is_from_future(issued_at, now, server) {
        return Err(InvalidToken::Untimely("issued in the future"));
    }
    Ok(claims)
}

/// [`Claims`] require `client_id` and `jti`, which no ID token has: "the validation rules [...] MUST be written such that
/// they are mutually exclusive", RFC 8725 §3.12.
fn verify_signature(
    text: &str,
    now: Timestamp,
    server: &AuthorizationServer,
) -> Result<Claims, String> {
    let token = jwt::verify::<Claims>(text, now, server)?;
    // "The resource server MUST verify that the "typ" header value is "at+jwt" or
    // "application/at+jwt"". `JWT` is accepted, too, because access tokens may have it.
    let is = |one: AccessTokenType| one.as_str().eq_ignore_ascii_case(&token.typ);
    if !is(AccessTokenType::AtJwt) && !is(AccessTokenType::Jwt) {
        return Err("the typ is not that of an access token".to_owned());
    }
    Ok(token.claims)
}
