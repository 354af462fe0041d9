//! What an API says of itself: protected resource metadata, RFC 9728.

use serde::Serialize;
use url::Url;

use crate::builder::is_quotable;

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// What an API says of itself, so that a client can find out where to sign in: RFC 9728 §2.
///
/// It serializes to the document; serve that at [`path`](Self::path).
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ProtectedResource {
    resource: String,
    authorization_servers: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes_supported: Vec<String>,
    bearer_methods_supported: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_documentation: Option<String>,
    #[serde(skip)]
    url: Url,
}

impl ProtectedResource {
    /// The API at the URL `resource`, which takes the tokens of `issuer`; `None` if `resource` is no
    /// http or https URL without a fragment, or has a backslash in its query.
    #[must_use]
    pub fn new(resource: impl Into<String>, issuer: impl Into<String>) -> Option<Self> {
        let resource = resource.into();
        let parsed = Url::parse(&resource).ok()?;
        if !matches!(parsed.scheme(), "http" | "https") || parsed.fragment().is_some() {
            return None;
        }
        // "Inserting a well-known URI string [...] between the host component and the path and/or query
        // components, if any", RFC 9728 §3; "any terminating "/" following the host component MUST be
        // removed before inserting", §3.1.
        let path = match parsed.path() {
            "/" => WELL_KNOWN.to_owned(),
            path => format!("{WELL_KNOWN}{path}"),
        };
        let mut url = parsed;
        url.set_path(&path);
        // It stands between quotes in a challenge, and a backslash in a query stays one.
        if !is_quotable(url.as_str()) {
            return None;
        }
        Some(Self {
            resource,
            authorization_servers: vec![issuer.into()],
            scopes_supported: Vec::new(),
            bearer_methods_supported: ["header"],
            resource_name: None,
            resource_documentation: None,
            url,
        })
    }

    /// Another issuer whose tokens it takes.
    #[must_use]
    pub fn also_issuer(mut self, issuer: impl Into<String>) -> Self {
        self.authorization_servers.push(issuer.into());
        self
    }

    /// A scope that its routes demand; may be said again.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes_supported.push(scope.into());
        self
    }

    /// Its name, for people.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.resource_name = Some(name.into());
        self
    }

    /// Where a developer reads about it.
    #[must_use]
    pub fn documentation(mut self, url: impl Into<String>) -> Self {
        self.resource_documentation = Some(url.into());
        self
    }

    /// Where the document is, as a URL.
    #[must_use]
    pub fn url(&self) -> String {
        self.url.to_string()
    }

    /// Where the document is, as a path of the API's host.
    #[must_use]
    pub fn path(&self) -> &str {
        self.url.path()
    }

    /// The document, as JSON.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}
