//! How sessions end before their time, and how they are removed.

use sea_orm::UpdateMany;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::IntoCondition as _;

use super::{Column, Ending, Entity, Model};
use crate::audit::{Action, Cause, Event};
use crate::clock::Timestamp;
use crate::store::Store;
use crate::store::again::again;
use crate::store::sweep::sweep as remove_some;

/// Ends a session, durably; `false` when it was over already.
///
/// # Errors
///
/// What the database says.
pub async fn revoke(store: &Store, id: Uuid, why: Ending, cause: &Cause) -> Result<bool, DbErr> {
    again(|| try_revoke(store, id, why, cause)).await
}

async fn try_revoke(store: &Store, id: Uuid, why: Ending, cause: &Cause) -> Result<bool, DbErr> {
    let mut together = store.change_durably().await?;
    let connection = together.connection();
    let ended = end(Column::Id.eq(id), why, cause.at);
    if ended.exec(connection).await?.rows_affected == 0 {
        return Ok(false);
    }
    let Some(session) = Entity::find_by_id(id).one(connection).await? else {
        return Ok(false);
    };
    let event = match why {
        Ending::SignOut => of(&session, Action::SignOut, cause),
        _ => of(&session, Action::SessionRevoked, cause).with("why", why.name()),
    };
    together.record(event).await?;
    together.commit().await?;
    Ok(true)
}

/// Ends a session whose token was used by two, the older one `distance` generations behind. That is
/// told also when the session was over already.
///
/// # Errors
///
/// What the database says.
pub async fn end_replayed(
    store: &Store,
    session: &Model,
    distance: u32,
    cause: &Cause,
) -> Result<(), DbErr> {
    again(|| try_end_replayed(store, session, distance, cause)).await
}

async fn try_end_replayed(
    store: &Store,
    session: &Model,
    distance: u32,
    cause: &Cause,
) -> Result<(), DbErr> {
    let mut together = store.change_durably().await?;
    let ended = end(Column::Id.eq(session.id), Ending::Replay, cause.at)
        .exec(together.connection())
        .await?;
    let event = of(session, Action::Replay, cause)
        .with("distance", distance)
        .with("ended", ended.rows_affected == 1);
    together.record(event).await?;
    together.commit().await
}

/// An event that concerns this session.
pub(super) fn of(session: &Model, action: Action, cause: &Cause) -> Event {
    Event::new(action, cause)
        .user(session.user_id)
        .client(&session.client_id)
        .session(session.id)
}

/// Deletes sessions that have been over since before `cutoff`, at most `limit` of them, and says
/// how many.
///
/// # Errors
///
/// What the database says.
pub async fn sweep(store: &Store, cutoff: Timestamp, limit: u64) -> Result<u64, DbErr> {
    let over = Column::ExpiresAt.lt(cutoff);
    remove_some::<Entity>(store, Column::Id, over.into_condition(), limit).await
}

/// Marks the sessions that are not over by themselves, and says how many there were.
pub(in crate::store) async fn end_of_user(
    connection: &impl ConnectionTrait,
    user_id: Uuid,
    kept: Option<Uuid>,
    why: Ending,
    now: Timestamp,
) -> Result<u64, DbErr> {
    let mut ended = end(Column::UserId.eq(user_id), why, now).filter(Column::ExpiresAt.gt(now));
    if let Some(kept) = kept {
        ended = ended.filter(Column::Id.ne(kept));
    }
    Ok(ended.exec(connection).await?.rows_affected)
}

/// Lets a session go on in the user's new epoch.
pub(in crate::store) async fn carry_over(
    connection: &impl ConnectionTrait,
    id: Uuid,
    user_id: Uuid,
    epoch: i64,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::SessionEpoch, Expr::value(epoch))
        .filter(Column::Id.eq(id))
        .filter(Column::UserId.eq(user_id))
        .filter(Column::SessionEpoch.eq(epoch - 1))
        .exec(connection)
        .await?;
    Ok(())
}

pub(in crate::store) async fn end_of_client(
    connection: &impl ConnectionTrait,
    client_id: &str,
    why: Ending,
    now: Timestamp,
) -> Result<u64, DbErr> {
    let ended = end(Column::ClientId.eq(client_id), why, now).filter(Column::ExpiresAt.gt(now));
    Ok(ended.exec(connection).await?.rows_affected)
}

fn end(which: Expr, why: Ending, now: Timestamp) -> UpdateMany<Entity> {
    Entity::update_many()
        .col_expr(Column::RevokedAt, Expr::value(now))
        .col_expr(Column::RevocationReason, Expr::value(why))
        .col_expr(Column::ExpiresAt, Expr::value(now))
        .filter(which)
        .filter(Column::RevokedAt.is_null())
}
