//! The table `users`.

mod change;
mod import;
mod insert;
mod other_hash;
mod outcome;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, Func};
use sea_orm::{Condition, QueryOrder, QuerySelect};

pub use change::{Changed, UserError, change};
pub use import::{BatchError, Effect, Import, ImportError, Imported, check_import, import};
pub use insert::{InsertError, insert, rehash};
pub use other_hash::{any_other_hash, hash_from};
pub use outcome::{Change, Replacement, UserAttributes, ValueChange};

use super::Store;
use super::text_search::{contains, without_nul};
use crate::audit::Event;
use crate::clock::Timestamp;
use crate::device::printable;
use crate::secret::random_bytes;

/// The role of this server's administrators. Tokens for another audience do not have it: it means nothing there.
pub const ADMIN_ROLE: &str = "jeton:admin";

/// A user.
#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    /// The `sub` of access tokens.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// In the normal form of [`Username`](crate::username::Username).
    #[sea_orm(unique)]
    pub username: String,
    /// A PHC string, or another form that [`password`](crate::password) verifies.
    pub password_hash: String,
    /// Separated by spaces.
    pub roles: String,
    /// The number of times that all sessions were ended at once. A session is alive only in the epoch of its
    /// sign-in, so a sign-in during a password change cannot leave a session alive.
    pub session_epoch: i64,
    /// The time of creation.
    pub created_at: Timestamp,
    /// The time since which sign-in is refused.
    pub disabled_at: Option<Timestamp>,
    /// The number of changes that operators see.
    pub revision: i64,
    /// The name that is shown to people.
    pub name: Option<String>,
    /// The email address. It is not verified.
    pub email: Option<String>,
    /// The time of the last change of username, name or email address; `None`: that of the creation.
    pub profile_updated_at: Option<Timestamp>,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// A new user without roles. The username is in its normal form.
    pub fn new(username: &str, password_hash: String, created_at: Timestamp) -> Self {
        Self {
            // Random, so that it does not reveal the time of creation.
            id: uuid::Builder::from_random_bytes(random_bytes()).into_uuid(),
            username: username.to_owned(),
            password_hash,
            roles: String::new(),
            session_epoch: 0,
            created_at,
            disabled_at: None,
            revision: 0,
            name: None,
            email: None,
            profile_updated_at: None,
        }
    }

    /// The time of the last change of username, name or email address: the claim `updated_at`.
    pub fn profile_updated_at(&self) -> Timestamp {
        self.profile_updated_at.unwrap_or(self.created_at)
    }

    /// The roles, in stored order.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.roles.split_whitespace()
    }

    /// Whether the user is an enabled administrator.
    pub fn is_admin(&self) -> bool {
        self.disabled_at.is_none() && self.roles().any(|role| role == ADMIN_ROLE)
    }
}

/// Leaves the password hash out.
impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// Finds a user by id.
pub async fn find(store: &Store, id: Uuid) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id).one(store.read()).await
}

/// Finds a user by username in its normal form.
pub async fn find_by_username(store: &Store, username: &str) -> Result<Option<Model>, DbErr> {
    Entity::find()
        .filter(Column::Username.eq(without_nul(username)))
        .one(store.read())
        .await
}

/// Conditions of a search; `None` matches all users.
#[derive(Clone, Copy, Debug, Default)]
pub struct UserFilter<'a> {
    /// A part of the username.
    pub name_part: Option<&'a str>,
    /// One of the roles.
    pub role: Option<&'a str>,
    /// Whether the user is disabled.
    pub disabled: Option<bool>,
}

/// Users that match the filter, ordered by username, from the first one after `after`.
pub async fn search(
    store: &Store,
    filter: UserFilter<'_>,
    after: Option<&str>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    // Usernames are stored in lower case.
    let name_part = filter.name_part.map(str::to_lowercase);
    let condition = Condition::all()
        .add_option(name_part.map(|part| contains(Expr::col(Column::Username), &part)))
        .add_option(filter.role.map(has_role))
        .add_option(filter.disabled.map(|disabled| {
            if disabled {
                Column::DisabledAt.is_not_null()
            } else {
                Column::DisabledAt.is_null()
            }
        }))
        .add_option(after.map(|after| Column::Username.gt(without_nul(after))));
    Entity::find()
        .filter(condition)
        .order_by_asc(Column::Username)
        .limit(limit)
        .all(store.read())
        .await
}

/// Users in the order of their ids, from the first one after `after`.
pub async fn page(store: &Store, after: Option<Uuid>, limit: u64) -> Result<Vec<Model>, DbErr> {
    let after = after.map(|after| Column::Id.gt(after));
    Entity::find()
        .filter(Condition::all().add_option(after))
        .order_by_asc(Column::Id)
        .limit(limit)
        .all(store.read())
        .await
}

/// Whether the stored roles contain this one. LIKE would not do, because SQLite ignores case there;
/// `replace` respects it on every engine.
fn has_role(role: &str) -> Expr {
    let roles = || Func::cust("concat").args([" ".into(), Expr::col(Column::Roles), " ".into()]);
    let without = Func::cust("replace").args([
        roles().into(),
        format!(" {} ", without_nul(role)).into(),
        "".into(),
    ]);
    Expr::from(without).ne(roles())
}

/// Adds the roles to an event. Long text is cut, so [`ADMIN_ROLE`] stands first: every new administrator is visible.
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
pub async fn any(store: &Store) -> Result<bool, DbErr> {
    Ok(Entity::find().one(store.read()).await?.is_some())
}
