//! What the users' door takes and gives.

use poem_openapi::payload::Json;
use poem_openapi::types::Password;
use poem_openapi::{ApiResponse, Object};
use serde::Deserialize;
use uuid::Uuid;

use crate::api::admin::entity_tag;
use crate::api::json_body;
use crate::clock::Timestamp;
use crate::response::problem::Problem;
use crate::roles;
use crate::store::user::{Model, UserAttributes};
use crate::username::Username;

/// Somebody who signs in.
#[derive(Object)]
pub struct User {
    /// The user's id, and the `sub` of their tokens.
    pub id: Uuid,
    /// The name that they sign in with, in lower case.
    pub username: String,
    /// What they may do, by role. `admin` opens the admin door.
    pub roles: Vec<String>,
    /// Whether they may not sign in.
    pub disabled: bool,
    /// When the user was made, in seconds since 1970.
    pub created_at: i64,
    /// Since when they may not sign in, in seconds since 1970.
    #[oai(skip_serializing_if_is_none)]
    pub disabled_at: Option<i64>,
}

/// A page of users, by name.
#[derive(Object)]
pub struct UserPage {
    /// The users.
    pub users: Vec<User>,
    /// Names the next page; absent on the last.
    #[oai(skip_serializing_if_is_none)]
    pub next_cursor: Option<String>,
}

/// A new user. Give a password, or the hash of one from another system.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserCreation {
    /// The name to sign in with. Upper and lower case are the same.
    #[oai(validator(min_length = 1, max_length = 255))]
    pub username: String,
    /// The password.
    #[serde(default, deserialize_with = "json_body::password_if_any")]
    #[oai(validator(min_length = 1))]
    pub password: Option<Password>,
    /// A hash instead: argon2, bcrypt, or scrypt and PBKDF2 as PHC strings.
    #[serde(default, deserialize_with = "json_body::password_if_any")]
    #[oai(validator(min_length = 1))]
    pub password_hash: Option<Password>,
    /// What they may do, by role: at most 50 words.
    #[serde(default)]
    #[oai(
        default,
        validator(max_items = 50, min_length = 1, max_length = 64, pattern = "^[!-~]+$")
    )]
    pub roles: Vec<String>,
}

/// What is to change; what is absent stays.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserChange {
    /// Another name to sign in with.
    #[oai(validator(min_length = 1, max_length = 255))]
    #[serde(default, deserialize_with = "json_body::if_any")]
    pub username: Option<String>,
    /// All their roles from now on. Access tokens that are out keep the old ones until they expire.
    #[oai(validator(max_items = 50, min_length = 1, max_length = 64, pattern = "^[!-~]+$"))]
    #[serde(default, deserialize_with = "json_body::if_any")]
    pub roles: Option<Vec<String>>,
    /// Whether they may not sign in. It ends their sessions.
    #[serde(default, deserialize_with = "json_body::if_any")]
    pub disabled: Option<bool>,
}

/// A password to come.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    /// The password.
    #[serde(deserialize_with = "json_body::password")]
    #[oai(validator(min_length = 1))]
    pub password: Password,
}

/// What a change ended.
#[derive(Object)]
pub struct SessionsEnded {
    /// How many sessions.
    pub sessions_ended: i64,
}

#[derive(ApiResponse)]
pub enum ListAnswer {
    /// A page of users.
    #[oai(status = 200)]
    Ok(Json<UserPage>),
}

#[derive(ApiResponse)]
pub enum CreateAnswer {
    /// The new user.
    #[oai(status = 201)]
    Created(
        Json<User>,
        /// Where the user is found.
        #[oai(header = "Location")]
        String,
        /// Names this state of the user.
        #[oai(header = "ETag")]
        String,
    ),
}

#[derive(ApiResponse)]
pub enum UserAnswer {
    /// The user.
    #[oai(status = 200)]
    Ok(
        Json<User>,
        /// Names this state of the user.
        #[oai(header = "ETag")]
        String,
    ),
}

#[derive(ApiResponse)]
pub enum EndAnswer {
    /// It is done.
    #[oai(status = 200)]
    Ok(Json<SessionsEnded>),
}

#[derive(ApiResponse)]
pub enum DeleteAnswer {
    /// The user is deleted, and signed out everywhere.
    #[oai(status = 204)]
    Deleted,
}

impl From<Model> for UserAnswer {
    fn from(row: Model) -> Self {
        let tag = entity_tag::of(row.revision);
        Self::Ok(Json(row.into()), tag)
    }
}

impl From<u64> for EndAnswer {
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
            disabled: row.disabled_at.is_some(),
            created_at: row.created_at.as_seconds(),
            disabled_at: row.disabled_at.map(Timestamp::as_seconds),
        }
    }
}

impl UserChange {
    /// The change in the form of the store.
    ///
    /// # Errors
    ///
    /// [`Problem::Invalid`] for a name or roles that cannot be.
    pub fn parse(self) -> Result<UserAttributes, Problem> {
        let username = self.username.as_deref().map(parse_username).transpose()?;
        Ok(UserAttributes {
            username: username.map(|name| name.as_str().to_owned()),
            roles: self.roles.as_deref().map(parse_roles).transpose()?,
            disabled: self.disabled,
        })
    }
}

pub fn parse_username(text: &str) -> Result<Username, Problem> {
    Username::parse(text).map_err(|error| Problem::invalid("username", error.to_string()))
}

pub fn parse_roles(roles: &[String]) -> Result<String, Problem> {
    roles::parse(roles).map_err(|error| Problem::invalid("roles", error.to_string()))
}
