//! The userinfo endpoint, OpenID Connect Core §5.3: claims about the user of an access token.

use std::sync::Arc;

use poem::Request;
use poem::web::Data;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};
use uuid::Uuid;

use super::Tag;
use super::form::OptionalForm;
use super::resource_server::single_authorization;
use crate::error::Error;
use crate::parameters::Parameters;
use crate::response::cors::set_client;
use crate::response::oauth_error::OAuthError;
use crate::scope::{EMAIL, OPENID, PROFILE};
use crate::secret::Secret;
use crate::server::AuthorizationServer;
use crate::token::active::{ActiveToken, bearer_token, has_token_in_query};

/// The path.
pub const PATH: &str = "/userinfo";

/// The userinfo endpoint.
#[derive(Default)]
pub struct UserinfoEndpoint;

/// A request by form, RFC 6750 section 2.2.
#[derive(Object)]
struct UserinfoRequest {
    /// The access token, unless it is in the `Authorization` header.
    access_token: Option<String>,
}

/// Claims about the user, OpenID Connect Core section 5.1. What is unknown, or not in the scope of the token, is absent.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct Userinfo {
    /// The user's id, as in the ID token.
    sub: Uuid,
    /// The name for signing in. With the scope `profile`.
    preferred_username: Option<String>,
    /// The name shown to people. With the scope `profile`.
    name: Option<String>,
    /// When username, name or email address last changed, in seconds since 1970. With the scope `profile`.
    updated_at: Option<i64>,
    /// The email address. With the scope `email`.
    email: Option<String>,
    /// Whether the user has proved that the email address is theirs. With the scope `email`.
    email_verified: Option<bool>,
}

#[derive(ApiResponse)]
enum UserinfoResponse {
    /// The claims.
    #[oai(status = 200)]
    Ok(Json<Userinfo>),
}

#[OpenApi]
impl UserinfoEndpoint {
    /// Claims about the user
    ///
    /// Returns the claims that the scope of the access token allows (OpenID Connect Core section 5.3). The token needs
    /// the scope `openid`, and the issuer in its audience: request it without `resource`, or with the issuer as
    /// `resource`.
    #[oai(
        path = "/userinfo",
        method = "get",
        operation_id = "fetchUserinfo",
        tag = "Tag::OpenId"
    )]
    async fn get(
        &self,
        request: &Request,
        server: Data<&Arc<AuthorizationServer>>,
    ) -> Result<UserinfoResponse, OAuthError> {
        let claims = find(request, &Parameters::default(), &server).await?;
        Ok(UserinfoResponse::Ok(Json(claims)))
    }

    /// Claims about the user, with the token in a form
    ///
    /// The same by POST (OpenID Connect Core section 5.3.1). The token is in the `Authorization` header or in the form,
    /// not in both.
    #[oai(
        path = "/userinfo",
        method = "post",
        operation_id = "postUserinfo",
        tag = "Tag::OpenId"
    )]
    async fn post(
        &self,
        request: &Request,
        server: Data<&Arc<AuthorizationServer>>,
        form: OptionalForm<UserinfoRequest>,
    ) -> Result<UserinfoResponse, OAuthError> {
        let claims = find(request, &form.parameters, &server).await?;
        Ok(UserinfoResponse::Ok(Json(claims)))
    }
}

async fn find(
    request: &Request,
    parameters: &Parameters,
    server: &AuthorizationServer,
) -> Result<Userinfo, Error> {
    let token = ActiveToken::find(token(request, parameters)?, server).await?;
    set_client(&token.client, request);
    if !token.claims.is_for(&server.settings.issuer) {
        return Err(Error::OtherAudience);
    }
    if !token.permits(OPENID) {
        return Err(Error::InsufficientScope(OPENID.into()));
    }
    let has_no_user = || Error::InvalidToken("the token has no user".into());
    let (profile, email) = (token.permits(PROFILE), token.permits(EMAIL));
    let user = token.user.ok_or_else(has_no_user)?;
    let updated_at = user.profile_updated_at().as_seconds();
    let email = user.email.filter(|_| email);
    Ok(Userinfo {
        sub: user.id,
        preferred_username: profile.then_some(user.username),
        name: user.name.filter(|_| profile),
        updated_at: profile.then_some(updated_at),
        email_verified: email.as_ref().map(|_| false),
        email,
    })
}

/// The token of the request. "Clients MUST NOT use more than one method to transmit the token in each request", RFC 6750
/// §2. One in the query alone is ignored, because URLs are logged and shared.
fn token<'a>(request: &'a Request, parameters: &'a Parameters) -> Result<&'a str, Error> {
    let header = single_authorization(request.headers())?.and_then(bearer_token);
    let field = parameters.find("access_token").map(Secret::expose);
    let is_in_query = has_token_in_query(request.uri().query().unwrap_or_default());
    match (header, field) {
        (None, None) => Err(Error::NoToken),
        (Some(token), None) | (None, Some(token)) if !is_in_query => Ok(token),
        _ => Err(Error::InvalidRequest(
            "the access token is sent by more than one method".into(),
        )),
    }
}
