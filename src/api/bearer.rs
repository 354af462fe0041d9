//! The access token of our own by which the account and the admin door are opened:
//! `Authorization: Bearer`, RFC 6750 §2.1; and how the document tells of it.

use poem::Request;
use poem::http::header;
use poem_openapi::OAuthScopes;
use poem_openapi::registry::{
    MetaOAuthFlow, MetaOAuthFlows, MetaOAuthScope, MetaSecurityScheme, Registry,
};

use crate::audit::{Actor, Cause};
use crate::response::caller;
use crate::response::cors::on_behalf_of;
use crate::response::problem::Problem;
use crate::scope::{self, Scope};
use crate::server::AuthorizationServer;
use crate::store::user;
use crate::token::active::{ActiveToken, bearer_token};
use crate::token::claims::Claims;

/// How a person opens a door, in the document.
pub const PERSON: &str = "OAuth2";
/// How a client opens a door for itself, in the document.
pub const SERVICE_ACCOUNT: &str = "ServiceAccount";

const ACCOUNT_WORDS: &str = "See and change your own account.";
const ADMIN_WORDS: &str = "Administer users, clients, sessions and keys.";

/// What an access token may allow here.
#[derive(OAuthScopes)]
pub enum Scopes {
    /// See and change your own account.
    #[oai(rename = "account")]
    Account,
    /// Administer users, clients, sessions and keys.
    #[oai(rename = "admin")]
    Admin,
}

/// An access token that is good at this moment, for this server, and allows what was asked for.
#[derive(Debug)]
pub struct Bearer {
    /// What the token says.
    pub claims: Claims,
    /// The person for whom it speaks, as they are now; `None` where a client speaks for itself.
    pub user: Option<user::Model>,
}

impl Bearer {
    /// Reads and verifies the token of a request, which must allow `scope`.
    ///
    /// # Errors
    ///
    /// [`Problem`] when there is none, it is no good, or it does not allow that.
    pub async fn authenticate(
        request: &Request,
        scope: &'static str,
        server: &AuthorizationServer,
    ) -> Result<Self, Problem> {
        let token = token(request)?;
        let ActiveToken { claims, user } = ActiveToken::find(token, server).await?;
        on_behalf_of(&claims.client_id, request);
        if !claims.is_for(&server.settings.issuer) {
            return Err(Problem::InvalidToken("for another audience".to_owned()));
        }
        if !claims.scope().covers(&Scope::from_stored(scope)) {
            return Err(Problem::InsufficientScope(scope));
        }
        Ok(Self { claims, user })
    }

    /// What the request causes.
    #[must_use]
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

/// The token of the one `Authorization: Bearer`.
fn token(request: &Request) -> Result<&str, Problem> {
    let mut headers = request.headers().get_all(header::AUTHORIZATION).iter();
    let Some(first) = headers.next() else {
        return Err(Problem::NoToken);
    };
    if headers.next().is_some() {
        return Err(Problem::BadRequest("Send one Authorization header.".into()));
    }
    let token = bearer_token(first.as_bytes()).ok_or(Problem::NoToken)?;
    if has_token_in_query(request) {
        return Err(Problem::BadRequest(
            "Send the access token in the Authorization header alone.".into(),
        ));
    }
    Ok(token)
}

/// "Clients MUST NOT use more than one method to transmit the token in each request", RFC 6750 §2.
/// Of the methods this is the other that could be used here.
fn has_token_in_query(request: &Request) -> bool {
    let query = request.uri().query().unwrap_or_default();
    query
        .split('&')
        .any(|pair| pair.split('=').next() == Some("access_token"))
}

/// Tells the document how a token is come by.
pub fn register(registry: &mut Registry) {
    let flow = |scopes: &[(&'static str, &'static str)]| MetaOAuthFlow {
        authorization_url: None,
        token_url: Some("token"),
        refresh_url: Some("token"),
        scopes: scopes
            .iter()
            .map(|(name, words)| MetaOAuthScope {
                name,
                description: Some(words),
            })
            .collect(),
    };
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
    let account = (scope::ACCOUNT, ACCOUNT_WORDS);
    let admin = (scope::ADMIN, ADMIN_WORDS);
    let person = MetaOAuthFlows {
        password: Some(flow(&[account, admin])),
        ..none()
    };
    let service_account = MetaOAuthFlows {
        client_credentials: Some(MetaOAuthFlow {
            refresh_url: None,
            ..flow(&[admin])
        }),
        ..none()
    };
    registry.create_security_scheme(
        PERSON,
        scheme(
            "Sign in with user name and password; leave client_id and client_secret empty for the \
             default client. The password grant is deprecated for third parties (RFC 9700 section 2.4): it \
             is for first-party clients alone.",
            person,
        ),
    );
    registry.create_security_scheme(
        SERVICE_ACCOUNT,
        scheme(
            "A confidential client that speaks for itself, by its client_id and client_secret.",
            service_account,
        ),
    );
}
