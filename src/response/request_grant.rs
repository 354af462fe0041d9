//! The grant of a token request, for the metrics.

use std::sync::{Arc, OnceLock};

use poem::Request;

use crate::client::GrantType;
use crate::metric::GrantName;
use crate::parameters::Parameters;

/// The grant of a token request. The endpoint sets it in the request, because the response after a panic or a timeout
/// is not the endpoint's own.
#[derive(Clone, Default)]
pub struct RequestGrant(Arc<OnceLock<GrantName>>);

impl RequestGrant {
    /// Prepares a request for [`set_grant`].
    pub fn prepare(request: &mut Request) -> Self {
        let grant = Self::default();
        request.extensions_mut().insert(grant.clone());
        grant
    }

    /// The grant, if the request names one that the server has.
    pub fn name(&self) -> GrantName {
        self.0.get().copied().unwrap_or(GrantName::Other)
    }
}

/// Sets the grant of a request to the one that its form names.
pub fn set_grant(parameters: &Parameters, request: &Request) {
    let named = parameters.find("grant_type");
    let grant_type = named.and_then(|name| GrantType::parse(name.expose()));
    if let (Some(RequestGrant(own)), Some(grant_type)) = (request.extensions().get(), grant_type) {
        own.get_or_init(|| match grant_type {
            GrantType::AuthorizationCode => GrantName::AuthorizationCode,
            GrantType::ClientCredentials => GrantName::ClientCredentials,
            GrantType::Password => GrantName::Password,
            GrantType::RefreshToken => GrantName::RefreshToken,
        });
    }
}
