//! A user's own profile, and registration, which has the same path.

use std::sync::Arc;

use poem::Request;
use poem::web::Data;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};
use uuid::Uuid;

use super::Tag;
use super::registration::{self, Registration, RegistrationAnswer};
use super::signed_in::SignedIn;
use crate::api::bearer::Scopes;
use crate::api::json_body::JsonBody;
use crate::response::problem::Problem;
use crate::server::AuthorizationServer;

/// The operations at `/account`.
#[derive(Default)]
pub struct ProfileApi;

/// The signed-in user.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct Account {
    /// The user's id, and the `sub` of their tokens.
    sub: Uuid,
    /// The name for signing in.
    username: String,
    /// The name shown to people.
    name: Option<String>,
    /// The email address, not verified.
    email: Option<String>,
    /// The user's roles.
    roles: Vec<String>,
    /// The client of the sign-in.
    client_id: String,
    /// The session of the token.
    sid: Uuid,
    /// The scope of the token, space-separated.
    scope: String,
    /// When the user signed in, in seconds since 1970.
    auth_time: i64,
}

#[derive(ApiResponse)]
enum AccountAnswer {
    /// The signed-in user.
    #[oai(status = 200)]
    Ok(Json<Account>),
}

#[OpenApi]
#[expect(clippy::unused_async, reason = "poem-openapi requires async")]
impl ProfileApi {
    /// Show my account
    ///
    /// Returns the user of the access token and the sign-in that it comes from.
    #[oai(
        path = "/account",
        method = "get",
        operation_id = "fetchAccount",
        tag = "Tag::Account"
    )]
    async fn account(
        &self,
        #[oai(scope = "Scopes::Account")] signed_in: SignedIn,
    ) -> Result<AccountAnswer, Problem> {
        let SignedIn {
            claims,
            session_id,
            user,
            ..
        } = signed_in;
        Ok(AccountAnswer::Ok(Json(Account {
            sub: user.id,
            roles: user.roles().map(str::to_owned).collect(),
            username: user.username,
            name: user.name,
            email: user.email,
            client_id: claims.client_id,
            sid: session_id,
            scope: claims.scope,
            auth_time: claims.auth_time.unwrap_or_default(),
        })))
    }

    /// Register
    ///
    /// Creates an account without roles. 403 unless the operator has opened registration
    /// (`account.registration`). It does not sign in: use `/token` next. 409 means that the name is
    /// taken. Requests per address are limited (429).
    #[oai(
        path = "/account",
        method = "post",
        operation_id = "registerAccount",
        tag = "Tag::Account"
    )]
    async fn register(
        &self,
        request: &Request,
        server: Data<&Arc<AuthorizationServer>>,
        body: JsonBody<Registration>,
    ) -> Result<RegistrationAnswer, Problem> {
        registration::register(body.0, request, &server).await
    }
}
