//! Verifies the tokens of one issuer, RFC 9068 §4.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::claims::{self, ClaimsPolicy, NumericDate};
use crate::clock;
use crate::issuer::key_cache::{KeyCache, Lookup};
use crate::issuer::revoked_sessions::RevokedSessions;
use crate::json;
use crate::jws::{HeaderPolicy, Jws};
use crate::refusal::Refusal;
use crate::token::AccessToken;

/// An issuer whose tokens are accepted, with its keys and checks.
#[derive(Debug)]
pub(crate) struct TrustedIssuer {
    pub header: HeaderPolicy,
    pub claims: ClaimsPolicy,
    pub keys: KeyCache,
    pub revoked: Option<RevokedSessions>,
}

#[derive(Deserialize)]
struct IssuedAt {
    iat: NumericDate,
}

impl TrustedIssuer {
    pub(crate) async fn verify<C: DeserializeOwned>(
        &self,
        token: &str,
    ) -> Result<AccessToken<C>, Refusal> {
        let jws = Jws::parse(token, &self.header)?;
        let kid = jws.kid.as_deref();
        let keys = match self.keys.find(kid).await {
            Lookup::Found(keys) => keys,
            // The key of a token that was issued after the last fetch may be newer than that fetch. So the
            // client retries, and its user does not have to sign in again.
            Lookup::MissingAtLastFetch { age } if !issued_before(&jws, age) => {
                return Err(Refusal::KeysUnavailable);
            }
            Lookup::MissingAtLastFetch { .. } => return Err(Refusal::UnknownKey),
            Lookup::Unavailable => return Err(Refusal::KeysUnavailable),
        };
        let mut keys = keys.find(kid, jws.algorithm).peekable();
        if keys.peek().is_none() {
            return Err(Refusal::UnknownKey);
        }
        if !jws.verify(keys) {
            return Err(Refusal::WrongSignature);
        }
        let token = claims::parse(&jws.payload()?, &self.claims, clock::now())?;
        self.refuse_revoked(token)
    }

    fn refuse_revoked<C>(&self, token: AccessToken<C>) -> Result<AccessToken<C>, Refusal> {
        match (&self.revoked, &token.session_id) {
            (Some(revoked), Some(session)) if revoked.contains(session) => {
                Err(Refusal::SessionRevoked)
            }
            _ => Ok(token),
        }
    }
}

/// Whether a token was issued longer ago than `age`, to the second; `true` without an `iat`. The claim is
/// not verified: it only selects the refusal.
fn issued_before(jws: &Jws<'_>, age: Duration) -> bool {
    let payload = jws.payload().ok();
    let claims = payload.and_then(|payload| json::parse_object::<IssuedAt>(&payload).ok());
    let fetched_at = clock::now().saturating_sub_unsigned(age.as_secs());
    claims.is_none_or(|IssuedAt { iat }| iat.0 < fetched_at - 1)
}
