//! The token endpoint, RFC 6749 §3.2.

use std::sync::Arc;

use poem::Request;
use poem::web::Data;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};

use super::Tag;
use super::authorization::single_authorization;
use super::form::Form;
use crate::client_authentication;
use crate::grant::Grant;
use crate::response::caller;
use crate::response::cors::on_behalf_of;
use crate::response::oauth_error::ErrorAnswer;
use crate::server::AuthorizationServer;
use crate::token::response::TokenResponse;

/// The door.
#[derive(Default)]
pub struct TokenEndpoint;

/// What is given for tokens. Which parameters belong to which grant stands with each of them.
#[derive(Object)]
struct TokenRequest {
    /// `password` (RFC 6749 section 4.3; for first-party clients alone, RFC 9700 section 2.4),
    /// `refresh_token` (section 6) or `client_credentials` (section 4.4).
    grant_type: String,
    /// With `password`: who signs in. For first-party clients alone.
    username: Option<String>,
    /// With `password`: the password, as it was typed. For first-party clients alone.
    password: Option<String>,
    /// With `refresh_token`: the newest one that you received.
    refresh_token: Option<String>,
    /// Space-separated. Omitted: all that the client, or the session, may have. Less on a refresh
    /// narrows that access token alone.
    scope: Option<String>,
    /// The API that the access token is for, one of the client's audiences (RFC 8707). Omitted: all
    /// of them.
    resource: Option<String>,
    /// Your client, unless it authenticates by HTTP Basic. Omitted: the server's default client.
    client_id: Option<String>,
    /// Your client's secret, unless it is public or authenticates by HTTP Basic.
    client_secret: Option<String>,
}

/// Tokens, RFC 6749 section 5.1. Store both tokens, and replace both at the next refresh.
#[derive(Object)]
struct TokenAnswer {
    /// Send it to APIs as `Authorization: Bearer`. A JWT by RFC 9068, unless the client is registered
    /// for opaque ones.
    access_token: String,
    /// `Bearer`.
    token_type: String,
    /// Seconds until the access token expires.
    expires_in: i64,
    /// What the next refresh is made with. If its answer is lost, send the same one again. Absent with
    /// `client_credentials`.
    #[oai(skip_serializing_if_is_none)]
    refresh_token: Option<String>,
    /// What the access token allows, space-separated.
    scope: String,
}

impl From<TokenResponse> for TokenAnswer {
    fn from(response: TokenResponse) -> Self {
        Self {
            access_token: response.access_token.expose().to_owned(),
            token_type: "Bearer".to_owned(),
            expires_in: response.expires_in,
            refresh_token: response
                .refresh_token
                .map(|token| token.expose().to_owned()),
            scope: response.scope.to_string(),
        }
    }
}

#[derive(ApiResponse)]
enum Tokens {
    /// Tokens.
    #[oai(status = 200)]
    Ok(Json<TokenAnswer>),
}

#[OpenApi]
impl TokenEndpoint {
    /// Sign in or refresh
    ///
    /// Exchanges a user name and password, or a refresh token, for an access token and a new
    /// refresh token (RFC 6749 section 3.2); or a confidential client's own credentials for an access
    /// token (RFC 6749 section 4.4).
    ///
    /// A public client names itself by `client_id`; a confidential one proves itself by HTTP Basic, or by
    /// `client_id` and `client_secret` here (RFC 6749 section 2.3.1). Each parameter stands once, and
    /// nothing secret in the URL.
    ///
    /// A refresh gives a new refresh token: keep that, and forget the one before. If the answer was lost,
    /// send the same request again: it gets the same answer.
    ///
    /// **Deprecated for third parties:** RFC 9700 section 2.4 says that the password grant must not be
    /// used, because it shows the person's password to the client. It is off for a new client, and only
    /// for first-party clients can it be turned on: those that are as much the operator's own as this
    /// server is.
    #[oai(
        path = "/token",
        method = "post",
        operation_id = "requestToken",
        tag = "Tag::Token"
    )]
    async fn token(
        &self,
        request: &Request,
        server: Data<&Arc<AuthorizationServer>>,
        form: Form<TokenRequest>,
    ) -> Result<Tokens, ErrorAnswer> {
        let grant = Grant::parse(&form.parameters, server.clock.now())?;
        let authorization = single_authorization(request.headers())?;
        let client =
            client_authentication::authenticate(authorization, &form.parameters, &server).await?;
        on_behalf_of(&client.client.id, request);
        let device = caller::device(request, &server.settings);
        let tokens = grant.exchange(&client, device, &server).await?;
        Ok(Tokens::Ok(Json(tokens.into())))
    }
}
