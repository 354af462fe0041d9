//! The table `sessions`: one row for one sign-in, however often it is refreshed.

mod begin;
mod ending;
mod known_device;
mod revoked;
mod rotation;
mod search;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait, Query, SelectStatement};
use sea_orm::{FromQueryResult, Iterable as _};

pub use begin::begin;
pub(super) use ending::{carry_over, end_of_client, end_of_user};
pub use ending::{end_replayed, revoke, sweep};
pub use known_device::{KnownDevice, is_known};
pub use revoked::{Revoked, revoked_after};
pub use rotation::{Rotation, restamp, retry_late, rotate};
pub use search::{Filter, list, search};

use super::Store;
use super::client;
use super::or_issuer;
use super::user;
use crate::client::Policy;
use crate::clock::Timestamp;

/// One sign-in of one user at one client.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    /// The `sid` of its access tokens.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Who signed in.
    pub user_id: Uuid,
    /// At which client.
    pub client_id: String,
    /// The user's epoch at sign-in; see [`user::Model::session_epoch`].
    pub session_epoch: i64,
    /// What was granted at sign-in, separated by spaces.
    pub scope: String,
    /// Whom its access tokens may be for, separated by spaces; empty: the issuer itself, by whatever name
    /// it goes by then.
    pub audience: String,
    /// How often it has been refreshed; what rotation compares and sets.
    pub generation: i64,
    /// When the current generation began, or was last given out again by a late retry.
    pub rotated_at: Timestamp,
    /// How far the store was behind the token at the last rotation; 0 in ordinary life.
    pub rotation_gap: i64,
    /// The generation at which a late retry was last forgiven.
    pub late_retry_generation: Option<i64>,
    /// When the person signed in: `auth_time`, the same for the whole session.
    pub authenticated_at: Timestamp,
    /// The method of the sign-in: the claim `acr` of OpenID Connect and RFC 9470. Always `pwd` today.
    pub acr: String,
    /// When it ends at the latest, see [`ends_at`](Model::ends_at); when it ended, once it is over.
    pub expires_at: Timestamp,
    /// Since when it is over.
    pub revoked_at: Option<Timestamp>,
    /// Why it is over.
    pub revocation_reason: Option<Ending>,
    /// The client's `User-Agent` at sign-in, cut to 255 bytes.
    pub user_agent: String,
    /// The client's address at sign-in.
    pub address: String,
}

/// Joined by hand where a query needs it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Why a session was ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(32))")]
pub enum Ending {
    /// A refresh token came twice in a way that only two holders explain.
    #[sea_orm(string_value = "replay")]
    Replay,
    /// The client signed out.
    #[sea_orm(string_value = "sign_out")]
    SignOut,
    /// An operator ended it.
    #[sea_orm(string_value = "operator")]
    Operator,
    /// The user's password was changed.
    #[sea_orm(string_value = "password_change")]
    PasswordChange,
    /// The user was disabled.
    #[sea_orm(string_value = "user_disabled")]
    UserDisabled,
    /// The user was deleted.
    #[sea_orm(string_value = "user_deleted")]
    UserDeleted,
    /// The client was disabled.
    #[sea_orm(string_value = "client_disabled")]
    ClientDisabled,
    /// The client was deleted.
    #[sea_orm(string_value = "client_deleted")]
    ClientDeleted,
}

impl Ending {
    /// The name by which it is stored.
    #[must_use]
    pub fn name(self) -> String {
        self.to_value()
    }
}

/// A session with what its user is and may do at this moment.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Record {
    /// The session.
    #[sea_orm(nested)]
    pub session: Model,
    /// The user's roles, separated by spaces; `None` when the user or the client is gone, disabled,
    /// or has begun a new epoch.
    pub roles: Option<String>,
}

impl Model {
    /// Whom its access tokens may be for.
    #[must_use]
    pub fn audience(&self, issuer: &str) -> Vec<String> {
        or_issuer(&self.audience, issuer)
    }

    /// When it ends at the latest: as was said at sign-in, or sooner where the client's sessions live
    /// shorter by now.
    #[must_use]
    pub fn ends_at(&self, policy: &Policy) -> Timestamp {
        let end = self.authenticated_at.plus(policy.session_lifetime);
        Ord::min(end, self.expires_at)
    }

    /// Whether the session was not ended and its time is not over at `now`; its user and client are not
    /// looked at.
    #[must_use]
    pub fn is_running(&self, now: Timestamp, policy: &Policy) -> bool {
        self.revoked_at.is_none()
            && self.ends_at(policy) > now
            && self.rotated_at > now.minus(policy.session_idle_lifetime)
    }
}

impl Record {
    /// Whether the session is not over at `now`, and its user and client live.
    #[must_use]
    pub fn is_alive(&self, now: Timestamp, policy: &Policy) -> bool {
        self.session.is_running(now, policy) && self.roles.is_some()
    }
}

/// The session with this id, over or not.
///
/// # Errors
///
/// What the database says.
pub async fn find(store: &Store, id: Uuid) -> Result<Option<Record>, DbErr> {
    let mut statement = Query::select();
    statement
        .exprs(columns())
        .expr_as(roles(), "roles")
        .from(Entity)
        .and_where(Column::Id.eq(id));
    match store.read().query_one(&statement).await? {
        Some(row) => Record::from_query_result(&row, "").map(Some),
        None => Ok(None),
    }
}

fn columns() -> impl Iterator<Item = Expr> {
    Column::iter().map(Expr::col)
}

/// The user's roles, if the user and the client of the session in the outer query live.
fn roles() -> Expr {
    let mut select = living_user(
        Expr::col((Entity, Column::UserId)),
        Expr::col((Entity, Column::SessionEpoch)),
    );
    select
        .clear_selects()
        .column((user::Entity, user::Column::Roles))
        .and_where(Expr::exists(living_client(Expr::col((
            Entity,
            Column::ClientId,
        )))));
    Expr::SubQuery(None, Box::new(select.into()))
}

fn living_user(id: Expr, epoch: Expr) -> SelectStatement {
    Query::select()
        .expr(Expr::value(1))
        .from(user::Entity)
        .and_where(Expr::col((user::Entity, user::Column::Id)).eq(id))
        .and_where(Expr::col((user::Entity, user::Column::SessionEpoch)).eq(epoch))
        .and_where(Expr::col((user::Entity, user::Column::DisabledAt)).is_null())
        .take()
}

fn living_client(id: Expr) -> SelectStatement {
    Query::select()
        .expr(Expr::value(1))
        .from(client::Entity)
        .and_where(Expr::col((client::Entity, client::Column::Id)).eq(id))
        .and_where(Expr::col((client::Entity, client::Column::DisabledAt)).is_null())
        .take()
}
