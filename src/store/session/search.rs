//! Lists of sessions.

use std::time::Duration;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, Func};
use sea_orm::{Condition, QueryOrder, QuerySelect};

use super::{Column, Entity, Model, enabled_client, enabled_user, is_within_stored_idle_lifetime};
use crate::clock::{Timestamp, first_id_at, micros};
use crate::config::Settings;
use crate::store::text_search::without_nul;
use crate::store::{Store, client};

/// The sessions to search for. `None` matches all.
#[derive(Clone, Copy, Debug, Default)]
pub struct SessionFilter<'a> {
    /// The user.
    pub user_id: Option<Uuid>,
    /// The client.
    pub client_id: Option<&'a str>,
    /// `true` for the sessions that are active at this time, `false` for the others.
    pub active: Option<(bool, ActiveAt)>,
}

/// A time at which a session is active or not.
#[derive(Clone, Copy, Debug)]
pub struct ActiveAt {
    now: Timestamp,
    lifetime: Duration,
    idle_lifetime: Duration,
}

impl ActiveAt {
    /// This time, with the server's lifetimes for clients that have none of their own.
    pub const fn new(now: Timestamp, server: &Settings) -> Self {
        Self {
            now,
            lifetime: server.session.lifetime.0,
            idle_lifetime: server.session.idle_lifetime.0,
        }
    }

    /// Whether a session is active: the conditions of [`SessionRecord::is_alive`](super::SessionRecord::is_alive).
    fn condition(self) -> Condition {
        let column = |column| Expr::col((Entity, column));
        let since = |own, server| {
            let lifetime = Func::coalesce([
                Expr::col((client::Entity, own)),
                Expr::value(micros(server)),
            ]);
            Expr::value(self.now).sub(lifetime)
        };
        let mut client = enabled_client(column(Column::ClientId), column(Column::ClientEpoch));
        client
            .and_where(
                column(Column::AuthenticatedAt)
                    .gt(since(client::Column::SessionLifetime, self.lifetime)),
            )
            .and_where(column(Column::RotatedAt).gt(since(
                client::Column::SessionIdleLifetime,
                self.idle_lifetime,
            )));
        let user = enabled_user(column(Column::UserId), column(Column::SessionEpoch));
        Condition::all()
            .add(column(Column::ExpiresAt).gt(self.now))
            .add(column(Column::RevokedAt).is_null())
            .add(is_within_stored_idle_lifetime(Expr::value(self.now)))
            .add(Expr::exists(user))
            .add(Expr::exists(client))
    }
}

/// At most `limit` sessions that match the filter and have an id less than `before`, the newest first.
pub async fn search(
    store: &Store,
    filter: SessionFilter<'_>,
    before: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let active = |(active, at): (bool, ActiveAt)| {
        if active {
            at.condition()
        } else {
            at.condition().not()
        }
    };
    let passing = Condition::all()
        .add_option(filter.user_id.map(|id| Column::UserId.eq(id)))
        .add_option(
            filter
                .client_id
                .map(|id| Column::ClientId.eq(without_nul(id))),
        )
        .add_option(filter.active.map(active))
        .add_option(before.map(|before| Column::Id.lt(before)));
    Entity::find()
        .filter(passing)
        .order_by_desc(Column::Id)
        .limit(limit)
        .all(store.read())
        .await
}

/// At most `limit` sessions of one user or of all, the newest first.
pub async fn list(store: &Store, user_id: Option<Uuid>, limit: u64) -> Result<Vec<Model>, DbErr> {
    let filter = SessionFilter {
        user_id,
        ..SessionFilter::default()
    };
    search(store, filter, None, limit).await
}

/// The latest time at which the sessions end that are active and were begun before a time; `None` if there are none.
pub async fn last_end_of_begun_before(
    store: &Store,
    time: Timestamp,
    at: ActiveAt,
) -> Result<Option<Timestamp>, DbErr> {
    let last = Entity::find()
        .filter(Column::Id.lt(first_id_at(time)))
        .filter(at.condition())
        .order_by_desc(Column::ExpiresAt)
        .limit(1);
    let last = last.one(store.read()).await?;
    Ok(last.map(|session| session.expires_at))
}
