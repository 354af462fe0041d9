//! Token introspection, RFC 7662: for an API that wants certainty, or holds opaque tokens.

use std::sync::Arc;

use poem::Request;
use poem::web::Data;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};

use super::Tag;
use super::authorization::Asker;
use super::form::Form;
use crate::error::Error;
use crate::response::oauth_error::ErrorAnswer;
use crate::server::AuthorizationServer;
use crate::store::{client, session, user};
use crate::token::active::{ActiveToken, Inactive};
use crate::token::claims::{self, Audience, Claims};
use crate::token::refresh_token::RefreshToken;
use crate::token::response::Narrowed;
use crate::token::rotation::{Judgement, Position, judge};

/// The door.
#[derive(Default)]
pub struct IntrospectionEndpoint;

/// A question about a token, RFC 7662 section 2.1.
#[derive(Object)]
struct IntrospectionRequest {
    /// An access token, or a refresh token of your own.
    #[oai(validator(min_length = 1))]
    token: String,
    /// `refresh_token` or `access_token`: a hint, and no more.
    token_type_hint: Option<String>,
    /// Your confidential client, unless it authenticates by HTTP Basic or with a bearer token.
    client_id: Option<String>,
    /// Its secret.
    client_secret: Option<String>,
}

/// What a token is, RFC 7662 section 2.2. Of a token that is not active, `active` alone.
#[derive(Default, Object)]
#[oai(skip_serializing_if_is_none)]
struct Introspection {
    /// Whether the token is good at this moment.
    active: bool,
    /// The issuer.
    iss: Option<String>,
    /// The user; the client itself, where it speaks for nobody else.
    sub: Option<String>,
    /// Whom the token is for: one, or an array.
    aud: Option<serde_json::Value>,
    /// The client that it was issued to.
    client_id: Option<String>,
    /// The name that the user signs in with.
    username: Option<String>,
    /// What it allows, space-separated.
    scope: Option<String>,
    /// `Bearer`, of an access token.
    token_type: Option<String>,
    /// When it was issued, in seconds since 1970.
    iat: Option<i64>,
    /// When it expires, in seconds since 1970.
    exp: Option<i64>,
    /// When the person signed in, in seconds since 1970.
    auth_time: Option<i64>,
    /// How the person signed in: `pwd`, by password alone.
    acr: Option<String>,
    /// The access token's own id.
    jti: Option<String>,
    /// The session.
    sid: Option<String>,
    /// The user's roles.
    roles: Option<Vec<String>>,
}

#[derive(ApiResponse)]
enum Answer {
    /// What the token is.
    #[oai(status = 200)]
    Ok(Json<Introspection>),
}

#[OpenApi]
impl IntrospectionEndpoint {
    /// Ask about a token
    ///
    /// Whether a token is good at this moment, and what it says (RFC 7662). The session is looked up:
    /// a token whose session was ended is inactive at once.
    ///
    /// For confidential clients, which are told about tokens for an audience that they are registered
    /// for, and about tokens of their own; and for bearers of an access token with the scope
    /// `introspect`. A confidential client proves itself by HTTP Basic, or by `client_id` and
    /// `client_secret` in the form. About any other token the answer is that it is not active.
    #[oai(
        path = "/introspect",
        method = "post",
        operation_id = "introspectToken",
        tag = "Tag::Token"
    )]
    async fn introspect(
        &self,
        request: &Request,
        server: Data<&Arc<AuthorizationServer>>,
        form: Form<IntrospectionRequest>,
    ) -> Result<Answer, ErrorAnswer> {
        let token = form.parameters.require("token")?;
        let asker = Asker::authorize(request, &form.parameters, &server).await?;
        let answer = match RefreshToken::decode(token.expose(), &server.root_secrets) {
            Ok(token) => refresh_token(token, &asker, &server).await?,
            Err(_) => access_token(token.expose(), &asker, &server).await?,
        };
        Ok(Answer::Ok(Json(answer)))
    }
}

async fn access_token(
    token: &str,
    asker: &Asker,
    server: &AuthorizationServer,
) -> Result<Introspection, Error> {
    match ActiveToken::find(token, server).await {
        Ok(ActiveToken { claims, user })
            if asker.may_know(&claims.client_id, audience(&claims)) =>
        {
            Ok(Introspection::of(claims, user))
        }
        Ok(_) | Err(Inactive::Refused(_)) => Ok(Introspection::default()),
        Err(Inactive::Unknown(error)) => Err(error.into()),
    }
}

fn audience(claims: &Claims) -> impl Iterator<Item = &str> {
    claims.aud.all().iter().map(String::as_str)
}

/// Only the client that a refresh token was issued to is told about it.
async fn refresh_token(
    token: RefreshToken,
    asker: &Asker,
    server: &AuthorizationServer,
) -> Result<Introspection, Error> {
    let inactive = Introspection::default();
    let Some(record) = session::find(&server.store, token.session).await? else {
        return Ok(inactive);
    };
    let session = &record.session;
    if !asker.may_know(&session.client_id, std::iter::empty()) {
        return Ok(inactive);
    }
    let Some(client) = client::find(&server.store, &session.client_id).await? else {
        return Ok(inactive);
    };
    let (now, policy) = (server.clock.now(), client.policy(&server.settings));
    let position = Position::from(session);
    let is_replay = matches!(
        judge(token.generation, position, &policy, now),
        Judgement::Replay { .. }
    );
    if is_replay || !record.is_alive(now, &policy) {
        return Ok(inactive);
    }
    let issuer = &server.settings.issuer;
    let Some(granted) = Narrowed::still_granted(session, &client, issuer) else {
        return Ok(inactive);
    };
    let user = user::find(&server.store, session.user_id).await?;
    Ok(Introspection {
        active: true,
        iss: Some(server.settings.issuer.clone()),
        sub: Some(session.user_id.to_string()),
        client_id: Some(session.client_id.clone()),
        username: user.map(|user| user.username),
        scope: Some(granted.scope.to_string()),
        iat: Some(session.rotated_at.as_seconds()),
        exp: Some(session.ends_at(&policy).as_seconds()),
        auth_time: Some(session.authenticated_at.as_seconds()),
        acr: Some(claims::PASSWORD.to_owned()),
        sid: Some(session.id.to_string()),
        ..Introspection::default()
    })
}

impl Introspection {
    fn of(claims: Claims, user: Option<user::Model>) -> Self {
        Self {
            active: true,
            iss: Some(claims.iss),
            sub: Some(claims.sub),
            aud: Some(match claims.aud {
                Audience::One(one) => one.into(),
                Audience::Several(several) => several.into(),
            }),
            client_id: Some(claims.client_id),
            username: user.map(|user| user.username),
            scope: Some(claims.scope),
            token_type: Some("Bearer".to_owned()),
            iat: Some(claims.iat),
            exp: Some(claims.exp),
            auth_time: claims.auth_time,
            acr: claims.acr,
            jti: Some(claims.jti),
            sid: claims.sid.map(|sid| sid.to_string()),
            roles: Some(claims.roles).filter(|roles| !roles.is_empty()),
        }
    }
}
