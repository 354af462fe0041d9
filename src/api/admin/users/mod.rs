//! Users: search, create, read, change, delete; their passwords, and signing them out.

mod shape;

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{OpenApi, types};
use uuid::Uuid;

pub use self::shape::User;
use self::shape::{
    CreateAnswer, DeleteAnswer, EndAnswer, ListAnswer, NewPassword, UserAnswer, UserChange,
    UserCreation, UserPage, parse_roles, parse_username,
};
use super::Tag;
use super::administrator::Administrator;
use super::entity_tag::{self, IfMatch};
use super::page::{self, List};
use crate::api::bearer::Scopes;
use crate::api::json_body::JsonBody;
use crate::password::{Password, check_stored};
use crate::response::problem::Problem;
use crate::secret::Secret;
use crate::server::AuthorizationServer;
use crate::store::Target;
use crate::store::user::{self, Change, InsertError, UserFilter};
use crate::username::Username;

/// The door.
#[derive(Default)]
pub struct UsersDoor;

#[OpenApi(prefix_path = "/admin/users", tag = "Tag::Admin")]
impl UsersDoor {
    /// Search users
    ///
    /// Those who pass all filters, by name.
    #[oai(path = "/", method = "get", operation_id = "listUsers")]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a parameter of the operation"
    )]
    async fn list(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Admin")] _administrator: Administrator,
        /// Only those with this in their names. No character has a special meaning.
        search: Query<Option<String>>,
        /// Only those with this role.
        role: Query<Option<String>>,
        /// Only those who are disabled, or only those who are not.
        disabled: Query<Option<bool>>,
        /// How many a page has at most: 1 to 200, 50 unless given.
        limit: Query<Option<i64>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<ListAnswer, Problem> {
        let filter = UserFilter {
            name_part: search.0.as_deref(),
            role: role.0.as_deref(),
            disabled: disabled.0,
        };
        let limit = page::limit(limit.0)?;
        let list = List::of("users", &filter);
        let after = list.key(cursor.0.as_deref())?;
        let rows = user::search(&server.store, filter, after.as_deref(), limit + 1).await?;
        let (rows, next_cursor) = list.page(rows, limit, |row| row.username.clone());
        Ok(ListAnswer::Ok(Json(UserPage {
            users: rows.into_iter().map(Into::into).collect(),
            next_cursor,
        })))
    }

    /// Create a user
    ///
    /// With a password, or with the hash of one from another system.
    #[oai(path = "/", method = "post", operation_id = "createUser")]
    async fn create(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Admin")] administrator: Administrator,
        body: JsonBody<UserCreation>,
    ) -> Result<CreateAnswer, Problem> {
        let UserCreation {
            username,
            password,
            password_hash,
            roles,
        } = body.0;
        let username = parse_username(&username)?;
        let roles = parse_roles(&roles)?;
        let password_hash = match (password, password_hash) {
            (Some(password), None) => hash(password, &username, &server).await?,
            (None, Some(hash)) => {
                check_stored(&hash.0).map_err(|why| Problem::invalid("password_hash", why))?;
                hash.0
            }
            _ => {
                let detail = "Send either a password or a password_hash.";
                return Err(Problem::invalid("password", detail));
            }
        };
        let row = user::Model {
            roles,
            ..user::Model::new(username.as_str(), password_hash, server.clock.now())
        };
        match user::insert(&server.store, row.clone(), administrator.cause()).await {
            Ok(()) => {}
            Err(InsertError::Taken) => {
                return Err(Problem::Conflict("Another user has that name.".into()));
            }
            Err(InsertError::Store(error)) => return Err(error.into()),
        }
        let place = format!("{}/admin/users/{}", server.settings.issuer, row.id);
        let tag = entity_tag::of(row.revision);
        Ok(CreateAnswer::Created(Json(row.into()), place, tag))
    }

    /// Read a user
    ///
    /// As they are now, with an `ETag` that names this state.
    #[oai(path = "/:id", method = "get", operation_id = "fetchUser")]
    async fn read(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Admin")] _administrator: Administrator,
        /// The user's id.
        id: Path<Uuid>,
    ) -> Result<UserAnswer, Problem> {
        Ok(find(id.0, &server).await?.into())
    }

    /// Change a user
    ///
    /// What is absent stays. To disable a user signs them out everywhere. The last user with the role
    /// `admin` keeps it, and stays enabled.
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
        /// Change only what is as this `ETag` names it.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
        body: JsonBody<UserChange>,
    ) -> Result<UserAnswer, Problem> {
        let target = target(id.0, &if_match, &server).await?;
        let change = Change::Attributes(body.0.parse()?);
        let changed = user::change(&server.store, target, change, administrator.cause()).await?;
        Ok(changed.user.into())
    }

    /// Delete a user
    ///
    /// It signs them out everywhere. The last user with the role `admin` stays.
    #[oai(path = "/:id", method = "delete", operation_id = "deleteUser")]
    async fn delete(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Admin")] administrator: Administrator,
        /// The user's id.
        id: Path<Uuid>,
        /// Delete only what is as this `ETag` names it.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
    ) -> Result<DeleteAnswer, Problem> {
        let target = target(id.0, &if_match, &server).await?;
        user::change(&server.store, target, Change::Delete, administrator.cause()).await?;
        Ok(DeleteAnswer::Deleted)
    }

    /// Set a user's password
    ///
    /// It signs them out everywhere, and says at how many places.
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
    ) -> Result<EndAnswer, Problem> {
        let username = parse_username(&find(id.0, &server).await?.username)?;
        let hash = hash(body.0.password, &username, &server).await?;
        let (store, cause) = (&server.store, administrator.cause());
        let changed = user::change(store, id.0, Change::password(hash), cause).await?;
        Ok(changed.sessions_ended.into())
    }

    /// Sign a user out everywhere
    ///
    /// It ends all their sessions, and says how many there were.
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
    ) -> Result<EndAnswer, Problem> {
        let (store, cause) = (&server.store, administrator.cause());
        let changed = user::change(store, id.0, Change::SIGN_OUT, cause).await?;
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
    if_match.check(row.revision)?;
    Ok(if if_match.is_there() {
        Target::at_revision(id, row.revision)
    } else {
        id.into()
    })
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
