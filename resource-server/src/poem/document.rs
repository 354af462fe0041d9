//! The security scheme in the OpenAPI document, with which Swagger UI signs in at the issuer.

use poem_openapi::registry::{MetaOAuthFlow, MetaOAuthFlows, MetaSecurityScheme, Registry};
use serde_json::{Map, Value, json};

/// The scheme's name in the document.
pub(super) const SCHEME: &str = "OAuth2";
/// A URL that cannot exist, until [`describe`] sets the real one.
const PLACEHOLDER: &str = "https://issuer.invalid/token";

/// The endpoints and scopes with which users sign in, for the API's document.
#[derive(Clone, Debug)]
#[must_use]
pub struct SignIn {
    flow: &'static str,
    urls: Map<String, Value>,
    scopes: Map<String, Value>,
    description: Option<String>,
}

impl SignIn {
    /// The password grant at this token endpoint, for first-party APIs of the issuer.
    pub fn password(token_url: impl Into<String>) -> Self {
        let token_url = Value::String(token_url.into());
        Self::new(
            "password",
            [("tokenUrl", token_url.clone()), ("refreshUrl", token_url)],
        )
    }

    /// The authorization code grant, with the issuer's sign-in page.
    pub fn authorization_code(
        authorization_url: impl Into<String>,
        token_url: impl Into<String>,
    ) -> Self {
        let token_url = Value::String(token_url.into());
        Self::new(
            "authorizationCode",
            [
                ("authorizationUrl", authorization_url.into().into()),
                ("tokenUrl", token_url.clone()),
                ("refreshUrl", token_url),
            ],
        )
    }

    fn new<const N: usize>(flow: &'static str, urls: [(&str, Value); N]) -> Self {
        Self {
            flow,
            urls: urls
                .map(|(name, url)| (name.to_owned(), url))
                .into_iter()
                .collect(),
            scopes: Map::new(),
            description: None,
        }
    }

    /// Adds a scope that a user may request, with its description.
    pub fn scope(mut self, scope: impl Into<String>, description: impl Into<String>) -> Self {
        self.scopes.insert(scope.into(), description.into().into());
        self
    }

    /// A note for the user who signs in, such as the `client_id` to enter.
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }
}

/// Adds the sign-in to the security scheme of an OpenAPI document. The framework's attributes cannot,
/// because they are constants and the issuer is a setting.
///
/// A document without the security scheme is not changed.
pub fn describe(document: &mut Value, sign_in: &SignIn) {
    let pointer = format!("/components/securitySchemes/{SCHEME}");
    let Some(scheme) = document
        .pointer_mut(&pointer)
        .and_then(Value::as_object_mut)
    else {
        return;
    };
    let mut flow = sign_in.urls.clone();
    flow.insert("scopes".to_owned(), sign_in.scopes.clone().into());
    scheme.insert("flows".to_owned(), json!({ sign_in.flow: flow }));
    if let Some(description) = &sign_in.description {
        scheme.insert("description".to_owned(), description.clone().into());
    }
}

pub(super) fn register(registry: &mut Registry) {
    let flow = MetaOAuthFlow {
        authorization_url: None,
        token_url: Some(PLACEHOLDER),
        refresh_url: None,
        scopes: Vec::new(),
    };
    registry.create_security_scheme(
        SCHEME,
        MetaSecurityScheme {
            ty: "oauth2",
            description: Some("An access token of the authorization server."),
            name: None,
            key_in: None,
            scheme: None,
            bearer_format: None,
            flows: Some(MetaOAuthFlows {
                implicit: None,
                password: Some(flow),
                client_credentials: None,
                authorization_code: None,
            }),
            openid_connect_url: None,
        },
    );
}
