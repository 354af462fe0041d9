//! The writes of a retry: the late retry, the retry window that begins again, and the first repetition by
//! another `User-Agent`.

use std::time::Duration;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Query, UpdateStatement};

use super::rotate::{execute, update_returning};
use super::rotating_statement::{DeviceDigests, if_active};
use super::{Column, Entity, Model, SessionRecord, event};
use crate::audit::{Action, Cause};
use crate::clock::{Timestamp, micros};
use crate::store::Store;
use crate::store::writer::Durability;

/// A late retry that was forgiven.
#[derive(Clone, Copy, Debug)]
pub struct ForgivenRetry<'a> {
    /// The row as it was judged.
    pub seen: &'a Model,
    /// The device that receives the response.
    pub device: DeviceDigests,
    /// The idle lifetime to set.
    pub idle_lifetime: Duration,
    /// Whether it counts as one from another device: the generation is recorded.
    pub is_elsewhere: bool,
}

/// Writes a late retry if the row is still as it was read: `rotated_at` moves to now, and the device is
/// recorded; from another device, the generation too. `None` if the row has changed or the session is not
/// active.
///
/// An event is written if the recorded generation changes. The other late retries are usual: lost responses,
/// and tabs with copies of one storage.
pub async fn retry_late(
    store: &Store,
    retry: ForgivenRetry<'_>,
    cause: &Cause,
) -> Result<Option<SessionRecord>, DbErr> {
    let seen = retry.seen;
    let mut statement = set_rotated_at(seen, cause.at);
    statement.value(Column::IdleLifetime, micros(retry.idle_lifetime));
    statement.values(retry.device.values());
    if !retry.is_elsewhere || seen.late_retry_generation == Some(seen.generation) {
        return execute(store, seen.id, &statement).await;
    }
    statement.value(Column::LateRetryGeneration, seen.generation);
    let statement = &statement;
    let written = store.transaction(Durability::Rotation, |tx| async move {
        let written = update_returning(&tx, seen.id, statement, tx.relaxation()).await?;
        if written.is_some() {
            let late = cause.at.since(seen.rotated_at);
            let event = event(seen, Action::LateRetry, cause)
                .with("generation", seen.generation)
                .with("seconds", late.map_or(0, |late| late.as_secs()));
            tx.record(event).await?;
        }
        Ok(written)
    });
    written.await
}

/// Begins the retry window again for a row that was just written. `None` if the row has changed.
pub async fn restamp(
    store: &Store,
    written: &Model,
    now: Timestamp,
) -> Result<Option<SessionRecord>, DbErr> {
    execute(store, written.id, &set_rotated_at(written, now)).await
}

/// Writes the event of the session's first repetition by another `User-Agent`. The flag on the row makes it
/// one event per session, whatever the number of repetitions and nodes.
pub async fn record_repeated_elsewhere(
    store: &Store,
    seen: &Model,
    cause: &Cause,
) -> Result<(), DbErr> {
    if seen.repeated_elsewhere {
        return Ok(());
    }
    let recorded = store.transaction(Durability::Durable, |tx| async move {
        let updated = Entity::update_many()
            .col_expr(Column::RepeatedElsewhere, Expr::value(true))
            .filter(Column::Id.eq(seen.id))
            .filter(Column::RepeatedElsewhere.eq(false));
        if updated.exec(&tx).await?.rows_affected == 1 {
            let event = event(seen, Action::RefreshRepeatedElsewhere, cause);
            tx.record(event.with("generation", seen.generation)).await?;
        }
        Ok(())
    });
    recorded.await
}

fn set_rotated_at(seen: &Model, now: Timestamp) -> UpdateStatement {
    let mut statement = Query::update();
    statement
        .table(Entity)
        .value(Column::RotatedAt, now)
        .and_where(Column::Id.eq(seen.id))
        .and_where(Column::Generation.eq(seen.generation))
        .and_where(Column::RotatedAt.eq(seen.rotated_at));
    if_active(&mut statement, Expr::value(now), None);
    statement
}
