//! Protected resource metadata, RFC 9728.

use serde::Serialize;
use url::Url;

use crate::challenge::is_quotable;

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// Protected resource metadata (RFC 9728 §2), by which a client finds the authorization server of an API.
///
/// It serializes to the document; serve that at [`path`](Self::path).
#[derive(Clone, Debug, Serialize)]
#[must_use]
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
    /// The metadata of the API at the URL `resource`, which accepts the tokens of `issuer`. `None` unless
    /// `resource` is an http or https URL without a fragment, and without a backslash in its query.
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
        // A challenge quotes the URL, and parsing keeps a backslash in the query.
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

    /// Adds an issuer.
    pub fn also_issuer(mut self, issuer: impl Into<String>) -> Self {
        self.authorization_servers.push(issuer.into());
        self
    }

    /// Adds a scope that routes of the API require.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes_supported.push(scope.into());
        self
    }

    /// The API's name for users.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.resource_name = Some(name.into());
        self
    }

    /// The URL of the documentation for developers.
    pub fn documentation(mut self, url: impl Into<String>) -> Self {
        self.resource_documentation = Some(url.into());
        self
    }

    /// The URL of the document.
    pub fn url(&self) -> String {
        self.url.to_string()
    }

    /// The path of the document at the API's host.
    pub fn path(&self) -> &str {
        self.url.path()
    }

    /// The document as JSON.
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}
