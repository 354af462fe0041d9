//! Who is signed in: an access token of our own as `Authorization: Bearer`, RFC 6750 §2.1.

use std::sync::Arc;

use poem::http::header;
use poem::{Request, RequestBody};
use poem_openapi::registry::{
    MetaOAuthFlow, MetaOAuthFlows, MetaOAuthScope, MetaSecurityScheme, Registry,
};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions, OAuthScopes};

use uuid::Uuid;

use super::problem::Problem;
use crate::audit::{Actor, Cause};
use crate::caller;
use crate::cors::on_behalf_of;
use crate::scope::Scope;
use crate::server::AuthorizationServer;
use crate::store::user;
use crate::token::active::{ActiveToken, bearer_token};
use crate::token::claims::Claims;

const SCHEME: &str = "OAuth2";
/// What the account door asks for.
const ACCOUNT: &str = "account";

/// What an access token may allow here.
#[derive(OAuthScopes)]
pub enum Scopes {
    /// See and change your own account.
    #[oai(rename = "account")]
    Account,
}

/// A person with a living session and a token that allows the account door.
pub struct SignedIn {
    /// What the token says.
    pub claims: Claims,
    /// The session that the token belongs to.
    pub session_id: Uuid,
    /// The person, as they are now.
    pub user: user::Model,
}

impl SignedIn {
    async fn authenticate(
        request: &Request,
        server: &AuthorizationServer,
    ) -> Result<Self, Problem> {
        let token = token(request)?;
        let ActiveToken { claims, user } = ActiveToken::find(token, server).await?;
        on_behalf_of(&claims.client_id, request);
        if !claims.is_for(&server.settings.issuer) {
            return Err(Problem::InvalidToken("for another audience".to_owned()));
        }
        if !claims.scope().covers(&Scope::from_stored(ACCOUNT)) {
            return Err(Problem::InsufficientScope(ACCOUNT));
        }
        match (user, claims.sid) {
            (Some(user), Some(session_id)) => Ok(Self {
                claims,
                session_id,
                user,
            }),
            _ => Err(Problem::InvalidToken("it speaks for no person".to_owned())),
        }
    }
}

impl SignedIn {
    /// What the person causes by a request.
    #[must_use]
    pub fn cause(&self, request: &Request, server: &AuthorizationServer) -> Cause {
        Cause {
            at: server.clock.now(),
            actor: Actor::User(self.user.id),
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
        return Err(Problem::BadRequest("Send one Authorization header."));
    }
    let token = bearer_token(first.as_bytes()).ok_or(Problem::NoToken)?;
    if has_token_in_query(request) {
        return Err(Problem::BadRequest(
            "Send the access token in the Authorization header alone.",
        ));
    }
    Ok(token)
}

/// "Clients MUST NOT use more than one method to transmit the token in each request", RFC 6750 §2.
/// Of the methods this is the other that a `GET` could use.
fn has_token_in_query(request: &Request) -> bool {
    let query = request.uri().query().unwrap_or_default();
    query
        .split('&')
        .any(|pair| pair.split('=').next() == Some("access_token"))
}

/// Written by hand, because the framework's bearer scheme answers in its own words.
impl<'a> ApiExtractor<'a> for SignedIn {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        let flow = MetaOAuthFlow {
            authorization_url: None,
            token_url: Some("token"),
            refresh_url: Some("token"),
            scopes: vec![MetaOAuthScope {
                name: ACCOUNT,
                description: Some("See and change your own account."),
            }],
        };
        registry.create_security_scheme(
            SCHEME,
            MetaSecurityScheme {
                ty: "oauth2",
                description: Some(
                    "Sign in with user name and password; leave client_id and client_secret empty \
                     for the default client.",
                ),
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

    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME]
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        let server = request.data::<Arc<AuthorizationServer>>();
        let server = server.ok_or_else(|| Problem::Failed("no server in the request".into()))?;
        Ok(Self::authenticate(request, server).await?)
    }
}
