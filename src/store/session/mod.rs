//! The table `sessions`: one row per sign-in, which refreshes update.

mod begin;
mod browser;
mod group_commit;
mod known_device;
mod redeem;
mod retry;
mod revoke;
mod revoked;
mod rotate;
mod rotating_statement;
mod search;
mod sweep;

use std::time::Duration;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait, Query, SelectStatement};
use sea_orm::{Condition, FromQueryResult, Iterable as _};

pub(super) use begin::begin_within;
pub use begin::{NewSession, begin};
pub use browser::begin_in_browser;
pub(super) use group_commit::WaitingRotations;
pub use known_device::{KnownDevice, is_known};
pub use redeem::{RedeemedCode, Redemption, redeem};
pub use retry::{ForgivenRetry, record_repeated_elsewhere, restamp, retry_late};
pub(super) use revoke::{
    carry_over, last_of_batch, revoke_at_client, revoke_of_epoch, revoke_of_user,
};
pub use revoke::{revoke, revoke_all, revoke_by_code_replay, revoke_replayed};
pub use revoked::{Revoked, revoked_after};
pub use rotate::rotate;
pub(super) use rotating_statement::RotationTexts;
pub use rotating_statement::{DeviceDigests, RotationRequest};
pub use search::{ActiveAt, SessionFilter, last_end_of_begun_before, list, search};
pub use sweep::sweep;

use super::Store;
use super::client;
use super::or_issuer;
use super::user;
use crate::audit::{Action, Cause, Event};
use crate::client::{BROWSER, Policy};
use crate::clock::Timestamp;

const HOUR: Duration = Duration::from_hours(1);

/// One sign-in of one user at one client.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    /// The claim `sid` of its access tokens.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The user.
    pub user_id: Uuid,
    /// The client.
    pub client_id: String,
    /// The client's epoch at sign-in; see [`client::Model::epoch`].
    pub client_epoch: Vec<u8>,
    /// The user's epoch at sign-in; see [`user::Model::session_epoch`].
    pub session_epoch: i64,
    /// The granted scope, separated by spaces.
    pub scope: String,
    /// The granted audience, separated by spaces. Empty: the issuer, also after it changes.
    pub audience: String,
    /// The number of refreshes, which rotation compares and sets.
    pub generation: i64,
    /// The start of the generation, or its last late retry.
    pub rotated_at: Timestamp,
    /// The number of generations that the store was behind the token at the last rotation; usually 0.
    pub rotation_gap: i64,
    /// The generation of the last late retry that was forgiven from another device.
    pub late_retry_generation: Option<i64>,
    /// The digest of the device, `User-Agent` and network, to which the current generation was last written;
    /// `None` in a session that was last refreshed before there were digests.
    pub device_digest: Option<Vec<u8>>,
    /// The digest of its `User-Agent` alone.
    pub user_agent_digest: Option<Vec<u8>>,
    /// Whether another `User-Agent` has received a repeated response, which the audit log records once.
    pub repeated_elsewhere: bool,
    /// The time of the authentication: the claim `auth_time`.
    pub authenticated_at: Timestamp,
    /// The method of the authentication: the claim `acr` of OpenID Connect and RFC 9470.
    pub acr: String,
    /// The latest end, see [`ends_at`](Model::ends_at). A revocation sets it to its own time.
    pub expires_at: Timestamp,
    /// The idle lifetime at the last refresh, in microseconds; see [`idle_ends_at`](Model::idle_ends_at). `None` in a
    /// session that was last refreshed before this was stored.
    pub idle_lifetime: Option<i64>,
    /// The time of the revocation.
    pub revoked_at: Option<Timestamp>,
    /// The reason of the revocation.
    pub revocation_reason: Option<Ending>,
    /// The browser session that the session was begun from.
    pub browser_session_id: Option<Uuid>,
    /// Whether the session outlives a sign-out of that browser session: it was granted `offline_access`.
    pub offline: bool,
    /// The `User-Agent` at sign-in, cut to 255 bytes.
    pub user_agent: String,
    /// The address at sign-in.
    pub address: String,
}

/// None: queries write their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The reason of a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(32))")]
pub enum Ending {
    /// Two parties presented refresh tokens of the session.
    #[sea_orm(string_value = "replay")]
    Replay,
    /// The authorization code that began it was presented again.
    #[sea_orm(string_value = "code_replay")]
    CodeReplay,
    /// The user withdrew the consent for the client.
    #[sea_orm(string_value = "consent_withdrawn")]
    ConsentWithdrawn,
    /// The client signed out.
    #[sea_orm(string_value = "sign_out")]
    SignOut,
    /// The user signed in again in the same browser.
    #[sea_orm(string_value = "signed_in_again")]
    SignedInAgain,
    /// An operator revoked it.
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
    /// The value of the column.
    pub fn name(self) -> String {
        self.to_value()
    }
}

/// A session and the roles of its user.
#[derive(Clone, Debug, FromQueryResult)]
pub struct SessionRecord {
    /// The session.
    #[sea_orm(nested)]
    pub session: Model,
    /// The user's roles, separated by spaces. `None` if the user or the client is disabled or deleted, or
    /// has begun a new epoch.
    pub roles: Option<String>,
}

impl Model {
    /// Whether it is a browser session: a user signed in in a browser, without a client's tokens.
    pub fn is_of_browser(&self) -> bool {
        self.client_id == BROWSER
    }

    /// The audience of its access tokens.
    pub fn audience(&self, issuer: &str) -> Vec<String> {
        or_issuer(&self.audience, issuer)
    }

    /// The latest end: as set at sign-in, or earlier if the client's session lifetime is shorter now.
    pub fn ends_at(&self, policy: &Policy) -> Timestamp {
        let end = self.authenticated_at.plus(policy.session_lifetime);
        Ord::min(end, self.expires_at)
    }

    /// The end without a further refresh: by the idle lifetime at the last one, or earlier if it is shorter now.
    pub fn idle_ends_at(&self, policy: &Policy) -> Timestamp {
        let stored = self
            .idle_lifetime
            .and_then(|micros| u64::try_from(micros).ok());
        let present = policy.session_idle_lifetime;
        let lifetime = stored.map_or(present, |micros| present.min(Duration::from_micros(micros)));
        self.rotated_at.plus(lifetime)
    }

    /// The time of the last use, rounded down to the hour, but not before the sign-in. A thief who knows the moment of each rotation can
    /// use a stolen refresh token within each retry window.
    pub fn last_used_at(&self) -> Timestamp {
        let hour = self.rotated_at.rounded_down(HOUR);
        Ord::max(hour, self.authenticated_at)
    }

    /// Whether the session is not revoked, expired or idle for too long. Its user and client are not
    /// checked.
    pub fn is_running(&self, now: Timestamp, policy: &Policy) -> bool {
        self.revoked_at.is_none() && self.ends_at(policy) > now && self.idle_ends_at(policy) > now
    }
}

impl SessionRecord {
    /// Whether the session is running, and its user and client are enabled.
    pub fn is_alive(&self, now: Timestamp, policy: &Policy) -> bool {
        self.session.is_running(now, policy) && self.roles.is_some()
    }

    /// Whether only the time can be the reason why the session is not [alive](Self::is_alive).
    pub const fn is_ended_by_time(&self) -> bool {
        self.session.revoked_at.is_none() && self.roles.is_some()
    }
}

/// Finds a session by id, active or not.
pub async fn find(store: &Store, id: Uuid) -> Result<Option<SessionRecord>, DbErr> {
    let mut statement = Query::select();
    statement
        .exprs(columns())
        .expr_as(roles(), "roles")
        .from(Entity)
        .and_where(Column::Id.eq(id));
    match store.read().query_one(&statement).await? {
        Some(row) => SessionRecord::from_query_result(&row, "").map(Some),
        None => Ok(None),
    }
}

/// An event about the session.
fn event(session: &Model, action: Action, cause: &Cause) -> Event {
    Event::new(action, cause)
        .user(session.user_id)
        .client(&session.client_id)
        .session(session.id)
}

/// Whether the session is not idle for too long by the idle lifetime at its last refresh.
fn is_within_stored_idle_lifetime(now: Expr) -> Condition {
    let lifetime = Expr::col((Entity, Column::IdleLifetime));
    let end = Expr::col((Entity, Column::RotatedAt)).add(lifetime.clone());
    Condition::any().add(lifetime.is_null()).add(end.gt(now))
}

fn columns() -> impl Iterator<Item = Expr> {
    Column::iter().map(Expr::col)
}

/// The roles of the outer query's user, if that user and the client are enabled.
fn roles() -> Expr {
    let mut select = enabled_user(
        Expr::col((Entity, Column::UserId)),
        Expr::col((Entity, Column::SessionEpoch)),
    );
    select
        .clear_selects()
        .column((user::Entity, user::Column::Roles))
        .and_where(Expr::exists(enabled_client(
            Expr::col((Entity, Column::ClientId)),
            Expr::col((Entity, Column::ClientEpoch)),
        )));
    Expr::SubQuery(None, Box::new(select.into()))
}

fn enabled_user(id: Expr, epoch: Expr) -> SelectStatement {
    Query::select()
        .expr(Expr::value(1))
        .from(user::Entity)
        .and_where(Expr::col((user::Entity, user::Column::Id)).eq(id))
        .and_where(Expr::col((user::Entity, user::Column::SessionEpoch)).eq(epoch))
        .and_where(Expr::col((user::Entity, user::Column::DisabledAt)).is_null())
        .take()
}

fn enabled_client(id: Expr, epoch: Expr) -> SelectStatement {
    Query::select()
        .expr(Expr::value(1))
        .from(client::Entity)
        .and_where(Expr::col((client::Entity, client::Column::Id)).eq(id))
        .and_where(Expr::col((client::Entity, client::Column::Epoch)).eq(epoch))
        .and_where(Expr::col((client::Entity, client::Column::DisabledAt)).is_null())
        .take()
}
