//! The access token as a JWT, RFC 9068, signed with RS256.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Header, Validation};
use serde::Serialize;

use super::claims::Claims;
use super::expiry;
use crate::client::{AccessTokenType, Policy};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::secret::Secret;
use crate::server::AuthorizationServer;

/// Signs the token with the key that is active at its issue time `at`. RS256 is deterministic, so the same
/// claims give the same token, to the byte: also during a key rotation, and on nodes with clock skew.
pub fn sign(
    claims: &Claims,
    policy: &Policy,
    at: Timestamp,
    server: &AuthorizationServer,
) -> Result<Secret, Error> {
    let failed = |what: &'static str| Error::ServerError(what.into());
    let ring = server.keys.ring();
    let key = ring
        .signer(server.clock.at_most_trusted(at))
        .ok_or_else(|| failed("no active signing key"))?;
    let mut header = Header::new(Algorithm::RS256);
    header.typ = Some(typ(claims, policy, server).as_str().to_owned());
    header.kid = Some(key.id.clone());
    let message = [
        encode(&header).ok_or_else(|| failed("the header is not serializable"))?,
        encode(claims).ok_or_else(|| failed("the claims are not serializable"))?,
    ]
    .join(".");
    let signature = key
        .sign(message.as_bytes())
        .map_err(|error| Error::ServerError(error.to_string().into()))?;
    Ok(Secret::new(format!(
        "{message}.{}",
        URL_SAFE_NO_PAD.encode(signature)
    )))
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

fn encode(part: &impl Serialize) -> Option<String> {
    Some(URL_SAFE_NO_PAD.encode(serde_json::to_vec(part).ok()?))
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

/// Verifies an access token of this server, for any audience, RFC 9068 §4.
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

fn verify_signature(
    text: &str,
    now: Timestamp,
    server: &AuthorizationServer,
) -> Result<Claims, String> {
    let header = jsonwebtoken::decode_header(text).map_err(|error| error.to_string())?;
    let issuer = &server.settings.issuer;
    let ring = server.keys.ring();
    let id = header.kid.as_deref().unwrap_or_default();
    let key = ring
        .find(id, server.clock.at_most_trusted(now))
        .ok_or("signed by an unknown key")?;
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.set_issuer(&[issuer]);
    // The endpoint checks the audience.
    validation.validate_aud = false;
    // Checked by `verify`, by the server's clock.
    validation.validate_exp = false;
    let token = jsonwebtoken::decode::<Claims>(text, &key.verifying, &validation)
        .map_err(|error| error.to_string())?;
    // "The resource server MUST verify that the "typ" header value is "at+jwt" or
    // "application/at+jwt"". `JWT` is accepted, too: these keys sign only access tokens.
    let given = header.typ.as_deref().unwrap_or_default();
    let given = given.strip_prefix("application/").unwrap_or(given);
    let is_known = |one: AccessTokenType| one.as_str().eq_ignore_ascii_case(given);
    if !is_known(AccessTokenType::AtJwt) && !is_known(AccessTokenType::Jwt) {
        return Err("the typ is not that of an access token".to_owned());
    }
    Ok(token.claims)
}
