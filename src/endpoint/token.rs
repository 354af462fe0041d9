//! The token endpoint, RFC 6749 §3.2.

use std::sync::Arc;

use poem::Request;
use poem::web::Data;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};

use super::Tag;
use super::form::Form;
use super::resource_server::single_authorization;
use crate::client_authentication::Credentials;
use crate::grant::Grant;
use crate::response::caller;
use crate::response::cors::set_client;
use crate::response::oauth_error::OAuthError;
use crate::response::request_grant::set_grant;
use crate::server::AuthorizationServer;
use crate::token::response::TokenResponse;

/// The token endpoint.
#[derive(Default)]
pub struct TokenEndpoint;

/// A token request. Each parameter says to which grant it belongs.
#[derive(Object)]
struct TokenRequest {
    /// `authorization_code` (RFC 6749 section 4.1), `refresh_token` (section 6), `client_credentials` (section 4.4) or
    /// `password` (section 4.3; for first-party clients only, RFC 9700 section 2.4).
    grant_type: String,
    /// With `authorization_code`: the code that the browser returned with.
    code: Option<String>,
    /// With `authorization_code`: the secret whose digest was sent as `code_challenge` (RFC 7636).
    code_verifier: Option<String>,
    /// With `authorization_code`: the redirect URI of the authorization request. Required without PKCE.
    redirect_uri: Option<String>,
    /// With `password`: the name of the user. For first-party clients alone.
    username: Option<String>,
    /// With `password`: the password as typed. For first-party clients alone.
    password: Option<String>,
    /// With `refresh_token`: the newest refresh token that you received.
    refresh_token: Option<String>,
    /// The scope, space-separated. Default at sign-in: what the client may have, without `openid`, `profile`, `email` and
    /// `offline_access`, and without scopes that require a role; on a refresh: what the session has. On a refresh, less
    /// scope narrows that access token alone. Scopes of OpenID Connect are ignored if they may not be granted.
    scope: Option<String>,
    /// The API that receives the access token, one of the client's audiences (RFC 8707). Default: all
    /// of them.
    resource: Option<String>,
    /// Your client, unless it authenticates by HTTP Basic. Default: the server's default client.
    client_id: Option<String>,
    /// Your client's secret, unless it is public or authenticates by HTTP Basic.
    client_secret: Option<String>,
}

#[derive(ApiResponse)]
enum Tokens {
    /// Tokens.
    #[oai(status = 200)]
    Ok(Json<TokenResponse>),
}

#[OpenApi]
impl TokenEndpoint {
    /// Sign in or refresh
    ///
    /// Exchanges an authorization code, a user name and password, or a refresh token, for an access token and a new
    /// refresh token (RFC 6749 section 3.2); or a confidential client's credentials for an access token (RFC 6749 section
    /// 4.4).
    ///
    /// A public client sends `client_id`; a confidential one authenticates by HTTP Basic, or by
    /// `client_id` and `client_secret` here (RFC 6749 section 2.3.1). Send each parameter once, and
    /// no secret in the URL.
    ///
    /// A refresh returns a new refresh token: store it and drop the previous one. If the response is
    /// lost, send the same request again: it gets the same response.
    ///
    /// **Deprecated for third parties:** RFC 9700 section 2.4 says that the password grant must not be
    /// used, because it shows the user's password to the client. It is off for a new client, and can be
    /// enabled only for first-party clients, which the operator runs like this server.
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
    ) -> Result<Tokens, OAuthError> {
        set_grant(&form.parameters, request);
        let grant = Grant::parse(&form.parameters, server.clock.now())?;
        let authorization = single_authorization(request.headers())?;
        let credentials = Credentials::parse(authorization, &form.parameters, &server)?;
        let device = caller::device(request, &server.settings);
        if grant.may_be_exchanged_at_once()
            && let Some(client) = credentials.authenticate_from_cache(&server)
        {
            let exchanged = grant.exchange_at_once(&client, &device, &server).await;
            if let Some(tokens) = exchanged.transpose() {
                set_client(&client.client, request);
                return Ok(Tokens::Ok(Json(tokens?)));
            }
        }
        let client = credentials.authenticate(&server).await?;
        set_client(&client.client, request);
        let tokens = grant.exchange(&client, device, &server).await?;
        Ok(Tokens::Ok(Json(tokens)))
    }
}
