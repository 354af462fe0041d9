//! Parses and checks the claims of a token, RFC 9068 §4.

#[cfg(test)]
mod tests;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::json;
use crate::refusal::Refusal;
use crate::token::AccessToken;

/// The accepted issuer and audiences, and the tolerance for times.
#[derive(Clone, Debug)]
pub(crate) struct ClaimsPolicy {
    pub issuer: String,
    /// Any of these is accepted.
    pub audiences: Vec<String>,
    /// Seconds after `exp` for which a token is still accepted.
    pub expiry_leeway: i64,
    /// Seconds by which the issuer's clock may be ahead.
    pub clock_skew: i64,
}

/// The claims as the issuer wrote them. Those that RFC 9068 requires may be missing.
#[derive(Deserialize)]
struct Claims {
    iss: Option<String>,
    sub: Option<String>,
    aud: Option<OneOrSeveral>,
    client_id: Option<String>,
    jti: Option<String>,
    iat: Option<NumericDate>,
    nbf: Option<NumericDate>,
    exp: Option<NumericDate>,
    auth_time: Option<NumericDate>,
    scope: Option<String>,
    acr: Option<String>,
    amr: Option<Vec<String>>,
    sid: Option<String>,
    roles: Option<Vec<Member>>,
    groups: Option<Vec<Member>>,
    entitlements: Option<Vec<Member>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrSeveral {
    One(String),
    Several(Vec<String>),
}

/// Seconds since 1970; "non-integer values can be represented", RFC 7519 §2. Fractions are rounded down,
/// so that a token is never accepted after its expiry.
///
/// Read as a number and not as an untagged enum: the enum fails for a fraction once any crate of the
/// API enables the feature `arbitrary_precision` of `serde_json`.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "serde_json::Number")]
pub(crate) struct NumericDate(pub i64);

/// A role, group or entitlement: its name, or a SCIM object (RFC 7643 §4.1.2), which RFC 9068 §2.2.3.1
/// recommends.
#[derive(Deserialize)]
#[serde(untagged)]
enum Member {
    Name(String),
    Scim { value: String },
}

/// Parses and checks the claims of a token with a valid signature; `now` is in seconds since 1970.
pub(crate) fn parse<C: DeserializeOwned>(
    payload: &[u8],
    policy: &ClaimsPolicy,
    now: i64,
) -> Result<AccessToken<C>, Refusal> {
    let claims: Claims = json::parse_claims(payload)?;
    let missing = Refusal::MissingClaim;
    // "The issuer identifier for the authorization server [...] MUST exactly match the value of
    // the "iss" claim", RFC 9068 §4.
    let issuer = claims.iss.ok_or(missing("iss"))?;
    if issuer != policy.issuer {
        return Err(Refusal::WrongIssuer);
    }
    // "The resource server MUST reject the JWT access token if "aud" does not contain a resource
    // indicator of the current resource server as a valid audience", RFC 9068 §4.
    let audience = match claims.aud.ok_or(missing("aud"))? {
        OneOrSeveral::One(one) => vec![one],
        OneOrSeveral::Several(several) => several,
    };
    if !audience.iter().any(|one| policy.audiences.contains(one)) {
        return Err(Refusal::WrongAudience);
    }
    let (issued_at, expires_at) = policy.check_times(claims.exp, claims.nbf, claims.iat, now)?;
    // A future time, such as one in milliseconds, would count as recent forever.
    let auth_time = claims.auth_time.map(|time| time.0);
    let latest = now.saturating_add(policy.clock_skew);
    Ok(AccessToken {
        issuer,
        subject: claims.sub.ok_or(missing("sub"))?,
        audience,
        client_id: claims.client_id.ok_or(missing("client_id"))?,
        token_id: claims.jti.ok_or(missing("jti"))?,
        issued_at,
        expires_at,
        scope: words(claims.scope.as_deref()),
        auth_time: auth_time.filter(|time| *time <= latest),
        acr: claims.acr,
        amr: claims.amr.unwrap_or_default(),
        session_id: claims.sid,
        roles: names(claims.roles),
        groups: names(claims.groups),
        entitlements: names(claims.entitlements),
        claims: serde_json::from_slice(payload).map_err(|_| Refusal::MalformedClaims)?,
    })
}

impl ClaimsPolicy {
    /// Returns `iat` and `exp`.
    fn check_times(
        &self,
        exp: Option<NumericDate>,
        nbf: Option<NumericDate>,
        iat: Option<NumericDate>,
        now: i64,
    ) -> Result<(i64, i64), Refusal> {
        let expires_at = exp.ok_or(Refusal::MissingClaim("exp"))?.0;
        // "The current date/time MUST be before the expiration date/time", RFC 7519 §4.1.4.
        if now >= expires_at.saturating_add(self.expiry_leeway) {
            return Err(Refusal::Expired);
        }
        let latest = now.saturating_add(self.clock_skew);
        if nbf.is_some_and(|not_before| not_before.0 > latest) {
            return Err(Refusal::NotYetValid);
        }
        let issued_at = iat.ok_or(Refusal::MissingClaim("iat"))?.0;
        if issued_at > latest {
            return Err(Refusal::IssuedInTheFuture);
        }
        Ok((issued_at, expires_at))
    }
}

impl TryFrom<serde_json::Number> for NumericDate {
    type Error = &'static str;

    fn try_from(number: serde_json::Number) -> Result<Self, Self::Error> {
        if let Some(seconds) = number.as_i64() {
            return Ok(Self(seconds));
        }
        let seconds = number.as_f64().filter(|seconds| seconds.is_finite());
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a cast from a float saturates, and a non-finite number is refused before"
        )]
        let whole = |seconds: f64| seconds.floor() as i64;
        seconds.map(whole).map(Self).ok_or("not a time")
    }
}

fn names(members: Option<Vec<Member>>) -> Vec<String> {
    let name = |member| match member {
        Member::Name(name) | Member::Scim { value: name } => name,
    };
    members.unwrap_or_default().into_iter().map(name).collect()
}

fn words(text: Option<&str>) -> Vec<String> {
    let words = text.unwrap_or_default().split(' ');
    words
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}
