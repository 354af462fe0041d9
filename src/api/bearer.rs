//! Bearer authentication of the API: `Authorization: Bearer`, RFC 6750 §2.1, and its security schemes.

use std::sync::Arc;

use poem::Request;
use poem::http::header;
use poem_openapi::OAuthScopes;
use poem_openapi::registry::{
    MetaOAuthFlow, MetaOAuthFlows, MetaOAuthScope, MetaSecurityScheme, Registry,
};

use super::admin::NOT_ALLOWED;
use crate::audit::{Actor, Cause};
use crate::response::caller;
use crate::response::cors::set_client;
use crate::response::problem::Problem;
use crate::scope::{EMAIL, OPENID, OWN_SCOPES, OwnScope, PROFILE};
use crate::server::AuthorizationServer;
use crate::store::user;
use crate::token::active::{ActiveToken, bearer_token, has_token_in_query};
use crate::token::claims::Claims;

/// Name of the security scheme for users.
pub const USER: &str = "OAuth2";
/// Name of the security scheme for clients without a user.
pub const SERVICE_ACCOUNT: &str = "ServiceAccount";

/// Scopes that `/userinfo` needs, with their effects.
const USERINFO_SCOPES: [(&str, &str); 3] = [
    (OPENID, "Get an ID token and claims about you."),
    (PROFILE, "Read your username and your name."),
    (EMAIL, "Read your email address."),
];

/// Scopes of the API.
#[derive(OAuthScopes)]
pub enum Scopes {
    /// See and change your own account.
    #[oai(rename = "account")]
    Account,
    /// Administer users, clients, sessions and keys.
    #[oai(rename = "admin")]
    Admin,
}

/// A verified access token of this server with the required scope.
#[derive(Debug)]
pub struct Bearer {
    /// The claims.
    pub claims: Claims,
    /// The user's present row; `None` for the client credentials grant.
    pub user: Option<user::Model>,
}

impl Bearer {
    /// Reads and verifies the token of a request, which must have `scope`.
    pub async fn authenticate(
        request: &Request,
        scope: &OwnScope,
        server: &AuthorizationServer,
    ) -> Result<Self, Problem> {
        let token = token(request)?;
        let active = ActiveToken::find(token, server).await?;
        set_client(&active.client, request);
        if !active.claims.is_only_for(&server.settings.issuer) {
            return Err(Problem::OtherAudience);
        }
        if !active.permits(scope.name) {
            return Err(Problem::InsufficientScope(scope.name));
        }
        if !active.has_role_for(scope) {
            return Err(Problem::Forbidden(NOT_ALLOWED.into()));
        }
        Ok(Self {
            claims: active.claims,
            user: active.user,
        })
    }

    /// The cause of audit events of this request.
    pub fn cause(&self, request: &Request, server: &AuthorizationServer) -> Cause {
        Cause {
            at: server.clock.now(),
            actor: match &self.user {
                Some(user) => Actor::User(user.id),
                None => Actor::Client(self.claims.client_id.clone()),
            },
            device: caller::device(request, &server.settings),
        }
    }
}

/// The server that a request was sent to.
pub fn server(request: &Request) -> Result<&AuthorizationServer, Problem> {
    let server = request.data::<Arc<AuthorizationServer>>();
    let missing = || Problem::Failed("no server in the request".into());
    server.map(Arc::as_ref).ok_or_else(missing)
}

/// The token of the single `Authorization: Bearer` header.
fn token(request: &Request) -> Result<&str, Problem> {
    let mut headers = request.headers().get_all(header::AUTHORIZATION).iter();
    let Some(first) = headers.next() else {
        return Err(Problem::NoToken);
    };
    if headers.next().is_some() {
        return Err(Problem::BadRequest("Send one Authorization header.".into()));
    }
    let token = bearer_token(first.as_bytes()).ok_or(Problem::NoToken)?;
    // "Clients MUST NOT use more than one method to transmit the token in each request", RFC 6750 §2.
    if has_token_in_query(request.uri().query().unwrap_or_default()) {
        return Err(Problem::BadRequest(
            "Send the access token in the Authorization header alone.".into(),
        ));
    }
    Ok(token)
}

/// Registers the security schemes in the OpenAPI document.
pub fn register(registry: &mut Registry) {
    let none = || MetaOAuthFlows {
        implicit: None,
        password: None,
        client_credentials: None,
        authorization_code: None,
    };
    let scheme = |description, flows| MetaSecurityScheme {
        ty: "oauth2",
        description: Some(description),
        name: None,
        key_in: None,
        scheme: None,
        bearer_format: None,
        flows: Some(flows),
        openid_connect_url: None,
    };
    let user_flows = MetaOAuthFlows {
        authorization_code: Some(MetaOAuthFlow {
            authorization_url: Some("authorize"),
            ..user_flow()
        }),
        password: Some(user_flow()),
        ..none()
    };
    let service_account = MetaOAuthFlows {
        client_credentials: Some(MetaOAuthFlow {
            refresh_url: None,
            ..flow(|own| own.requires_role)
        }),
        ..none()
    };
    registry.create_security_scheme(
        USER,
        scheme(
            "Sign in on the hosted page (authorization code with PKCE, client first-party), or with user name and \
             password; leave client_id and client_secret empty for the default client. The password grant is deprecated for third parties (RFC 9700 section 2.4): it \
             is for first-party clients alone.",
            user_flows,
        ),
    );
    registry.create_security_scheme(
        SERVICE_ACCOUNT,
        scheme(
            "A confidential client without a user, by its client_id and client_secret.",
            service_account,
        ),
    );
}

/// The flow of a user. The default client is not registered for the scopes of services.
fn user_flow() -> MetaOAuthFlow {
    let mut flow = flow(|own| !own.is_for_services);
    let openid = USERINFO_SCOPES.map(|(name, description)| scope(name, description));
    flow.scopes.extend(openid);
    flow
}

fn flow(includes: fn(&OwnScope) -> bool) -> MetaOAuthFlow {
    let scopes = OWN_SCOPES.iter().filter(|own| includes(own));
    MetaOAuthFlow {
        authorization_url: None,
        token_url: Some("token"),
        refresh_url: Some("token"),
        scopes: scopes.map(|own| scope(own.name, own.description)).collect(),
    }
}

const fn scope(name: &'static str, description: &'static str) -> MetaOAuthScope {
    MetaOAuthScope {
        name,
        description: Some(description),
    }
}
