//! Who am I; and an account for who has none, which stands at the same path.

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

/// The door.
#[derive(Default)]
pub struct ProfileDoor;

/// Who is signed in, and how.
#[derive(Object)]
struct Account {
    /// The user's id, and the `sub` of their tokens.
    sub: Uuid,
    /// The name that they sign in with.
    username: String,
    /// What they may do, by role.
    roles: Vec<String>,
    /// The client that they signed in at.
    client_id: String,
    /// The session that the token belongs to.
    sid: Uuid,
    /// What the token allows, space-separated.
    scope: String,
    /// When they signed in, in seconds since 1970.
    auth_time: i64,
}

#[derive(ApiResponse)]
enum AccountAnswer {
    /// Who is signed in.
    #[oai(status = 200)]
    Ok(Json<Account>),
}

#[OpenApi]
#[expect(clippy::unused_async, reason = "the framework asks for async")]
impl ProfileDoor {
    /// Who am I
    ///
    /// Whom the access token was issued for, and through which sign-in.
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
            client_id: claims.client_id,
            sid: session_id,
            scope: claims.scope,
            auth_time: claims.auth_time.unwrap_or_default(),
        })))
    }

    /// Register
    ///
    /// Makes an account, without roles, for whoever asks: 403 unless the server is set so
    /// (`account.registration`). It signs nobody in: ask `/token` next. 409 says that the name is taken,
    /// and so who has an account; how often one address may ask is limited (429).
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
