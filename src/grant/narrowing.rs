//! What a request may narrow: `scope` (RFC 6749 §3.3) and `resource` (RFC 8707).

use crate::error::Error;
use crate::parameters::Parameters;
use crate::scope::{self, Scope};
use crate::token::response::Narrowed;

/// What a request asks for less of.
#[derive(Clone, Debug, Default)]
pub struct Narrowing {
    scope: Option<Scope>,
    resource: Option<String>,
}

impl Narrowing {
    /// Reads `scope` and `resource`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidScope`] and [`Error::InvalidTarget`] for what is malformed.
    pub fn parse(parameters: &Parameters) -> Result<Self, Error> {
        let scope = parameters
            .find("scope")
            .map(|text| Scope::parse(text.expose()));
        let resource = match parameters.all("resource") {
            [] => None,
            [one] => Some(one.expose().to_owned()),
            _ => return Err(Error::InvalidTarget("several resources".into())),
        };
        Ok(Self {
            scope: scope
                .transpose()
                .map_err(|_| Error::InvalidScope("malformed scope".into()))?,
            resource,
        })
    }

    /// Whether nothing is to be narrowed.
    pub const fn is_empty(&self) -> bool {
        self.scope.is_none() && self.resource.is_none()
    }

    /// Where a person signs in and the request names no scope: all that the client may have, but for
    /// administration, which must be asked for by name: who has the role does other things too, and a
    /// token for these need not open that door. "If the client omits the scope parameter [...], the
    /// authorization server MUST either process the request using a pre-defined default value or fail
    /// the request indicating an invalid scope", RFC 6749 §3.3.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidScope`] when nothing is left.
    pub fn or_usual(self, scope: &Scope) -> Result<Self, Error> {
        if self.scope.is_some() || !scope.covers(&Scope::from_stored(scope::ADMIN)) {
            return Ok(self);
        }
        let usual = scope.without(&[scope::ADMIN]);
        if usual.is_empty() {
            return Err(Error::InvalidScope(
                "admin must be asked for by name".into(),
            ));
        }
        Ok(Self {
            scope: Some(usual),
            ..self
        })
    }

    /// What remains of what may be had.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidScope`] or [`Error::InvalidTarget`] when more is asked for than that.
    pub fn apply(self, scope: &Scope, audience: Vec<String>) -> Result<Narrowed, Error> {
        let narrower = self.scope.unwrap_or_else(|| scope.clone());
        if !scope.covers(&narrower) {
            return Err(Error::InvalidScope(
                "more scope than there is to give".into(),
            ));
        }
        let audience = match self.resource {
            None => audience,
            Some(resource) if audience.contains(&resource) => vec![resource],
            Some(_) => return Err(Error::InvalidTarget("resource not registered".into())),
        };
        Ok(Narrowed {
            scope: narrower,
            audience,
        })
    }
}
