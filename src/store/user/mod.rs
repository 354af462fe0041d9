//! The table `users`: people who sign in.

mod change;
mod insert;
mod outcome;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, Func};
use sea_orm::{Condition, QueryOrder, QuerySelect};

pub use change::{Amendment, Change, ChangeError, Changed, Whom, change};
pub use insert::{InsertError, insert, rehash};

use super::Store;
use super::text_search::{contains, sought};
use crate::audit::Event;
use crate::clock::Timestamp;
use crate::device::printable;
use crate::secret::random_bytes;

/// The role of those who administer the server.
pub const ADMIN_ROLE: &str = "admin";

/// A person who signs in.
#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    /// The `sub` of this user's tokens.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// In the normal form of [`Username`](crate::username::Username).
    #[sea_orm(unique)]
    pub username: String,
    /// A PHC string, or another form that [`password`](crate::password) verifies.
    pub password_hash: String,
    /// Separated by spaces.
    pub roles: String,
    /// How often all sessions of this user were ended at once. A session lives only in the epoch
    /// that it was born in, so that a sign-in which raced with a password change is dead at birth.
    pub session_epoch: i64,
    /// When the user was made.
    pub created_at: Timestamp,
    /// Since when the user may not sign in.
    pub disabled_at: Option<Timestamp>,
    /// How often this row was changed in what an operator sees of it.
    pub revision: i64,
}

/// No user is related to another by a query yet.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// A new user by this name, which is in its normal form, without roles.
    #[must_use]
    pub fn new(username: &str, password_hash: String, created_at: Timestamp) -> Self {
        Self {
            // At random, so that it tells nothing about when the user was made.
            id: uuid::Builder::from_random_bytes(random_bytes()).into_uuid(),
            username: username.to_owned(),
            password_hash,
            roles: String::new(),
            session_epoch: 0,
            created_at,
            disabled_at: None,
            revision: 0,
        }
    }

    /// The roles, in the order in which they were given.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.roles.split_whitespace()
    }

    /// Whether the user may administer the server.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.disabled_at.is_none() && self.roles().any(|role| role == ADMIN_ROLE)
    }
}

/// The password's hash stays out of the log.
impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// The user with this id.
///
/// # Errors
///
/// What the database says.
pub async fn find(store: &Store, id: Uuid) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id).one(store.read()).await
}

/// The user with this name, in its normal form.
///
/// # Errors
///
/// What the database says.
pub async fn find_by_username(store: &Store, username: &str) -> Result<Option<Model>, DbErr> {
    Entity::find()
        .filter(Column::Username.eq(sought(username)))
        .one(store.read())
        .await
}

/// Which users are searched for; what is `None` may be any.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter<'a> {
    /// Those with this in their names.
    pub name_part: Option<&'a str>,
    /// Those who have this role.
    pub role: Option<&'a str>,
    /// Those who are disabled, or those who are not.
    pub disabled: Option<bool>,
}

/// The users who pass the filter, by name, from the one that follows the name `after` on, at most
/// `limit`.
///
/// # Errors
///
/// What the database says.
pub async fn search(
    store: &Store,
    filter: Filter<'_>,
    after: Option<&str>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    // Names are kept in lower case.
    let name_part = filter.name_part.map(str::to_lowercase);
    let passing = Condition::all()
        .add_option(name_part.map(|part| contains(Expr::col(Column::Username), &part)))
        .add_option(filter.role.map(with_role))
        .add_option(filter.disabled.map(|disabled| {
            if disabled {
                Column::DisabledAt.is_not_null()
            } else {
                Column::DisabledAt.is_null()
            }
        }))
        .add_option(after.map(|after| Column::Username.gt(sought(after))));
    Entity::find()
        .filter(passing)
        .order_by_asc(Column::Username)
        .limit(limit)
        .all(store.read())
        .await
}

/// Who has this role among those that spaces separate. Not by LIKE, for which SQLite takes `Admin` for
/// `admin`: `replace` tells them apart, on every engine.
fn with_role(role: &str) -> Expr {
    let roles = || Func::cust("concat").args([" ".into(), Expr::col(Column::Roles), " ".into()]);
    let without = Func::cust("replace").args([
        roles().into(),
        format!(" {} ", sought(role)).into(),
        "".into(),
    ]);
    Expr::from(without).ne(roles())
}

/// Adds roles to what is told, and the one that opens the admin door before all others: text that is too
/// long is cut, and nobody is made an administrator where that does not show.
fn with_roles(event: Event, roles: &str) -> Event {
    let mut all: Vec<&str> = roles.split_whitespace().collect();
    all.sort_by_key(|role| *role != ADMIN_ROLE);
    let text = all.join(" ");
    let is_cut = printable(&text).len() < text.len();
    let event = event.with("roles", text);
    if is_cut {
        event.with("roles_in_all", all.len())
    } else {
        event
    }
}

/// Whether there is any user.
///
/// # Errors
///
/// What the database says.
pub async fn any(store: &Store) -> Result<bool, DbErr> {
    Ok(Entity::find().one(store.read()).await?.is_some())
}
