/// `ETag`, 304, HEAD and `Cache-Control`.
mod caching;
/// The body of a request: method, media type, encoding, parameters.
mod form;
/// Forward authentication for reverse proxies.
mod forward_auth;
/// Probes.
mod health;
/// Introspection, RFC 7662.
mod introspection;
/// The landing page.
mod landing;
/// Metadata and paths, with and without a path in the issuer.
mod metadata;
/// Revocation, RFC 7009.
mod revocation;
/// The feed of revoked sessions.
mod revoked_sessions;
/// The token endpoint, also under load.
mod token;
/// Claims about the user, OpenID Connect Core §5.3.
mod userinfo;

use crate::support::{Jeton, SIGN_IN, Tokens, and};

/// Signs the user of the tests in at a client, with this scope and resource.
async fn sign_in(jeton: &Jeton, client: &str, scope: &str, resource: &str) -> Tokens {
    let more = [
        ("client_id", client),
        ("scope", scope),
        ("resource", resource),
    ];
    jeton.token(&and(&SIGN_IN, &more)).await.tokens()
}
