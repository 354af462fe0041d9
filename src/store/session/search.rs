//! Lists of sessions.

use sea_orm::entity::prelude::*;
use sea_orm::{Condition, QueryOrder, QuerySelect};

use super::{Column, Entity, Model};
use crate::clock::Timestamp;
use crate::store::Store;
use crate::store::text_search::sought;

/// Which sessions are searched for; what is `None` may be any.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter<'a> {
    /// Those of this user.
    pub user_id: Option<Uuid>,
    /// Those at this client.
    pub client_id: Option<&'a str>,
    /// Those that are over at this time, or those that are not: ended, or past their longest life.
    pub over: Option<(bool, Timestamp)>,
}

/// The sessions that pass the filter, the newest first, from the one before the id `before` on, at
/// most `limit`.
///
/// # Errors
///
/// What the database says.
pub async fn search(
    store: &Store,
    filter: Filter<'_>,
    before: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    // To end a session sets this, too.
    let over = |(over, now)| {
        if over {
            Column::ExpiresAt.lte(now)
        } else {
            Column::ExpiresAt.gt(now)
        }
    };
    let passing = Condition::all()
        .add_option(filter.user_id.map(|id| Column::UserId.eq(id)))
        .add_option(filter.client_id.map(|id| Column::ClientId.eq(sought(id))))
        .add_option(filter.over.map(over))
        .add_option(before.map(|before| Column::Id.lt(before)));
    Entity::find()
        .filter(passing)
        .order_by_desc(Column::Id)
        .limit(limit)
        .all(store.read())
        .await
}

/// Sessions, the newest first; of one user, or of all.
///
/// # Errors
///
/// What the database says.
pub async fn list(store: &Store, user_id: Option<Uuid>, limit: u64) -> Result<Vec<Model>, DbErr> {
    let filter = Filter {
        user_id,
        ..Filter::default()
    };
    search(store, filter, None, limit).await
}
