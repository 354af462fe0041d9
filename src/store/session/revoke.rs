//! The revocation of sessions.

use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder as _, QuerySelect as _, UpdateMany};

use super::{Column, Ending, Entity, Model, event};
use crate::audit::{Action, Cause, Event};
use crate::clock::Timestamp;
use crate::store::Store;
use crate::store::audit_event;
use crate::store::client::ended_epoch;
use crate::store::writer::Durability;

/// Revokes a session; `false` if there is none or it was revoked before.
pub async fn revoke(store: &Store, id: Uuid, reason: Ending, cause: &Cause) -> Result<bool, DbErr> {
    let revocation = store.transaction(Durability::Durable, |tx| async move {
        let updated = update(Column::Id.eq(id), reason, cause.at);
        if updated.exec(&tx).await?.rows_affected == 0 {
            return Ok(false);
        }
        let Some(session) = Entity::find_by_id(id).one(&tx).await? else {
            return Ok(false);
        };
        let others = revoke_begun_from(&tx, &session, reason, cause).await?;
        let mut event = match reason {
            Ending::SignOut => event(&session, Action::SignOut, cause),
            _ => event(&session, Action::SessionRevoked, cause).with("why", reason.name()),
        };
        if session.is_of_browser() {
            event = event.with("sessions_ended", others);
        }
        tx.record(event).await?;
        Ok(true)
    });
    revocation.await
}

/// Revokes a session because of a token that is `distance` generations old. The event is written even if
/// the session was revoked before.
pub async fn revoke_replayed(
    store: &Store,
    session: &Model,
    distance: u32,
    cause: &Cause,
) -> Result<(), DbErr> {
    let revocation = store.transaction(Durability::Durable, |tx| async move {
        let updated = update(Column::Id.eq(session.id), Ending::Replay, cause.at);
        let updated = updated.exec(&tx).await?;
        revoke_begun_from(&tx, session, Ending::Replay, cause).await?;
        let event = event(session, Action::Replay, cause)
            .with("distance", distance)
            .with("ended", updated.rows_affected == 1);
        tx.record(event).await
    });
    revocation.await
}

/// Revokes the session of an authorization code that was presented again. The event is written even if the session was
/// revoked before.
pub async fn revoke_by_code_replay(
    store: &Store,
    session: &Model,
    cause: &Cause,
) -> Result<(), DbErr> {
    let revocation = store.transaction(Durability::Durable, |tx| async move {
        let ended = revoke_one(&tx, session.id, Ending::CodeReplay, cause.at).await?;
        let event = event(session, Action::CodeReplay, cause).with("ended", ended);
        tx.record(event).await
    });
    revocation.await
}

/// Revokes one session; `false` if it was revoked before.
pub(super) async fn revoke_one(
    connection: &impl ConnectionTrait,
    id: Uuid,
    reason: Ending,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let updated = update(Column::Id.eq(id), reason, now).exec(connection);
    Ok(updated.await?.rows_affected == 1)
}

/// Revokes the active sessions that were begun from a browser session, which was just revoked. Returns their number. Those
/// that were granted `offline_access` stay, unless the browser session was stolen or an operator revoked it.
async fn revoke_begun_from(
    connection: &impl ConnectionTrait,
    browser_session: &Model,
    reason: Ending,
    cause: &Cause,
) -> Result<u64, DbErr> {
    if !browser_session.is_of_browser() {
        return Ok(0);
    }
    let from = Column::BrowserSessionId.eq(browser_session.id);
    let mut updated = update(from, reason, cause.at).filter(Column::ExpiresAt.gt(cause.at));
    if !matches!(reason, Ending::Replay | Ending::Operator) {
        updated = updated.filter(Column::Offline.eq(false));
    }
    Ok(updated.exec(connection).await?.rows_affected)
}

/// Revokes the active sessions of a user at a client. Returns their number.
pub(in crate::store) async fn revoke_at_client(
    connection: &impl ConnectionTrait,
    user_id: Uuid,
    client_id: &str,
    reason: Ending,
    now: Timestamp,
) -> Result<u64, DbErr> {
    let updated = update(Column::UserId.eq(user_id), reason, now)
        .filter(Column::ClientId.eq(client_id))
        .filter(Column::ExpiresAt.gt(now));
    Ok(updated.exec(connection).await?.rows_affected)
}

/// Revokes the active sessions of a user, except `kept`. Returns their number.
pub(in crate::store) async fn revoke_of_user(
    connection: &impl ConnectionTrait,
    user_id: Uuid,
    kept: Option<Uuid>,
    reason: Ending,
    now: Timestamp,
) -> Result<u64, DbErr> {
    let mut updated = update(Column::UserId.eq(user_id), reason, now);
    if let Some(kept) = kept {
        updated = updated.filter(Column::Id.ne(kept));
    }
    let updated = updated.filter(Column::ExpiresAt.gt(now));
    Ok(updated.exec(connection).await?.rows_affected)
}

/// The greatest id of the next `limit` sessions of a client after the id `from`; `None` if there are none.
pub(in crate::store) async fn last_of_batch(
    connection: &impl ConnectionTrait,
    client_id: &str,
    from: Uuid,
    limit: u64,
) -> Result<Option<Uuid>, DbErr> {
    let ids = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::ClientId.eq(client_id))
        .filter(Column::Id.gt(from))
        .order_by_asc(Column::Id)
        .limit(limit)
        .into_tuple::<Uuid>();
    Ok(ids.all(connection).await?.pop())
}

/// Revokes the active sessions of a client's ended epoch that are not yet marked, up to the id `until`. Returns their
/// number.
pub(in crate::store) async fn revoke_of_epoch(
    connection: &impl ConnectionTrait,
    ended: &ended_epoch::Model,
    until: Uuid,
    now: Timestamp,
) -> Result<u64, DbErr> {
    let updated = update(Column::ClientId.eq(&ended.client_id), ended.reason, now)
        .filter(Column::Id.gt(ended.marked_until))
        .filter(Column::Id.lte(until))
        .filter(Column::ClientEpoch.eq(ended.epoch.clone()))
        .filter(Column::ExpiresAt.gt(now));
    Ok(updated.exec(connection).await?.rows_affected)
}

/// Moves a session to the user's new epoch.
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

/// Revokes all active sessions in a store that no other process uses, by one statement without a time limit. Returns
/// their number.
pub async fn revoke_all(store: &Store, cause: &Cause) -> Result<u64, DbErr> {
    let revoked = store.write(Durability::Durable, |writer| async move {
        let updated = update(Column::ExpiresAt.gt(cause.at), Ending::Operator, cause.at);
        updated.exec(writer.connection()).await
    });
    let revoked = revoked.await?.rows_affected;
    let event = Event::new(Action::SessionsRevoked, cause)
        .with("sessions_ended", revoked)
        .with("why", Ending::Operator.name());
    audit_event::record(store, &event).await?;
    Ok(revoked)
}

fn update(which: Expr, reason: Ending, now: Timestamp) -> UpdateMany<Entity> {
    Entity::update_many()
        .col_expr(Column::RevokedAt, Expr::value(now))
        .col_expr(Column::RevocationReason, Expr::value(reason))
        .col_expr(Column::ExpiresAt, Expr::value(now))
        .filter(which)
        .filter(Column::RevokedAt.is_null())
}
