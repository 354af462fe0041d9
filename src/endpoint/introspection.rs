//! Token introspection, RFC 7662: for APIs that need certainty or receive opaque tokens.

use std::sync::Arc;

use poem::Request;
use poem::web::Data;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};

use super::Tag;
use super::form::Form;
use super::resource_server::ResourceServer;
use crate::error::Error;
use crate::response::oauth_error::OAuthError;
use crate::server::AuthorizationServer;
use crate::store::{client, session, user};
use crate::token::access::Access;
use crate::token::active::{ActiveToken, Inactive};
use crate::token::claims::{Audience, Claims};
use crate::token::expiry;
use crate::token::refresh_token::RefreshToken;
use crate::token::rotation::{Judgement, Position, RequestTime, judge};
use crate::token::sender::Sender;

/// The introspection endpoint.
#[derive(Default)]
pub struct IntrospectionEndpoint;

/// An introspection request, RFC 7662 section 2.1.
#[derive(Object)]
struct IntrospectionRequest {
    /// An access token, or a refresh token that was issued to you.
    #[oai(validator(min_length = 1))]
    token: String,
    /// `refresh_token` or `access_token`. Only a hint.
    token_type_hint: Option<String>,
    /// Your confidential client, unless it authenticates by HTTP Basic or with a bearer token.
    client_id: Option<String>,
    /// The secret of that client.
    client_secret: Option<String>,
}

/// An introspection response, RFC 7662 section 2.2. A token that is not active has `active` alone.
#[derive(Default, Object)]
#[oai(skip_serializing_if_is_none)]
struct Introspection {
    /// Whether the token is valid now.
    active: bool,
    /// The issuer.
    iss: Option<String>,
    /// The user; with `client_credentials`, the client.
    sub: Option<String>,
    /// The audience: a string or an array.
    aud: Option<serde_json::Value>,
    /// The client to which the token was issued.
    client_id: Option<String>,
    /// The name that the user signs in with.
    username: Option<String>,
    /// The scope, space-separated.
    scope: Option<String>,
    /// `Bearer` for an access token.
    token_type: Option<String>,
    /// When an access token was issued, in seconds since 1970.
    iat: Option<i64>,
    /// When it expires, in seconds since 1970.
    exp: Option<i64>,
    /// When the user signed in, in seconds since 1970.
    auth_time: Option<i64>,
    /// How the user signed in: `pwd` is by password.
    acr: Option<String>,
    /// The id of the access token.
    jti: Option<String>,
    /// The session.
    sid: Option<String>,
    /// The user's roles.
    roles: Option<Vec<String>>,
}

#[derive(ApiResponse)]
enum Answer {
    /// The state of the token.
    #[oai(status = 200)]
    Ok(Json<Introspection>),
}

#[OpenApi]
impl IntrospectionEndpoint {
    /// Introspect a token
    ///
    /// Returns whether a token is valid now, and its claims (RFC 7662). The session is looked up, so a
    /// token of a revoked session is inactive at once.
    ///
    /// Callers are confidential clients, by HTTP Basic or by `client_id` and `client_secret` in the form,
    /// and bearers of an access token with the scope `introspect`: a client's own token, or that of a user
    /// with the role `jeton:admin`. A client sees tokens for an audience that it is registered for, and its
    /// own tokens. Any other token is reported as not active.
    #[oai(
        path = "/introspect",
        method = "post",
        operation_id = "introspectToken",
        tag = "Tag::Introspection"
    )]
    async fn introspect(
        &self,
        request: &Request,
        server: Data<&Arc<AuthorizationServer>>,
        form: Form<IntrospectionRequest>,
    ) -> Result<Answer, OAuthError> {
        let token = form.parameters.require("token")?;
        let caller = ResourceServer::authorize(request, &form.parameters, &server).await?;
        let answer = match RefreshToken::decode(token.expose(), &server.root_secrets) {
            Ok(token) => refresh_token(token, &caller, &server).await?,
            Err(_) => access_token(token.expose(), &caller, &server).await?,
        };
        Ok(Answer::Ok(Json(answer)))
    }
}

/// A message for the log: the response does not say so.
const NOT_FOR_CALLER: &str =
    "introspection: the token is active, but the caller is registered for none of its audiences";

async fn access_token(
    token: &str,
    caller: &ResourceServer,
    server: &AuthorizationServer,
) -> Result<Introspection, Error> {
    match ActiveToken::find(token, server).await {
        Ok(ActiveToken { claims, user, .. })
            if caller.may_see(&claims.client_id, audience(&claims)) =>
        {
            Ok(Introspection::of(claims, user))
        }
        Ok(ActiveToken { claims, .. }) => {
            let (client, audience) = (&claims.client_id, claims.aud.all());
            tracing::debug!(client, ?audience, "{NOT_FOR_CALLER}");
            Ok(Introspection::default())
        }
        Err(Inactive::Refused(reason)) => {
            tracing::debug!(%reason, "introspection: the token is not active");
            Ok(Introspection::default())
        }
        Err(Inactive::InDoubt(doubt)) => Err(expiry::in_doubt(doubt)),
        Err(Inactive::Unknown(error)) => Err(error.into()),
    }
}

fn audience(claims: &Claims) -> impl Iterator<Item = &str> {
    claims.aud.all().iter().map(String::as_str)
}

/// A refresh token is shown only to the client to which it was issued.
async fn refresh_token(
    token: RefreshToken,
    caller: &ResourceServer,
    server: &AuthorizationServer,
) -> Result<Introspection, Error> {
    let inactive = Introspection::default();
    let Some(record) = session::find(&server.store, token.session).await? else {
        return Ok(inactive);
    };
    let session = &record.session;
    if !caller.may_see(&session.client_id, std::iter::empty()) {
        tracing::debug!(
            client = session.client_id,
            "introspection: a refresh token of another client"
        );
        return Ok(inactive);
    }
    let Some(client) = client::find(&server.store, &session.client_id).await? else {
        return Ok(inactive);
    };
    let (now, policy) = (server.clock.now(), client.policy(&server.settings));
    let position = Position::from(session);
    let time = RequestTime::without_wait(now);
    // The caller is not the device that holds the token.
    let judgement = judge(
        token.generation,
        position,
        &policy,
        time,
        Sender::SameDevice,
    );
    if matches!(judgement, Judgement::Replay { .. }) {
        return Ok(inactive);
    }
    if !record.is_alive(now, &policy) {
        return match expiry::doubt(server).filter(|_| record.is_ended_by_time()) {
            Some(doubt) => Err(expiry::in_doubt(doubt)),
            None => Ok(inactive),
        };
    }
    let issuer = &server.settings.issuer;
    let Some(granted) = Access::still_granted(session, &client, issuer) else {
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
        // Without `iat`: no API tells the moment of a rotation.
        exp: Some(session.ends_at(&policy).as_seconds()),
        auth_time: Some(session.authenticated_at.as_seconds()),
        acr: Some(session.acr.clone()),
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
