//! What a verified access token says, RFC 9068 §2.2.

#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::json::{self, JsonError};
use crate::refusal::Refusal;
use crate::requirement::Requirement;

/// What a verified access token says.
///
/// All of it was checked: the signature, for whom and by whom it was issued, and when. What is left to
/// the API is what the token allows: [`AccessToken::satisfies`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccessToken<C = NoClaims> {
    /// `iss`: the authorization server.
    pub issuer: String,
    /// `sub`: the user, or the client itself where there is none.
    pub subject: String,
    /// `aud`: the APIs that the token is for, this one among them.
    pub audience: Vec<String>,
    /// `client_id`: the application that asks.
    pub client_id: String,
    /// `jti`: the token's own id.
    pub token_id: String,
    /// `iat`: when it was issued, in seconds since 1970.
    pub issued_at: i64,
    /// `exp`: when it expires, in seconds since 1970.
    pub expires_at: i64,
    /// `scope`, taken apart at its spaces.
    pub scope: Vec<String>,
    /// `auth_time`: when the person signed in, in seconds since 1970; `None` too if that is yet to come.
    pub auth_time: Option<i64>,
    /// `acr`: how the person was authenticated.
    pub acr: Option<String>,
    /// `amr`: by which methods the person was authenticated.
    pub amr: Vec<String>,
    /// `sid`: the session, the same for all tokens that come of one sign-in.
    pub session_id: Option<String>,
    /// `roles`, RFC 9068 §2.2.3.1; of one that is an object as in SCIM, its `value`.
    pub roles: Vec<String>,
    /// `groups`, likewise.
    pub groups: Vec<String>,
    /// `entitlements`, likewise.
    pub entitlements: Vec<String>,
    /// The claims that the API reads beyond these, read from the same token.
    pub claims: C,
}

/// No claims beyond those of [`AccessToken`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct NoClaims {}

/// Who may have issued a token, for whom, and how far the clocks may lie apart.
#[derive(Clone, Debug)]
pub(crate) struct ClaimsPolicy {
    pub issuer: String,
    /// Any of these.
    pub audiences: Vec<String>,
    /// Seconds for which an expired token is still taken.
    pub expiry_leeway: i64,
    /// Seconds by which the issuer's clock may be ahead.
    pub clock_skew: i64,
}

/// The claims as they are written; what RFC 9068 requires may be missing.
#[derive(Deserialize)]
struct Written {
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

/// Seconds since 1970; "non-integer values can be represented", RFC 7519 §2. Of these, the whole second:
/// a token is never taken for longer than it says.
///
/// Read as a number and not as one of two kinds: that choice fails for a fraction once any crate of the
/// API turns on the feature `arbitrary_precision` of `serde_json`.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "serde_json::Number")]
pub(crate) struct NumericDate(pub i64);

/// A role, group or entitlement: its name, or the object that SCIM makes of it (RFC 7643 §4.1.2), which
/// RFC 9068 §2.2.3.1 recommends.
#[derive(Deserialize)]
#[serde(untagged)]
enum Member {
    Name(String),
    Scim { value: String },
}

impl<C: DeserializeOwned> AccessToken<C> {
    /// Reads and checks the claims of a token whose signature is good; `now` in seconds since 1970.
    pub(crate) fn from_claims(
        payload: &[u8],
        policy: &ClaimsPolicy,
        now: i64,
    ) -> Result<Self, Refusal> {
        let written: Written = json::parse_object(payload).map_err(JsonError::of_claims)?;
        let token = written.check(policy, now)?;
        let claims = serde_json::from_slice(payload).map_err(|_| Refusal::MalformedClaims)?;
        Ok(token.with(claims))
    }
}

impl<C> AccessToken<C> {
    /// Whether the token allows what a route demands.
    ///
    /// # Errors
    ///
    /// [`Refusal::InsufficientScope`], [`Refusal::InsufficientRole`],
    /// [`Refusal::InsufficientAuthentication`].
    pub fn satisfies(&self, requirement: &Requirement) -> Result<(), Refusal> {
        requirement.check(self, crate::clock::now())
    }

    /// Whether the token's scope holds this one.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scope.iter().any(|own| own == scope)
    }

    /// Whether the token's roles hold this one.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|own| own == role)
    }

    /// How long ago the person signed in; `None` if the token does not say.
    #[must_use]
    pub fn sign_in_age(&self) -> Option<Duration> {
        self.sign_in_age_at(crate::clock::now())
    }

    pub(crate) fn sign_in_age_at(&self, now: i64) -> Option<Duration> {
        let age = now.saturating_sub(self.auth_time?);
        Some(Duration::from_secs(u64::try_from(age).unwrap_or(0)))
    }

    fn with<D>(self, claims: D) -> AccessToken<D> {
        AccessToken {
            issuer: self.issuer,
            subject: self.subject,
            audience: self.audience,
            client_id: self.client_id,
            token_id: self.token_id,
            issued_at: self.issued_at,
            expires_at: self.expires_at,
            scope: self.scope,
            auth_time: self.auth_time,
            acr: self.acr,
            amr: self.amr,
            session_id: self.session_id,
            roles: self.roles,
            groups: self.groups,
            entitlements: self.entitlements,
            claims,
        }
    }
}

impl Written {
    fn check(self, policy: &ClaimsPolicy, now: i64) -> Result<AccessToken, Refusal> {
        let missing = Refusal::MissingClaim;
        // "The issuer identifier for the authorization server [...] MUST exactly match the value of
        // the "iss" claim", RFC 9068 §4.
        let issuer = self.iss.ok_or(missing("iss"))?;
        if issuer != policy.issuer {
            return Err(Refusal::WrongIssuer);
        }
        // "The resource server MUST reject the JWT access token if "aud" does not contain a resource
        // indicator of the current resource server as a valid audience", RFC 9068 §4.
        let audience = match self.aud.ok_or(missing("aud"))? {
            OneOrSeveral::One(one) => vec![one],
            OneOrSeveral::Several(several) => several,
        };
        if !audience.iter().any(|one| policy.audiences.contains(one)) {
            return Err(Refusal::WrongAudience);
        }
        let expires_at = self.exp.ok_or(missing("exp"))?.0;
        // "The current date/time MUST be before the expiration date/time", RFC 7519 §4.1.4.
        if now >= expires_at.saturating_add(policy.expiry_leeway) {
            return Err(Refusal::Expired);
        }
        let ahead = now.saturating_add(policy.clock_skew);
        if let Some(not_before) = self.nbf
            && not_before.0 > ahead
        {
            return Err(Refusal::NotYetValid);
        }
        let issued_at = self.iat.ok_or(missing("iat"))?.0;
        if issued_at > ahead {
            return Err(Refusal::IssuedInTheFuture);
        }
        // One that is yet to come, in milliseconds perhaps, would be fresh for ever.
        let auth_time = self.auth_time.map(|NumericDate(time)| time);
        Ok(AccessToken {
            issuer,
            subject: self.sub.ok_or(missing("sub"))?,
            audience,
            client_id: self.client_id.ok_or(missing("client_id"))?,
            token_id: self.jti.ok_or(missing("jti"))?,
            issued_at,
            expires_at,
            scope: words(self.scope),
            auth_time: auth_time.filter(|time| *time <= ahead),
            acr: self.acr,
            amr: self.amr.unwrap_or_default(),
            session_id: self.sid,
            roles: names(self.roles),
            groups: names(self.groups),
            entitlements: names(self.entitlements),
            claims: NoClaims {},
        })
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
            reason = "a cast from a float saturates, and what is no number is refused before"
        )]
        let floor = |seconds: f64| seconds.floor() as i64;
        seconds.map(floor).map(Self).ok_or("not a time")
    }
}

fn names(members: Option<Vec<Member>>) -> Vec<String> {
    let name = |member| match member {
        Member::Name(name) | Member::Scim { value: name } => name,
    };
    members.unwrap_or_default().into_iter().map(name).collect()
}

fn words(text: Option<String>) -> Vec<String> {
    text.unwrap_or_default()
        .split(' ')
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}
