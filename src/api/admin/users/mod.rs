//! Users: search, create, read, change, delete, set the password, end all sessions.

mod schema;

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{OpenApi, types};
use uuid::Uuid;

pub use self::schema::User;
use self::schema::{
    CreateUserResponse, DeleteUserResponse, NewPassword, SessionsEndedResponse, UnlockUserResponse,
    UserChange, UserCreation, UserListResponse, UserPage, UserResponse, parse_username,
};
use super::Tag;
use super::administrator::Administrator;
use super::entity_tag::{self, IfMatch};
use crate::api::bearer::Scopes;
use crate::api::json_body::JsonBody;
use crate::api::page::PageRequest;
use crate::password::{Password, check_stored};
use crate::response::problem::Problem;
use crate::secret::Secret;
use crate::server::AuthorizationServer;
use crate::sign_in;
use crate::store::Target;
use crate::store::user::{self, Change, InsertError, UserFilter};
use crate::username::Username;

/// The endpoints of users.
#[derive(Default)]
pub struct UsersApi;

#[OpenApi(prefix_path = "/admin/users", tag = "Tag::Admin")]
impl UsersApi {
    /// Search users
    ///
    /// Users that match all filters, by name.
    #[oai(path = "/", method = "get", operation_id = "listUsers")]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a parameter of the operation"
    )]
    async fn list(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Admin")] _administrator: Administrator,
        /// Only users with this text in the name. No character has a special meaning.
        search: Query<Option<String>>,
        /// Only users with this role.
        role: Query<Option<String>>,
        /// Only users that are disabled, or only the others.
        disabled: Query<Option<bool>>,
        /// Maximum number of entries of a page, 1 to 200. Default: 50.
        limit: Query<Option<i64>>,
        /// `next_cursor` of the previous page.
        cursor: Query<Option<String>>,
    ) -> Result<UserListResponse, Problem> {
        let filter = UserFilter {
            name_part: search.0.as_deref(),
            role: role.0.as_deref(),
            disabled: disabled.0,
        };
        let search = async |after: Option<String>, limit| {
            user::search(&server.store, filter, after.as_deref(), limit).await
        };
        let page = PageRequest::parse("users", &filter, limit.0, cursor.0.as_deref())?;
        let (rows, next_cursor) = page.read(search, |row| row.username.clone()).await?;
        Ok(UserListResponse::Ok(Json(UserPage {
            users: rows.into_iter().map(Into::into).collect(),
            next_cursor,
        })))
    }

    /// Create a user
    ///
    /// With a password, or with a password hash from another system, in which the user may have had an id and a time of
    /// creation.
    #[oai(path = "/", method = "post", operation_id = "createUser")]
    async fn create(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Admin")] administrator: Administrator,
        body: JsonBody<UserCreation>,
    ) -> Result<CreateUserResponse, Problem> {
        let mut body = body.0;
        let (password, password_hash) = (body.password.take(), body.password_hash.take());
        let username = parse_username(&body.username)?;
        let row = body.parse(&username, server.clock.now())?;
        let password_hash = match (password, password_hash) {
            (Some(password), None) => hash(password, &username, &server).await?,
            (None, Some(hash)) => {
                check_stored(&hash.0).map_err(|why| Problem::invalid("password_hash", why))?;
                hash.0
            }
            _ => {
                let detail = "Send either password or password_hash.";
                return Err(Problem::invalid("password", detail));
            }
        };
        let row = user::Model {
            password_hash,
            ..row
        };
        match user::insert(&server.store, row.clone(), &administrator.cause()).await {
            Ok(()) => {}
            Err(InsertError::Taken) => {
                return Err(Problem::Conflict(
                    "Another user has that name or id.".into(),
                ));
            }
            Err(InsertError::Store(error)) => return Err(error.into()),
        }
        let location = format!("{}/admin/users/{}", server.settings.issuer, row.id);
        let tag = entity_tag::of(row.revision);
        Ok(CreateUserResponse::Created(Json(row.into()), location, tag))
    }

    /// Read a user
    ///
    /// `ETag` is the revision of the user.
    #[oai(path = "/:id", method = "get", operation_id = "fetchUser")]
    async fn read(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Admin")] _administrator: Administrator,
        /// The user's id.
        id: Path<Uuid>,
    ) -> Result<UserResponse, Problem> {
        Ok(find(id.0, &server).await?.into())
    }

    /// Change a user
    ///
    /// An absent field stays. Disabling a user ends all their sessions. The last enabled user with the role `jeton:admin`
    /// cannot lose the role or be disabled.
    #[oai(path = "/:id", method = "patch", operation_id = "updateUser")]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a parameter of the operation"
    )]
    async fn update(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Admin")] administrator: Administrator,
        /// The user's id.
        id: Path<Uuid>,
        /// Change only the revision that this `ETag` names.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
        body: JsonBody<UserChange>,
    ) -> Result<UserResponse, Problem> {
        let target = target(id.0, &if_match, &server).await?;
        let change = Change::Attributes(body.0.parse()?);
        let changed = user::change(&server.store, target, change, &administrator.cause()).await?;
        Ok(changed.user.into())
    }

    /// Delete a user
    ///
    /// Ends all sessions of the user. The last enabled user with the role `jeton:admin` cannot be deleted.
    #[oai(path = "/:id", method = "delete", operation_id = "deleteUser")]
    async fn delete(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Admin")] administrator: Administrator,
        /// The user's id.
        id: Path<Uuid>,
        /// Delete only the revision that this `ETag` names.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
    ) -> Result<DeleteUserResponse, Problem> {
        let target = target(id.0, &if_match, &server).await?;
        user::change(
            &server.store,
            target,
            Change::Delete,
            &administrator.cause(),
        )
        .await?;
        Ok(DeleteUserResponse::Deleted)
    }

    /// Set a user's password
    ///
    /// Ends all sessions of the user and returns their number.
    #[oai(
        path = "/:id/password",
        method = "put",
        operation_id = "setUserPassword"
    )]
    async fn set_password(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Admin")] administrator: Administrator,
        /// The user's id.
        id: Path<Uuid>,
        body: JsonBody<NewPassword>,
    ) -> Result<SessionsEndedResponse, Problem> {
        let username = parse_username(&find(id.0, &server).await?.username)?;
        let hash = hash(body.0.password, &username, &server).await?;
        let (store, cause) = (&server.store, administrator.cause());
        let changed = user::change(store, id.0, Change::password(hash), &cause).await?;
        sign_in::unlock(&changed.user, &cause, &server).await?;
        Ok(changed.sessions_ended.into())
    }

    /// Unlock a user
    ///
    /// Forgets the failed sign-ins of the account, so that the next sign-in is not slowed. Setting a password does the
    /// same. Those of the user's known devices stay.
    #[oai(
        path = "/:id/failed-sign-ins",
        method = "delete",
        operation_id = "unlockUser"
    )]
    async fn unlock(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Admin")] administrator: Administrator,
        /// The user's id.
        id: Path<Uuid>,
    ) -> Result<UnlockUserResponse, Problem> {
        let user = find(id.0, &server).await?;
        sign_in::unlock(&user, &administrator.cause(), &server).await?;
        Ok(UnlockUserResponse::Unlocked)
    }

    /// End all sessions of a user
    ///
    /// Signs the user out everywhere and returns the number of sessions.
    #[oai(
        path = "/:id/sessions",
        method = "delete",
        operation_id = "endUserSessions"
    )]
    async fn end_sessions(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Admin")] administrator: Administrator,
        /// The user's id.
        id: Path<Uuid>,
    ) -> Result<SessionsEndedResponse, Problem> {
        let (store, cause) = (&server.store, administrator.cause());
        let changed = user::change(store, id.0, Change::SIGN_OUT, &cause).await?;
        Ok(changed.sessions_ended.into())
    }
}

async fn find(id: Uuid, server: &AuthorizationServer) -> Result<user::Model, Problem> {
    let found = user::find(&server.store, id).await?;
    found.ok_or(Problem::NotFound)
}

/// The user to change, with the revision that `If-Match` requires.
async fn target(
    id: Uuid,
    if_match: &IfMatch,
    server: &AuthorizationServer,
) -> Result<Target<Uuid>, Problem> {
    let row = find(id, server).await?;
    let revision = if_match.revision(row.revision)?;
    Ok(Target { id, revision })
}

async fn hash(
    password: types::Password,
    username: &Username,
    server: &AuthorizationServer,
) -> Result<String, Problem> {
    let password = Secret::new(password.0);
    let (hasher, rules) = (&server.hasher, &server.password_rules);
    let password = Password::new(password.expose());
    let hash = hasher.hash_chosen(password, username, rules).await;
    hash.map_err(|error| Problem::of_new_password("password", error))
}
