//! What a request may narrow: `scope` (RFC 6749 §3.3) and `resource` (RFC 8707).

use crate::error::Error;
use crate::parameters::Parameters;
use crate::scope::Scope;
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
