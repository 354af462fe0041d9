//! The request and response bodies of users.

use poem_openapi::payload::Json;
use poem_openapi::types::{MaybeUndefined, Password};
use poem_openapi::{ApiResponse, Object};
use serde::Deserialize;
use uuid::Uuid;

use crate::api::admin::entity_tag;
use crate::api::json_body;
use crate::clock::Timestamp;
use crate::display_name;
use crate::email;
use crate::response::problem::Problem;
use crate::roles;
use crate::store::user::{Model, UserAttributes, ValueChange};
use crate::username::Username;

/// A user.
#[derive(Object)]
pub struct User {
    /// Id of the user, the `sub` of their tokens.
    pub id: Uuid,
    /// Name to sign in with, in lower case.
    pub username: String,
    /// Name shown to people.
    #[oai(skip_serializing_if_is_none)]
    pub name: Option<String>,
    /// Email address, not verified.
    #[oai(skip_serializing_if_is_none)]
    pub email: Option<String>,
    /// Roles. `jeton:admin` gives access to the admin API.
    pub roles: Vec<String>,
    /// Whether the user cannot sign in.
    pub disabled: bool,
    /// Time of the creation, in seconds since 1970.
    pub created_at: i64,
    /// Time since when the user cannot sign in, in seconds since 1970.
    #[oai(skip_serializing_if_is_none)]
    pub disabled_at: Option<i64>,
}

/// A page of users, by name.
#[derive(Object)]
pub struct UserPage {
    /// The users.
    pub users: Vec<User>,
    /// Cursor of the next page; absent on the last page.
    #[oai(skip_serializing_if_is_none)]
    pub next_cursor: Option<String>,
}

/// A new user, with either a password or a password hash from another system.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserCreation {
    /// Name to sign in with, without regard to case.
    #[oai(validator(min_length = 1, max_length = 255))]
    pub username: String,
    /// The password.
    #[serde(default, deserialize_with = "json_body::password_if_any")]
    #[oai(validator(min_length = 1))]
    pub password: Option<Password>,
    /// Password hash: argon2, bcrypt, or scrypt and PBKDF2 as PHC strings.
    #[serde(default, deserialize_with = "json_body::password_if_any")]
    #[oai(validator(min_length = 1))]
    pub password_hash: Option<Password>,
    /// Roles, at most 50 words.
    #[serde(default)]
    #[oai(
        default,
        validator(max_items = 50, min_length = 1, max_length = 64, pattern = "^[!-~]+$")
    )]
    pub roles: Vec<String>,
    /// Name shown to people.
    #[serde(default)]
    #[oai(validator(min_length = 1, max_length = 255))]
    pub name: MaybeUndefined<String>,
    /// Email address.
    #[serde(default)]
    #[oai(validator(min_length = 3, max_length = 254))]
    pub email: MaybeUndefined<String>,
    /// Id that the user has in another system, the `sub` of their tokens. Default: a random one.
    #[serde(default, deserialize_with = "json_body::if_any")]
    pub id: Option<Uuid>,
    /// Whether the user cannot sign in.
    #[serde(default)]
    #[oai(default)]
    pub disabled: bool,
    /// Time of the creation in another system, in seconds since 1970. Default: now.
    #[serde(default, deserialize_with = "json_body::if_any")]
    #[oai(validator(minimum(value = "0")))]
    pub created_at: Option<i64>,
}

/// Fields to change, by RFC 7396. An absent field stays, and `null` removes the name or the email address.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserChange {
    /// New name to sign in with.
    #[oai(validator(min_length = 1, max_length = 255))]
    #[serde(default, deserialize_with = "json_body::if_any")]
    pub username: Option<String>,
    /// New list of roles. Access tokens that were issued before keep the old roles until they expire.
    #[oai(validator(max_items = 50, min_length = 1, max_length = 64, pattern = "^[!-~]+$"))]
    #[serde(default, deserialize_with = "json_body::if_any")]
    pub roles: Option<Vec<String>>,
    /// Whether the user cannot sign in. Disabling a user ends their sessions.
    #[serde(default, deserialize_with = "json_body::if_any")]
    pub disabled: Option<bool>,
    /// New name shown to people; `null` removes it.
    #[oai(validator(min_length = 1, max_length = 255))]
    #[serde(default)]
    pub name: MaybeUndefined<String>,
    /// New email address; `null` removes it.
    #[oai(validator(min_length = 3, max_length = 254))]
    #[serde(default)]
    pub email: MaybeUndefined<String>,
}

/// A new password.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    /// The password.
    #[serde(deserialize_with = "json_body::password")]
    #[oai(validator(min_length = 1))]
    pub password: Password,
}

/// The number of sessions that a change ended.
#[derive(Object)]
pub struct SessionsEnded {
    /// Number of sessions.
    pub sessions_ended: i64,
}

#[derive(ApiResponse)]
pub enum UserListResponse {
    /// A page of users.
    #[oai(status = 200)]
    Ok(Json<UserPage>),
}

#[derive(ApiResponse)]
pub enum CreateUserResponse {
    /// The new user.
    #[oai(status = 201)]
    Created(
        Json<User>,
        /// URL of the user.
        #[oai(header = "Location")]
        String,
        /// Revision of the user, for `If-Match`.
        #[oai(header = "ETag")]
        String,
    ),
}

#[derive(ApiResponse)]
pub enum UserResponse {
    /// The user.
    #[oai(status = 200)]
    Ok(
        Json<User>,
        /// Revision of the user, for `If-Match`.
        #[oai(header = "ETag")]
        String,
    ),
}

#[derive(ApiResponse)]
pub enum SessionsEndedResponse {
    /// The change is done.
    #[oai(status = 200)]
    Ok(Json<SessionsEnded>),
}

#[derive(ApiResponse)]
pub enum UnlockUserResponse {
    /// No failed sign-ins of the account are counted.
    #[oai(status = 204)]
    Unlocked,
}

#[derive(ApiResponse)]
pub enum DeleteUserResponse {
    /// The user is deleted, and their sessions are revoked.
    #[oai(status = 204)]
    Deleted,
}

impl From<Model> for UserResponse {
    fn from(row: Model) -> Self {
        let tag = entity_tag::of(row.revision);
        Self::Ok(Json(row.into()), tag)
    }
}

impl From<u64> for SessionsEndedResponse {
    fn from(ended: u64) -> Self {
        Self::Ok(Json(SessionsEnded {
            sessions_ended: i64::try_from(ended).unwrap_or(i64::MAX),
        }))
    }
}

impl From<Model> for User {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            roles: row.roles().map(str::to_owned).collect(),
            username: row.username,
            name: row.name,
            email: row.email,
            disabled: row.disabled_at.is_some(),
            created_at: row.created_at.as_seconds(),
            disabled_at: row.disabled_at.map(Timestamp::as_seconds),
        }
    }
}

impl UserChange {
    /// The validated change.
    pub fn parse(self) -> Result<UserAttributes, Problem> {
        let username = self.username.as_deref().map(parse_username).transpose()?;
        Ok(UserAttributes {
            username: username.map(|name| name.as_str().to_owned()),
            roles: self.roles.as_deref().map(parse_roles).transpose()?,
            disabled: self.disabled,
            name: parse_name(self.name)?,
            email: parse_email(self.email)?,
        })
    }
}

impl UserCreation {
    /// The validated row of the new user, without the password hash.
    pub fn parse(self, username: &Username, now: Timestamp) -> Result<Model, Problem> {
        let created_at = self
            .created_at
            .map_or(Ok(now), |seconds| Timestamp::past(seconds, now))
            .map_err(|error| Problem::invalid("created_at", error.to_string()))?;
        let new = Model::new(username.as_str(), String::new(), created_at);
        Ok(Model {
            id: self.id.unwrap_or(new.id),
            roles: parse_roles(&self.roles)?,
            name: parse_name(self.name)?.applied_to(&None),
            email: parse_email(self.email)?.applied_to(&None),
            disabled_at: self.disabled.then_some(now),
            ..new
        })
    }
}

pub fn parse_username(text: &str) -> Result<Username, Problem> {
    Username::parse(text).map_err(|error| Problem::invalid("username", error.to_string()))
}

pub fn parse_roles(roles: &[String]) -> Result<String, Problem> {
    roles::parse(roles).map_err(|error| Problem::invalid("roles", error.to_string()))
}

pub fn parse_name(name: MaybeUndefined<String>) -> Result<ValueChange, Problem> {
    parse_value(name, |name| {
        display_name::check(name).map_err(|error| Problem::invalid("name", error.to_string()))
    })
}

pub fn parse_email(email: MaybeUndefined<String>) -> Result<ValueChange, Problem> {
    parse_value(email, |email| {
        email::check(email).map_err(|error| Problem::invalid("email", error.to_string()))
    })
}

fn parse_value(
    given: MaybeUndefined<String>,
    check: impl Fn(&str) -> Result<(), Problem>,
) -> Result<ValueChange, Problem> {
    Ok(match given {
        MaybeUndefined::Undefined => ValueChange::Keep,
        MaybeUndefined::Null => ValueChange::Remove,
        MaybeUndefined::Value(value) => {
            check(&value)?;
            ValueChange::Set(value)
        }
    })
}
