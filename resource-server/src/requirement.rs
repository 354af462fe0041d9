//! What a route requires of a token: scopes, roles, and the user's sign-in.

use std::time::Duration;

use crate::clock;
use crate::refusal::Refusal;
use crate::token::AccessToken;

/// What a route requires of a valid token.
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
    /// Scopes that the token must have, all of them.
    pub scopes: &'static [&'static str],
    /// Roles of which the token must have one. Empty: any.
    pub roles: &'static [&'static str],
    /// Maximum age of the user's sign-in (RFC 9470), exact to the second. `None`: any.
    pub max_age: Option<Duration>,
    /// Accepted values of `acr` (RFC 9470). Empty: any.
    pub acr_values: &'static [&'static str],
}

/// A [`Requirement`] as a type parameter of an extractor.
pub trait Requires: Send + Sync + 'static {
    /// What the route requires.
    const REQUIREMENT: Requirement;
}

/// Accepts any valid token.
#[derive(Clone, Copy, Debug)]
pub struct AnyToken;

impl Requires for AnyToken {
    const REQUIREMENT: Requirement = Requirement::NONE;
}

impl Requirement {
    /// Accepts any valid token.
    pub const NONE: Self = Self {
        scopes: &[],
        roles: &[],
        max_age: None,
        acr_values: &[],
    };

    /// Requires scopes only.
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
        let recent = self
            .max_age
            .is_none_or(|max_age| token.sign_in_age_at(now).is_some_and(|age| age <= max_age));
        let acr = token.acr.as_deref();
        let accepted =
            self.acr_values.is_empty() || acr.is_some_and(|acr| self.acr_values.contains(&acr));
        if !(recent && accepted) {
            return Err(Refusal::InsufficientAuthentication {
                max_age: self.max_age,
                acr_values: self.acr_values,
            });
        }
        Ok(())
    }
}

impl<C> AccessToken<C> {
    /// Checks that the token meets a requirement.
    pub fn satisfies(&self, requirement: &Requirement) -> Result<(), Refusal> {
        requirement.check(self, clock::now())
    }
}
