//! The settings of a client for the authorization code grant, as they are in force.

use super::Model;
use super::model::{parse, words};
use crate::client::{Consent, Pkce};

impl Model {
    /// The registered redirect URIs.
    pub fn redirect_uris(&self) -> impl Iterator<Item = &str> {
        words(&self.redirect_uris)
    }

    /// The registered redirect URIs after signing out.
    pub fn post_logout_redirect_uris(&self) -> impl Iterator<Item = &str> {
        words(&self.post_logout_redirect_uris)
    }

    /// Whether an authorization request must have a code challenge. That of a public client must, whatever its row
    /// says: "Public clients MUST use PKCE", RFC 9700 §2.1.1.
    pub fn requires_pkce(&self) -> bool {
        let pkce: Option<Pkce> = self.pkce.as_deref().and_then(parse);
        !self.confidential || pkce.unwrap_or_default() == Pkce::Required
    }

    /// Whether each user must consent to the client's access.
    pub fn requires_consent(&self) -> bool {
        let consent: Option<Consent> = self.consent.as_deref().and_then(parse);
        !self.first_party && consent.unwrap_or_default() == Consent::Required
    }
}
