//! The claims of a verified access token, RFC 9068 §2.2.

use std::time::Duration;

use serde::Deserialize;

use crate::clock;

/// The claims of a verified access token.
///
/// Signature, issuer, audience and times are verified. The API still has to check that the token allows
/// the request: [`AccessToken::satisfies`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccessToken<C = NoClaims> {
    /// `iss`: the authorization server.
    pub issuer: String,
    /// `sub`: the user, or the client if no user is involved.
    pub subject: String,
    /// `aud`: the APIs that the token is for, including this one.
    pub audience: Vec<String>,
    /// `client_id`: the client that the token was issued to.
    pub client_id: String,
    /// `jti`: the id of the token.
    pub token_id: String,
    /// `iat`: the time of issue, in seconds since 1970.
    pub issued_at: i64,
    /// `exp`: the time of expiry, in seconds since 1970.
    pub expires_at: i64,
    /// `scope`, split at spaces.
    pub scope: Vec<String>,
    /// `auth_time`: the time of the user's sign-in, in seconds since 1970; `None` also if it is in the
    /// future.
    pub auth_time: Option<i64>,
    /// `acr`: the class of the user's authentication.
    pub acr: Option<String>,
    /// `amr`: the methods of the user's authentication.
    pub amr: Vec<String>,
    /// `sid`: the session, the same for all tokens of one sign-in.
    pub session_id: Option<String>,
    /// `roles`, RFC 9068 §2.2.3.1; of a SCIM object, its `value`.
    pub roles: Vec<String>,
    /// `groups`, read like `roles`.
    pub groups: Vec<String>,
    /// `entitlements`, read like `roles`.
    pub entitlements: Vec<String>,
    /// Custom claims that the API reads from the same token.
    pub claims: C,
}

/// No custom claims.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct NoClaims {}

impl<C> AccessToken<C> {
    /// Whether the token has this scope.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scope.iter().any(|own| own == scope)
    }

    /// Whether the token has this role.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|own| own == role)
    }

    /// The time since the user signed in; `None` if the token has no `auth_time`.
    pub fn sign_in_age(&self) -> Option<Duration> {
        self.sign_in_age_at(clock::now())
    }

    pub(crate) fn sign_in_age_at(&self, now: i64) -> Option<Duration> {
        let age = now.saturating_sub(self.auth_time?);
        Some(Duration::from_secs(u64::try_from(age).unwrap_or(0)))
    }
}
