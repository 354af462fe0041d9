//! Lists of sessions.

use sea_orm::entity::prelude::*;
use sea_orm::{Condition, QueryOrder, QuerySelect};

use super::{Column, Entity, Model};
use crate::clock::Timestamp;
use crate::store::Store;
use crate::store::text_search::without_nul;

/// The sessions to search for. `None` matches all.
#[derive(Clone, Copy, Debug, Default)]
pub struct SessionFilter<'a> {
    /// The user.
    pub user_id: Option<Uuid>,
    /// The client.
    pub client_id: Option<&'a str>,
    /// `true` for sessions that are revoked or expired at this time, `false` for the others.
    pub over: Option<(bool, Timestamp)>,
}

/// At most `limit` sessions that match the filter and have an id less than `before`, the newest first.
pub async fn search(
    store: &Store,
    filter: SessionFilter<'_>,
    before: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    // A revocation sets `expires_at`.
    let over = |(over, now)| {
        if over {
            Column::ExpiresAt.lte(now)
        } else {
            Column::ExpiresAt.gt(now)
        }
    };
    let passing = Condition::all()
        .add_option(filter.user_id.map(|id| Column::UserId.eq(id)))
        .add_option(
            filter
                .client_id
                .map(|id| Column::ClientId.eq(without_nul(id))),
        )
        .add_option(filter.over.map(over))
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
