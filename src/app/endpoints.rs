//! The endpoint table: one row per path.
//!
//! A new endpoint is its own file and one row here. `Allow`, the CORS readers, the error format and
//! the metric label come from the row. A test compares the table with the OpenAPI document.

use crate::bootstrap::SWAGGER_UI_REDIRECT;
use crate::endpoint::{authorization, end_session, jwks, metadata, revoked_sessions, userinfo};
use crate::metric::EndpointName;
use crate::response::cors::Readers;

/// The path of the OpenAPI document.
pub(super) const DOCUMENT: &str = "/openapi.json";

/// A path with its methods (RFC 6749 §3).
#[derive(Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Path below the issuer's own path. `{…}` stands for one segment; a final `*` for any rest, or none.
    pub path: &'static str,
    /// A second path, which the OpenAPI document does not name.
    pub second_path: Option<&'static str>,
    /// Value of `Allow`, RFC 9110 §10.2.1.
    pub allow: &'static str,
    /// Origins whose pages may read the response.
    pub(super) readers: Readers,
    /// Format of errors.
    pub(super) errors: ErrorFormat,
    /// Value of the metric label `endpoint`.
    pub(super) metric: EndpointName,
}

/// Format of an error body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ErrorFormat {
    /// RFC 6749 §5.2.
    OAuth,
    /// Problem details, RFC 9457.
    Problem,
    /// An HTML page.
    Page,
}

/// All endpoints. The first row that matches counts.
pub static ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        allow: "GET, HEAD, POST",
        errors: ErrorFormat::Page,
        ..page(authorization::PATH, EndpointName::Authorization)
    },
    Endpoint {
        allow: "GET, HEAD, POST",
        errors: ErrorFormat::Page,
        ..page(end_session::PATH, EndpointName::EndSession)
    },
    oauth("/token", "POST", EndpointName::Token),
    oauth("/revoke", "POST", EndpointName::Revocation),
    oauth("/introspect", "POST", EndpointName::Introspection),
    oauth(userinfo::PATH, "GET, HEAD, POST", EndpointName::Userinfo),
    oauth(
        revoked_sessions::PATH,
        "GET, HEAD",
        EndpointName::RevokedSessions,
    ),
    // Any method, so `Allow` is never sent. A preflight is a request to the API behind the proxy.
    Endpoint {
        readers: Readers::SameOrigin,
        ..oauth("/forward-auth/*", "", EndpointName::ForwardAuth)
    },
    Endpoint {
        second_path: Some("/jwks.json"),
        ..open(jwks::PATH, EndpointName::Jwks)
    },
    open(metadata::OAUTH, EndpointName::Metadata),
    open(metadata::OPENID, EndpointName::Metadata),
    open(DOCUMENT, EndpointName::Document),
    page("/", EndpointName::Page),
    page("/docs", EndpointName::Page),
    page(SWAGGER_UI_REDIRECT, EndpointName::Page),
    page("/healthz", EndpointName::Probe),
    page("/readyz", EndpointName::Probe),
    account("/account", "GET, HEAD, POST"),
    account("/account/password", "PUT"),
    account("/account/sessions", "GET, HEAD, DELETE"),
    account("/account/sessions/{id}", "DELETE"),
    account("/account/consents", "GET, HEAD"),
    account("/account/consents/{client_id}", "DELETE"),
    account("/account/*", "GET, HEAD"),
    admin("/admin/users", "GET, HEAD, POST"),
    admin("/admin/users/{id}", "GET, HEAD, PATCH, DELETE"),
    admin("/admin/users/{id}/password", "PUT"),
    admin("/admin/users/{id}/failed-sign-ins", "DELETE"),
    admin("/admin/users/{id}/sessions", "DELETE"),
    admin("/admin/clients", "GET, HEAD, POST"),
    admin("/admin/clients/{id}", "GET, HEAD, PATCH, DELETE"),
    admin("/admin/clients/{id}/secrets", "GET, HEAD, POST"),
    admin("/admin/clients/{id}/secrets/{secret_id}", "DELETE"),
    admin("/admin/sessions", "GET, HEAD"),
    admin("/admin/sessions/{id}", "GET, HEAD, DELETE"),
    admin("/admin/keys", "GET, HEAD, POST"),
    admin("/admin/audit-events", "GET, HEAD"),
    admin("/admin/*", "GET, HEAD"),
    open("/.well-known/*", EndpointName::Other),
];

/// Row for paths that no endpoint has.
static OTHER: Endpoint = page("/*", EndpointName::Other);

impl Endpoint {
    /// The first path of the endpoint that has this one as its second, else the same path.
    pub(super) fn first_path(path: &str) -> &str {
        let has_it = |endpoint: &&Self| endpoint.second_path == Some(path);
        let found = ENDPOINTS.iter().find(has_it);
        found.map_or(path, |endpoint| endpoint.path)
    }

    /// The endpoint at a path below the issuer's own path.
    pub(super) fn at(path: &str) -> &'static Self {
        let same = ENDPOINTS.iter().find(|endpoint| endpoint.path == path);
        let found = || ENDPOINTS.iter().find(|endpoint| endpoint.matches(path));
        same.or_else(found).unwrap_or(&OTHER)
    }

    fn matches(&self, path: &str) -> bool {
        let mut given = path.split('/');
        for own in self.path.split('/') {
            match (own, given.next()) {
                ("*", _) => return true,
                (own, Some(given)) if own == given || own.starts_with('{') => {}
                _ => return false,
            }
        }
        given.next().is_none()
    }
}

const fn oauth(path: &'static str, allow: &'static str, metric: EndpointName) -> Endpoint {
    Endpoint {
        path,
        second_path: None,
        allow,
        readers: Readers::Registered,
        errors: ErrorFormat::OAuth,
        metric,
    }
}

const fn open(path: &'static str, metric: EndpointName) -> Endpoint {
    Endpoint {
        readers: Readers::Everyone,
        ..oauth(path, "GET, HEAD", metric)
    }
}

const fn page(path: &'static str, metric: EndpointName) -> Endpoint {
    Endpoint {
        readers: Readers::SameOrigin,
        ..oauth(path, "GET, HEAD", metric)
    }
}

const fn account(path: &'static str, allow: &'static str) -> Endpoint {
    Endpoint {
        errors: ErrorFormat::Problem,
        ..oauth(path, allow, EndpointName::Account)
    }
}

const fn admin(path: &'static str, allow: &'static str) -> Endpoint {
    Endpoint {
        metric: EndpointName::Admin,
        ..account(path, allow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_the_row_that_matches_it() {
        let cases = [
            ("/token", "/token"),
            ("/account/sessions", "/account/sessions"),
            ("/account/sessions/7", "/account/sessions/{id}"),
            ("/account/sessions/7/x", "/account/*"),
            ("/accounts", "/*"),
            ("/forward-auth", "/forward-auth/*"),
            ("/forward-auth/audience=x/notes", "/forward-auth/*"),
            ("/admin", "/admin/*"),
            ("/", "/"),
            ("/token/", "/*"),
            ("", "/*"),
        ];
        for (path, expected) in cases {
            assert_eq!(Endpoint::at(path).path, expected, "{path}");
        }
    }
}
