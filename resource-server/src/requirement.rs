//! What a route demands of the token: scopes, roles, and how the person signed in.

use std::time::Duration;

use crate::refusal::Refusal;
use crate::token::AccessToken;

/// What a route demands of the token, beyond its being good.
///
/// ```
/// use std::time::Duration;
/// use jeton_resource_server::Requirement;
///
/// const CHANGE_EMAIL: Requirement = Requirement {
///     scopes: &["profile:write"],
///     max_age: Some(Duration::from_secs(600)),
///     ..Requirement::NONE
/// };
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// The token's scope holds each of these.
    pub scopes: &'static [&'static str],
    /// The token's roles hold one of these; empty: no role is needed.
    pub roles: &'static [&'static str],
    /// The person signed in this long ago or less (RFC 9470), to the second.
    pub max_age: Option<Duration>,
    /// The token's `acr` is one of these (RFC 9470); empty: any.
    pub acr_values: &'static [&'static str],
}

/// A [`Requirement`] as a type, for extractors that are chosen by their type.
pub trait Requires: Send + Sync + 'static {
    /// What the route demands.
    const REQUIREMENT: Requirement;
}

/// Any good token will do.
#[derive(Clone, Copy, Debug)]
pub struct AnyToken;

impl Requires for AnyToken {
    const REQUIREMENT: Requirement = Requirement::NONE;
}

impl Requirement {
    /// Any good token will do.
    pub const NONE: Self = Self {
        scopes: &[],
        roles: &[],
        max_age: None,
        acr_values: &[],
    };

    /// Demands scopes alone.
    #[must_use]
    pub const fn scopes(scopes: &'static [&'static str]) -> Self {
        Self {
            scopes,
            ..Self::NONE
        }
    }

    pub(crate) fn check<C>(&self, token: &AccessToken<C>, now: i64) -> Result<(), Refusal> {
        if !self.scopes.iter().all(|scope| token.has_scope(scope)) {
            return Err(Refusal::InsufficientScope {
                scopes: self.scopes,
            });
        }
        if !self.roles.is_empty() && !self.roles.iter().any(|role| token.has_role(role)) {
            return Err(Refusal::InsufficientRole);
        }
        let fresh = self
            .max_age
            .is_none_or(|max_age| token.sign_in_age_at(now).is_some_and(|age| age <= max_age));
        let acr = token.acr.as_deref();
        let strong =
            self.acr_values.is_empty() || acr.is_some_and(|acr| self.acr_values.contains(&acr));
        if !(fresh && strong) {
            return Err(Refusal::InsufficientAuthentication {
                max_age: self.max_age,
                acr_values: self.acr_values,
            });
        }
        Ok(())
    }
}
