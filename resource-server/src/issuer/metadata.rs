//! Fetches an issuer's metadata by RFC 8414, or OpenID Connect Discovery for issuers with only that.

use std::time::Duration;

use serde::Deserialize;
use url::Url;

use super::fetch::{Fetched, Http, is_secure, redacted};
use super::fetch_error::FetchError;

const OAUTH: &str = "/.well-known/oauth-authorization-server";
const OPENID: &str = "/.well-known/openid-configuration";

/// The members that are read.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
    token_endpoint: Option<String>,
    revoked_sessions_endpoint: Option<String>,
}

/// Checked metadata.
#[derive(Clone, Debug)]
pub(crate) struct Discovered {
    pub jwks_uri: Url,
    pub endpoints: Endpoints,
    pub fresh_for: Option<Duration>,
}

/// Optional endpoints of an issuer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Endpoints {
    /// The token endpoint, for the API's documentation.
    pub token: Option<String>,
    /// The revocation feed, if it is at the issuer's own origin, because it receives the client's secret.
    pub revoked_sessions: Option<Url>,
}

/// Fetches and checks the metadata.
pub(crate) async fn discover(http: &Http, issuer: &str) -> Result<Discovered, FetchError> {
    let mut first_failure = None;
    for url in metadata_urls(issuer) {
        match http.get(&url, None, None).await {
            Ok(Fetched::Document {
                body, fresh_for, ..
            }) => return parse(&url, &body, issuer, fresh_for),
            Ok(Fetched::Unchanged { .. }) => {}
            // The issuer may publish the other kind of metadata.
            Err(error @ FetchError::Status(_, 400..=499)) => {
                first_failure.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    Err(first_failure.unwrap_or_else(|| FetchError::NotMetadata(issuer.to_owned())))
}

fn parse(
    url: &Url,
    body: &[u8],
    issuer: &str,
    fresh_for: Option<Duration>,
) -> Result<Discovered, FetchError> {
    let metadata: Metadata =
        serde_json::from_slice(body).map_err(|_| FetchError::NotMetadata(redacted(url)))?;
    // "The "issuer" value returned MUST be identical to the authorization server's issuer identifier
    // value [...]. If these values are not identical, the data contained in the response MUST NOT be
    // used", RFC 8414 §3.3.
    if metadata.issuer != issuer {
        return Err(FetchError::WrongIssuer(redacted(url), metadata.issuer));
    }
    let jwks_uri = Url::parse(&metadata.jwks_uri)
        .ok()
        .filter(is_secure)
        .ok_or(FetchError::InsecureJwksUri(metadata.jwks_uri))?;
    let revoked_sessions = metadata.revoked_sessions_endpoint;
    let revoked_sessions = revoked_sessions.and_then(|named| Url::parse(&named).ok());
    Ok(Discovered {
        jwks_uri,
        endpoints: Endpoints {
            token: metadata.token_endpoint,
            revoked_sessions: revoked_sessions.filter(|named| named.origin() == url.origin()),
        },
        fresh_for,
    })
}

/// The possible URLs of the metadata, the most likely first: RFC 8414 §3.1, OpenID Connect Discovery
/// §4.1, and RFC 8414 §5 for issuers with a path.
fn metadata_urls(issuer: &str) -> Vec<Url> {
    let Ok(base) = Url::parse(issuer) else {
        return Vec::new();
    };
    // "If the issuer identifier value contains a path component, any terminating "/" MUST be removed
    // before inserting", RFC 8414 §3.1.
    let path = base.path().trim_end_matches('/').to_owned();
    let mut paths = vec![format!("{OAUTH}{path}"), format!("{path}{OPENID}")];
    if !path.is_empty() {
        paths.push(format!("{OPENID}{path}"));
    }
    paths
        .into_iter()
        .map(|path| {
            let mut url = base.clone();
            url.set_path(&path);
            url
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8414 §3.1 and §5.
    #[test]
    fn the_well_known_name_is_between_host_and_path_and_for_openid_after_the_path() {
        let found = |issuer| -> Vec<String> {
            metadata_urls(issuer)
                .into_iter()
                .map(String::from)
                .collect()
        };
        assert_eq!(
            found("https://example.com/"),
            [
                "https://example.com/.well-known/oauth-authorization-server",
                "https://example.com/.well-known/openid-configuration",
            ]
        );
        assert_eq!(
            found("https://example.com/a/b"),
            [
                "https://example.com/.well-known/oauth-authorization-server/a/b",
                "https://example.com/a/b/.well-known/openid-configuration",
                "https://example.com/.well-known/openid-configuration/a/b",
            ]
        );
    }
}
