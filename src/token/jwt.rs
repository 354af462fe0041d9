//! JWTs of this server, signed with RS256 by its signing keys (RFC 7515, RFC 7519).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Header, Validation};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock::Timestamp;
use crate::error::Error;
use crate::secret::Secret;
use crate::server::AuthorizationServer;

/// Signs claims with the key that is active at their issue time `at`. RS256 is deterministic, so the same claims give
/// the same token, to the byte: also during a key rotation, and on nodes with clock skew.
pub(super) fn sign(
    typ: &str,
    claims: &impl Serialize,
    at: Timestamp,
    server: &AuthorizationServer,
) -> Result<Secret, Error> {
    let failed = |what: &'static str| Error::ServerError(what.into());
    let ring = server.keys.ring();
    let key = ring
        .signer(server.clock.at_most_trusted(at))
        .ok_or_else(|| failed("no active signing key"))?;
    let mut header = Header::new(Algorithm::RS256);
    header.typ = Some(typ.to_owned());
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

fn encode(part: &impl Serialize) -> Option<String> {
    Some(URL_SAFE_NO_PAD.encode(serde_json::to_vec(part).ok()?))
}

/// A JWT whose signature and issuer are verified.
pub(super) struct Verified<C> {
    /// `typ` without `application/`; empty if it is missing.
    pub(super) typ: String,
    /// The claims.
    pub(super) claims: C,
}

/// Verifies signature and issuer with the keys that are published at `now`, retired ones included. The caller checks
/// `typ`, audience and times. The reason of a refusal is for the log.
pub(super) fn verify<C: DeserializeOwned + Clone>(
    text: &str,
    now: Timestamp,
    server: &AuthorizationServer,
) -> Result<Verified<C>, String> {
    let header =
        jsonwebtoken::decode_header(text).map_err(|error| format!("it is no JWT ({error})"))?;
    let ring = server.keys.ring();
    let id = header.kid.as_deref().unwrap_or_default();
    let key = ring
        .find(id, server.clock.at_most_trusted(now))
        .ok_or("signed by an unknown key")?;
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.set_issuer(&[&server.settings.issuer]);
    validation.validate_aud = false;
    // The server's clock decides.
    validation.validate_exp = false;
    let token = jsonwebtoken::decode::<C>(text, &key.verifying, &validation)
        .map_err(|error| error.to_string())?;
    let typ = header.typ.as_deref().unwrap_or_default();
    Ok(Verified {
        typ: typ.strip_prefix("application/").unwrap_or(typ).to_owned(),
        claims: token.claims,
    })
}
