//! Token revocation, RFC 7009: sign out.

use std::sync::Arc;

use poem::Request;
use poem::web::Data;
use poem_openapi::{ApiResponse, Object, OpenApi};

use super::Tag;
use super::authorization::single_authorization;
use super::form::Form;
use crate::audit::{Actor, Cause};
use crate::client_authentication;
use crate::device::Device;
use crate::error::Error;
use crate::response::caller;
use crate::response::cors::on_behalf_of;
use crate::response::oauth_error::ErrorAnswer;
use crate::server::AuthorizationServer;
use crate::store::session::{self, Ending};
use crate::token::access_token;
use crate::token::opaque::OpaqueToken;
use crate::token::refresh_token::RefreshToken;

/// The door.
#[derive(Default)]
pub struct RevocationEndpoint;

/// What is to end, RFC 7009 section 2.1.
#[derive(Object)]
struct RevocationRequest {
    /// The refresh token, or an access token of the same session.
    #[oai(validator(min_length = 1))]
    token: String,
    /// `refresh_token` or `access_token`: a hint, and no more.
    token_type_hint: Option<String>,
    /// Your client, unless it authenticates by HTTP Basic. Omitted: the server's default client.
    client_id: Option<String>,
    /// Your client's secret, unless it is public or authenticates by HTTP Basic.
    client_secret: Option<String>,
}

#[derive(ApiResponse)]
enum Revoked {
    /// The token is worth nothing now, or never was anything.
    #[oai(status = 200)]
    Ok,
}

/// What a token belongs to.
enum Subject {
    /// A session.
    Session(uuid::Uuid),
    /// Nothing that could be ended: a client that speaks for itself, and which.
    Client(String),
    /// It is no good: expired, malformed, another server's.
    Nothing,
}

#[OpenApi]
impl RevocationEndpoint {
    /// Sign out
    ///
    /// Ends the session that the token belongs to (RFC 7009): its refresh token is refused from now
    /// on, and its access tokens are inactive at `/introspect`. APIs that verify access tokens by
    /// themselves take them until they expire. The answer is 200 also for a token that is unknown,
    /// expired or revoked already. Another client's token is refused (400, `invalid_grant`), and lives.
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
    ) -> Result<Revoked, ErrorAnswer> {
        let token = form.parameters.require("token")?;
        let authorization = single_authorization(request.headers())?;
        let client =
            client_authentication::authenticate(authorization, &form.parameters, &server).await?;
        let client_id = client.client.id;
        on_behalf_of(&client_id, request);
        match subject(token.expose(), &server) {
            Subject::Session(id) => {
                let device = caller::device(request, &server.settings);
                end(id, &client_id, device, &server).await?;
            }
            // "unsupported_token_type: The authorization server does not support the revocation of
            // the presented token type", RFC 7009 §2.2.1.
            Subject::Client(owner) if owner == client_id => {
                let reason = "a client's own access token ends by itself";
                return Err(Error::UnsupportedTokenType(reason.into()).into());
            }
            Subject::Client(_) => return Err(foreign().into()),
            // "invalid tokens do not cause an error response since the client cannot handle such an
            // error in a reasonable way", RFC 7009 §2.2.
            Subject::Nothing => {}
        }
        Ok(Revoked::Ok)
    }
}

/// What a token belongs to, whatever its hint says: "If the server is unable to locate the token using
/// the given hint, it MUST extend its search across all of its supported token types", RFC 7009 §2.1.
fn subject(token: &str, server: &AuthorizationServer) -> Subject {
    if let Ok(token) = RefreshToken::decode(token, &server.root_secrets) {
        return Subject::Session(token.session);
    }
    if let Ok(token) = OpaqueToken::decode(token, &server.root_secrets) {
        return Subject::Session(token.session);
    }
    match access_token::verify(token, server.clock.now(), server) {
        Ok(claims) => claims
            .sid
            .map_or(Subject::Client(claims.client_id), Subject::Session),
        Err(_) => Subject::Nothing,
    }
}

/// Ends a session of this client: "the authorization server [...] verifies whether the token was issued
/// to the client making the revocation request. If this validation fails, the request is refused",
/// RFC 7009 §2.1.
async fn end(
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
        metrics::counter!("jeton_sign_outs_total").increment(1);
    }
    Ok(())
}

fn foreign() -> Error {
    Error::InvalidGrant("the token was issued to another client".into())
}
