//! The access that a request asks for: `scope` (RFC 6749 §3.3) and `resource` (RFC 8707).

use crate::error::Error;
use crate::parameters::Parameters;
use crate::scope::{OPENID_SCOPES, Scope};
use crate::token::access::Access;

/// The parameters `scope` and `resource`. Each narrows the access that the client may have.
#[derive(Debug)]
pub struct RequestedAccess {
    scope: Option<Scope>,
    resource: Option<String>,
}

impl RequestedAccess {
    /// Reads the parameters.
    pub fn parse(parameters: &Parameters) -> Result<Self, Error> {
        let scope = parameters
            .find("scope")
            .map(|text| Scope::parse(text.expose()));
        Ok(Self {
            scope: scope
                .transpose()
                .map_err(|_| Error::InvalidScope("malformed scope".into()))?,
            ..Self::parse_resource(parameters)?
        })
    }

    /// Reads `resource` alone.
    pub fn parse_resource(parameters: &Parameters) -> Result<Self, Error> {
        let resource = match parameters.all("resource") {
            [] => None,
            [one] => Some(one.expose().to_owned()),
            _ => return Err(Error::InvalidTarget("several resources".into())),
        };
        Ok(Self {
            scope: None,
            resource,
        })
    }

    /// Whether the request has neither parameter.
    pub const fn is_empty(&self) -> bool {
        self.scope.is_none() && self.resource.is_none()
    }

    /// Sets the default scope of a sign-in: the client's scope without those of OpenID Connect, which cost a signature
    /// at each refresh, and without those that require a role, such as `admin`. An administrator also does other things,
    /// and a token for these must not be able to administer the server.
    ///
    /// "If the client omits the scope parameter [...], the authorization server MUST either process the
    /// request using a pre-defined default value or fail the request indicating an invalid scope", RFC
    /// 6749 §3.3.
    pub fn with_default_scope(self, registered: &Scope) -> Result<Self, Error> {
        if self.scope.is_some() {
            return Ok(self);
        }
        let registered = registered.without(&OPENID_SCOPES);
        let default = registered.without_own(|own| own.requires_role);
        if default.is_empty() && !registered.is_empty() {
            let reason = "the request must name the scope, because each requires a role";
            return Err(Error::InvalidScope(reason.into()));
        }
        Ok(Self {
            scope: Some(default),
            ..self
        })
    }

    /// Narrows the access that may be granted to the requested access.
    pub fn narrow(&self, granted: Access) -> Result<Access, Error> {
        let scope = match &self.scope {
            None => granted.scope,
            Some(scope) => narrow_scope(scope, &granted.scope)?,
        };
        let audience = match &self.resource {
            None => granted.audience,
            Some(resource) if granted.audience.contains(resource) => vec![resource.clone()],
            Some(_) => return Err(Error::InvalidTarget("resource not registered".into())),
        };
        Ok(Access { scope, audience })
    }
}

/// The requested scope, which must be part of the granted one. Scopes of OpenID Connect that are not are ignored: "The
/// authorization server MAY fully or partially ignore the scope requested by the client", RFC 6749 §3.3. The response
/// says which scope was granted. If nothing is left, a default would be more than was asked for.
fn narrow_scope(requested: &Scope, granted: &Scope) -> Result<Scope, Error> {
    let scope = requested.without_openid_beyond(granted);
    if scope.is_empty() && !requested.is_empty() {
        let reason = "only scopes of OpenID Connect, for which the client is not registered";
        Err(Error::InvalidScope(reason.into()))
    } else if granted.covers(&scope) {
        Ok(scope)
    } else {
        Err(Error::InvalidScope("more scope than may be granted".into()))
    }
}
