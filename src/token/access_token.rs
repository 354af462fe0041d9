//! The access token as a JWT, RFC 9068, signed with RS256.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Header, Validation};
use serde::Serialize;

use super::claims::Claims;
use crate::client::{AccessTokenType, Policy};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::secret::Secret;
use crate::server::AuthorizationServer;

/// Makes the token, by the key that signs at the time `at` of its issue: while another key takes over, and
/// on nodes whose clocks lie apart, the same claims give the same token, to the byte. RS256 is deterministic.
///
/// # Errors
///
/// [`Error::ServerError`] when no signing key can sign.
pub fn sign(
    claims: &Claims,
    policy: &Policy,
    at: Timestamp,
    server: &AuthorizationServer,
) -> Result<Secret, Error> {
    let failed = |what: &'static str| Error::ServerError(what.into());
    let ring = server.keys.ring();
    let key = ring
        .signer(at)
        .ok_or_else(|| failed("there is no signing key"))?;
    let mut header = Header::new(Algorithm::RS256);
    header.typ = Some(typ(claims, policy, server).as_str().to_owned());
    header.kid = Some(key.id.clone());
    let message = [
        encode(&header).ok_or_else(|| failed("the header cannot be written"))?,
        encode(claims).ok_or_else(|| failed("the claims cannot be written"))?,
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
/// SHOULD be "at+jwt"", RFC 9068 §2.1; `JWT` for clients and audiences that cannot be told to accept it.
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

/// Verifies a token of our own, whomever it is for, RFC 9068 §4.
///
/// # Errors
///
/// Why it is no good, for the log.
pub fn verify(text: &str, now: Timestamp, server: &AuthorizationServer) -> Result<Claims, String> {
    let header = jsonwebtoken::decode_header(text).map_err(|error| error.to_string())?;
    let issuer = &server.settings.issuer;
    let ring = server.keys.ring();
    let id = header.kid.as_deref().unwrap_or_default();
    let key = ring.find(id, now).ok_or("signed by an unknown key")?;
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.set_issuer(&[issuer]);
    // Whom it is for is for the door to ask.
    validation.validate_aud = false;
    // By our own clock, below.
    validation.validate_exp = false;
    let token = jsonwebtoken::decode::<Claims>(text, &key.verifying, &validation)
        .map_err(|error| error.to_string())?;
    // "The resource server MUST verify that the "typ" header value is "at+jwt" or
    // "application/at+jwt"", or the other that a client may have: whichever it was when the token was
    // made. These keys sign nothing but access tokens, so neither is ever another kind of JWT.
    let given = header.typ.as_deref().unwrap_or_default();
    let given = given.strip_prefix("application/").unwrap_or(given);
    let is_known = |one: AccessTokenType| one.as_str().eq_ignore_ascii_case(given);
    if !is_known(AccessTokenType::AtJwt) && !is_known(AccessTokenType::Jwt) {
        return Err("not an access token by its typ".to_owned());
    }
    // "The current time MUST be before the time represented by the "exp" claim."
    if now.as_seconds() >= token.claims.exp {
        return Err("expired".to_owned());
    }
    Ok(token.claims)
}
