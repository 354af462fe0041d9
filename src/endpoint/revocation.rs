//! Token revocation, RFC 7009.

use std::sync::Arc;

use poem::Request;
use poem::web::Data;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};

use super::Tag;
use super::form::Form;
use super::resource_server::single_authorization;
use crate::audit::{Actor, Cause};
use crate::client_authentication;
use crate::device::Device;
use crate::error::Error;
use crate::metric;
use crate::response::caller;
use crate::response::cors::set_client;
use crate::response::oauth_error::OAuthError;
use crate::server::AuthorizationServer;
use crate::store::session::{self, Ending};
use crate::token::access_token::{self, InvalidToken};
use crate::token::expiry;
use crate::token::opaque::OpaqueToken;
use crate::token::refresh_token::RefreshToken;

/// The revocation endpoint.
#[derive(Default)]
pub struct RevocationEndpoint;

/// A revocation request, RFC 7009 section 2.1.
#[derive(Object)]
struct RevocationRequest {
    /// The refresh token, or an access token of the same session.
    #[oai(validator(min_length = 1))]
    token: String,
    /// `refresh_token` or `access_token`. Only a hint.
    token_type_hint: Option<String>,
    /// Your client, unless it authenticates by HTTP Basic. Omitted: the server's default client.
    client_id: Option<String>,
    /// Your client's secret, unless it is public or authenticates by HTTP Basic.
    client_secret: Option<String>,
}

#[derive(ApiResponse)]
enum Revoked {
    /// The token is not valid any more, or never was.
    #[oai(status = 200)]
    Ok(Json<Revocation>),
}

/// An empty object: the status says all, RFC 7009 section 2.2.
// Some libraries fail at a response without a content type.
#[derive(Object)]
struct Revocation {}

/// The owner of a token.
enum Owner {
    /// A session.
    Session(uuid::Uuid),
    /// The client with this id itself, by the client credentials grant. It has no session.
    Client(String),
    /// Unknown: the token is expired, malformed, or another server's.
    Unknown,
}

#[OpenApi]
impl RevocationEndpoint {
    /// Revoke a token
    ///
    /// Revokes the session of the token (RFC 7009): its refresh token is refused, and its access tokens
    /// are inactive at `/introspect`. APIs that verify access tokens offline accept them until they
    /// expire. The response is 200 also for a token that is unknown, expired or already revoked. Another
    /// client's token is refused (400, `invalid_grant`) and stays valid.
    #[oai(
        path = "/revoke",
        method = "post",
        operation_id = "revokeToken",
        tag = "Tag::Token"
    )]
    async fn revoke(
        &self,
        request: &Request,
        server: Data<&Arc<AuthorizationServer>>,
        form: Form<RevocationRequest>,
    ) -> Result<Revoked, OAuthError> {
        let token = form.parameters.require("token")?;
        let authorization = single_authorization(request.headers())?;
        let client =
            client_authentication::authenticate(authorization, &form.parameters, &server).await?;
        set_client(&client.client, request);
        let client_id = &client.client.id;
        match owner(token.expose(), &server)? {
            Owner::Session(id) => {
                let device = caller::device(request, &server.settings);
                revoke_session(id, client_id, device, &server).await?;
            }
            // "unsupported_token_type: The authorization server does not support the revocation of
            // the presented token type", RFC 7009 §2.2.1.
            Owner::Client(id) if id == *client_id => {
                let reason = "an access token of client_credentials cannot be revoked";
                return Err(Error::UnsupportedTokenType(reason.into()).into());
            }
            Owner::Client(_) => return Err(foreign().into()),
            // "invalid tokens do not cause an error response since the client cannot handle such an
            // error in a reasonable way", RFC 7009 §2.2.
            Owner::Unknown => {}
        }
        Ok(Revoked::Ok(Json(Revocation {})))
    }
}

/// The owner of a token. The hint is ignored: "If the server is unable to locate the token using
/// the given hint, it MUST extend its search across all of its supported token types", RFC 7009 §2.1.
fn owner(token: &str, server: &AuthorizationServer) -> Result<Owner, Error> {
    if let Ok(token) = RefreshToken::decode(token, &server.root_secrets) {
        return Ok(Owner::Session(token.session));
    }
    if let Ok(token) = OpaqueToken::decode(token, &server.root_secrets) {
        if !token.validity().has_expired(server.clock.now()) {
            return Ok(Owner::Session(token.session));
        }
        return expired(server);
    }
    match access_token::verify(token, server.clock.now(), server) {
        Ok(claims) => Ok(claims
            .sid
            .map_or(Owner::Client(claims.client_id), Owner::Session)),
        Err(InvalidToken::Untimely(_)) => expired(server),
        Err(InvalidToken::Malformed(_)) => Ok(Owner::Unknown),
    }
}

/// An expired token is not looked up. While the clock is in doubt, the response 200 would wrongly say that it is
/// revoked.
fn expired(server: &AuthorizationServer) -> Result<Owner, Error> {
    expiry::doubt(server).map_or(Ok(Owner::Unknown), |doubt| Err(expiry::in_doubt(doubt)))
}

/// Revokes a session of this client: "the authorization server [...] verifies whether the token was issued
/// to the client making the revocation request. If this validation fails, the request is refused",
/// RFC 7009 §2.1.
async fn revoke_session(
    id: uuid::Uuid,
    client_id: &str,
    device: Device,
    server: &AuthorizationServer,
) -> Result<(), Error> {
    let Some(record) = session::find(&server.store, id).await? else {
        return Ok(());
    };
    if record.session.client_id != client_id {
        return Err(foreign());
    }
    let cause = Cause {
        at: server.clock.now(),
        actor: Actor::Client(client_id.to_owned()),
        device,
    };
    if session::revoke(&server.store, id, Ending::SignOut, &cause).await? {
        metric::SIGN_OUTS.count(());
    }
    Ok(())
}

fn foreign() -> Error {
    Error::InvalidGrant("the token was issued to another client".into())
}
