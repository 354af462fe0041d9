//! The rules for the settings of the authorization code grant.

use super::{Rule, require};
use crate::client::{ClientSettings, Consent, GrantType, Pkce};
use crate::redirect_uri::RedirectUri;

/// The maximum number of redirect URIs.
const MAX_REDIRECT_URIS: usize = 20;

pub(super) const RULES: [(&str, Rule); 5] = [
    ("redirect_uris", redirect_uris_are_valid),
    ("redirect_uris", authorization_code_has_redirect_uri),
    (
        "post_logout_redirect_uris",
        post_logout_redirect_uris_are_valid,
    ),
    ("pkce", public_clients_use_pkce),
    ("consent", first_party_clients_have_no_consent),
];

fn redirect_uris_are_valid(settings: &ClientSettings, _: bool) -> Result<(), String> {
    are_valid(&settings.redirect_uris)
}

fn post_logout_redirect_uris_are_valid(settings: &ClientSettings, _: bool) -> Result<(), String> {
    are_valid(&settings.post_logout_redirect_uris)
}

fn are_valid(uris: &[String]) -> Result<(), String> {
    for uri in uris {
        if let Err(error) = RedirectUri::parse(uri) {
            let shown: String = uri.chars().take(100).collect();
            return Err(format!("{shown:?} {error}"));
        }
    }
    require(
        uris.len() <= MAX_REDIRECT_URIS,
        format!("must be at most {MAX_REDIRECT_URIS}"),
    )
}

/// "The authorization server SHOULD require all clients to register their redirection endpoint prior to utilizing the
/// authorization endpoint", RFC 6749 §3.1.2.2.
fn authorization_code_has_redirect_uri(settings: &ClientSettings, _: bool) -> Result<(), String> {
    require(
        !settings.redirect_uris.is_empty()
            || !settings.grant_types.contains(&GrantType::AuthorizationCode),
        "must be at least one for the grant authorization_code, which returns users there",
    )
}

/// "Public clients MUST use PKCE to this end", RFC 9700 §2.1.1.
fn public_clients_use_pkce(settings: &ClientSettings, confidential: bool) -> Result<(), String> {
    require(
        confidential || settings.pkce != Some(Pkce::Optional),
        "must be required for a client without a secret (`token_endpoint_auth_method`): without PKCE, a \
         stolen code is enough for tokens (RFC 9700, 2.1.1)",
    )
}

fn first_party_clients_have_no_consent(settings: &ClientSettings, _: bool) -> Result<(), String> {
    require(
        !settings.first_party || settings.consent != Some(Consent::Required),
        "must not be required with `first_party`: users consent to the access of others' clients only",
    )
}
