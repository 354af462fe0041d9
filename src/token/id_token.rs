//! The ID token, OpenID Connect Core §2: what the client may know of the user's sign-in.
//!
//! It is for the client alone. Access tokens may have the same `typ`, so the claims tell them apart: only access tokens
//! have `client_id` and `jti`, only ID tokens have `at_hash`.

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::access::SessionAccess;
use super::claims::Validity;
use super::jwt;
use crate::error::Error;
use crate::secret::Secret;
use crate::server::AuthorizationServer;

const TYP: &str = "JWT";

/// The maximum length of an `id_token_hint`, in bytes. A longer one is not parsed.
const MAX_HINT_LENGTH: usize = 8 * 1024;

/// The claims of an ID token. Those of the user's profile are at `/userinfo`.
#[derive(Serialize)]
struct IdTokenClaims<'a> {
    iss: &'a str,
    sub: Uuid,
    aud: &'a str,
    exp: i64,
    iat: i64,
    auth_time: i64,
    acr: &'a str,
    sid: Uuid,
    at_hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
}

/// Signs the ID token that stands beside an access token, with the same validity. The same row gives the same token, to
/// the byte.
pub fn sign(
    content: &SessionAccess<'_>,
    access_token: &Secret,
    validity: Validity,
    server: &AuthorizationServer,
) -> Result<Secret, Error> {
    let session = content.session;
    let claims = IdTokenClaims {
        iss: &server.settings.issuer,
        sub: session.user_id,
        aud: &session.client_id,
        exp: validity.expires_at.as_seconds(),
        iat: validity.issued_at.as_seconds(),
        auth_time: session.authenticated_at.as_seconds(),
        acr: &session.acr,
        sid: session.id,
        at_hash: half_digest(access_token.expose()),
        nonce: content.nonce,
    };
    jwt::sign(TYP, &claims, validity.issued_at, server)
}

/// "Its value is the base64url encoding of the left-most half of the hash of the octets of the ASCII representation of
/// the `access_token` value", OpenID Connect Core §3.1.3.6. RS256 hashes with SHA-256.
fn half_digest(access_token: &str) -> String {
    let digest = digest(&SHA256, access_token.as_bytes());
    let half = digest.as_ref().get(..SHA256_OUTPUT_LEN / 2);
    URL_SAFE_NO_PAD.encode(half.unwrap_or_default())
}

/// The claims of an ID token that a client sends back as a hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HintClaims {
    /// The user.
    pub sub: Uuid,
    /// The client.
    pub aud: String,
    /// The session.
    pub sid: Uuid,
}

/// Why an `id_token_hint` is refused. The reason is for the log.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHint {
    /// It is longer than any ID token.
    #[error("the id_token_hint is over 8 KiB")]
    TooLong,
    /// It is not an ID token of this server.
    #[error("the id_token_hint is no ID token of this server: {0}")]
    Foreign(String),
}

/// The claims of a text, with those by which an access token is recognized.
#[derive(Clone, Deserialize)]
struct ReceivedClaims {
    sub: Uuid,
    aud: String,
    sid: Uuid,
    #[serde(rename = "at_hash")]
    _at_hash: IgnoredAny,
    client_id: Option<IgnoredAny>,
    jti: Option<IgnoredAny>,
}

/// Verifies an `id_token_hint`: signature and issuer, with any key that is still published. "The OP SHOULD accept ID
/// Tokens when the RP identified by the ID Token's aud claim and/or sid claim has a current session or had a recent
/// session at the OP, even when the exp time has passed", OpenID Connect RP-Initiated Logout §2.
pub fn verify_hint(text: &str, server: &AuthorizationServer) -> Result<HintClaims, InvalidHint> {
    if text.len() > MAX_HINT_LENGTH {
        return Err(InvalidHint::TooLong);
    }
    let now = server.clock.now();
    let token = jwt::verify::<ReceivedClaims>(text, now, server).map_err(InvalidHint::Foreign)?;
    let claims = token.claims;
    let is_access_token = claims.client_id.is_some() || claims.jti.is_some();
    if is_access_token || !token.typ.eq_ignore_ascii_case(TYP) {
        let reason = "it is a token of another kind";
        return Err(InvalidHint::Foreign(reason.to_owned()));
    }
    Ok(HintClaims {
        sub: claims.sub,
        aud: claims.aud,
        sid: claims.sid,
    })
}
