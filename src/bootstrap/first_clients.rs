//! The clients that the first start creates.

use super::{BootstrapError, FIRST_PARTY, MY_INFO, SWAGGER_UI_REDIRECT, add_client};
use crate::client::GrantType;
use crate::clock::Timestamp;
use crate::redirect_uri::RedirectUri;
use crate::scope::OPENID_SCOPES;
use crate::server::AuthorizationServer;
use crate::store::{client, user};
use crate::web_origin::is_loopback;

/// Registers the first clients in an empty store.
pub(super) async fn add(server: &AuthorizationServer) -> Result<(), BootstrapError> {
    if user::any(&server.store).await? {
        return Ok(());
    }
    let now = server.clock.now();
    let issuer = &server.settings.issuer;
    let first_party = client::Model {
        redirect_uris: registrable([format!("{issuer}{SWAGGER_UI_REDIRECT}")]),
        ..first_client(FIRST_PARTY, "First party", "account admin", now)
    };
    add_client(server, first_party).await?;
    let settings = &server.settings;
    let api = settings.bootstrap.example_api.as_ref();
    // A client that is described in public documents must not exist on other issuers.
    if let Some(api) = api.filter(|_| is_loopback(&settings.issuer)) {
        let scope = "my-info:read my-info:write account";
        let my_info = client::Model {
            // The page requests tokens for the API, and tokens for this server to sign out everywhere.
            audience: format!("{api} {}", settings.issuer),
            origins: api.to_string(),
            redirect_uris: registrable([format!("{api}/"), format!("{api}{SWAGGER_UI_REDIRECT}")]),
            post_logout_redirect_uris: registrable([format!("{api}/")]),
            ..first_client(MY_INFO, "My info", scope, now)
        };
        add_client(server, my_info).await?;
    }
    Ok(())
}

/// Those of the URIs that a client may have, space-separated: `http` is for loopback hosts alone.
fn registrable<const N: usize>(uris: [String; N]) -> String {
    let valid = uris
        .into_iter()
        .filter(|uri| RedirectUri::parse(uri).is_ok());
    valid.collect::<Vec<_>>().join(" ")
}

/// A public client with the grants of users, and with the scopes of OpenID Connect. The audience of its tokens is this server.
fn first_client(id: &str, name: &str, scope: &str, now: Timestamp) -> client::Model {
    let grants = [
        GrantType::AuthorizationCode,
        GrantType::Password,
        GrantType::RefreshToken,
    ];
    client::Model {
        name: name.to_owned(),
        grant_types: grants.map(GrantType::as_str).join(" "),
        scope: format!("{scope} {}", OPENID_SCOPES.join(" ")),
        first_party: true,
        ..client::Model::new(id, now)
    }
}
