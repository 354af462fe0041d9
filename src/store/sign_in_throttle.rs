//! The table `sign_in_throttle`: failed sign-ins, shared by all nodes and kept over a restart.

use std::time::Duration;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{CaseStatement, ExprTrait as _, IntoCondition as _, OnConflict};
use sea_orm::{ActiveValue::Set, DbBackend, QueryTrait as _, SqlErr};

use super::Store;
use super::delete_batch::delete_batch;
use super::writer::{Durability, Writer};
use crate::audit::Event;
use crate::clock::{Timestamp, micros};
use crate::throttle::{Quota, Subject};

/// A subject and the time at which its quota is full again; see [`Quota`].
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sign_in_throttle")]
pub struct Model {
    /// A MAC, so that the table contains no usernames.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: Vec<u8>,
    /// The time from which the row has no meaning.
    pub free_at: Timestamp,
}

/// No relations: a subject need not be a user.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A counted attempt. It is counted before the password is verified, so that concurrent guesses get no more
/// attempts than consecutive ones.
#[derive(Clone, Copy, Debug)]
pub struct Reservation {
    subject: Subject,
    interval: Duration,
}

/// Counts an attempt by compare-and-set; `Err`: the time until the next one is allowed.
///
/// `announce` is called before the attempt is counted. An attempt that is refused because of this one then sees
/// it, and can wait for its result.
pub async fn reserve<T>(
    store: &Store,
    subject: Subject,
    quota: Quota,
    now: Timestamp,
    announce: impl FnOnce() -> T,
) -> Result<Result<(Reservation, T), Duration>, DbErr> {
    // Reads first, so that many refused attempts do not delay writers.
    if let Some(wait) = wait(store, subject, quota, now).await? {
        return Ok(Err(wait));
    }
    let announced = announce();
    let written = store.write(Durability::Relaxed, |writer| async move {
        take(&writer, subject, quota, now).await
    });
    if written.await? {
        let interval = quota.interval();
        return Ok(Ok((Reservation { subject, interval }, announced)));
    }
    // Another attempt took the last one.
    let wait = wait(store, subject, quota, now).await?;
    Ok(Err(wait.unwrap_or(quota.interval())))
}

/// Uses one statement. MySQL needs two, because it does not report whether ON DUPLICATE KEY updated a row.
async fn take(
    writer: &Writer<'_>,
    subject: Subject,
    quota: Quota,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let row = ActiveModel {
        subject: Set(subject.to_vec()),
        free_at: Set(now.plus(quota.interval())),
    };
    let insertion = Entity::insert(row).into_query();
    let (next, is_allowed) = advance(quota, now);
    let connection = writer.connection();
    if connection.get_database_backend() != DbBackend::MySql {
        let mut reservation = insertion;
        reservation.on_conflict(
            OnConflict::column(Column::Subject)
                .value(Column::FreeAt, next)
                .action_and_where(is_allowed)
                .to_owned(),
        );
        return writer.insert(reservation).await;
    }
    let update = Entity::update_many()
        .col_expr(Column::FreeAt, next)
        .filter(Column::Subject.eq(subject.to_vec()))
        .filter(is_allowed);
    if update.clone().exec(connection).await?.rows_affected == 1 {
        return Ok(true);
    }
    match writer.insert(insertion).await {
        Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => {
            // Another attempt has inserted the row since the update.
            Ok(update.exec(connection).await?.rows_affected == 1)
        }
        outcome => outcome,
    }
}

/// The next `free_at`, and whether another attempt is allowed.
fn advance(quota: Quota, now: Timestamp) -> (Expr, Expr) {
    let free_at = Expr::col((Entity, Column::FreeAt));
    // Written by a clock that was ahead.
    let is_invalid = free_at.clone().gt(quota.horizon(now));
    let is_used = free_at
        .clone()
        .gt(now)
        .and(free_at.clone().lte(quota.horizon(now)));
    let start: Expr = CaseStatement::new()
        .case(is_used, free_at.clone())
        .finally(Expr::value(now))
        .into();
    let next = start.add(micros(quota.interval()));
    (next, free_at.lte(quota.last_place(now)).or(is_invalid))
}

/// The time until an attempt is allowed; `None` when it is allowed now.
pub async fn wait(
    store: &Store,
    subject: Subject,
    quota: Quota,
    now: Timestamp,
) -> Result<Option<Duration>, DbErr> {
    let row = Entity::find_by_id(subject.to_vec())
        .one(store.read())
        .await?;
    Ok(row.and_then(|row| quota.wait(row.free_at, now)))
}

/// Forgets the attempts of a subject and records the event. Returns whether any were counted.
pub async fn clear(store: &Store, subject: Subject, event: Event) -> Result<bool, DbErr> {
    let event = &event;
    let cleared = store.transaction(Durability::Durable, |tx| async move {
        let counted =
            Entity::delete_by_id(subject.to_vec()).filter(Column::FreeAt.gt(event.cause.at));
        let deleted = counted.exec(&tx).await?;
        if deleted.rows_affected == 0 {
            return Ok(false);
        }
        tx.record(event.clone()).await?;
        Ok(true)
    });
    cleared.await
}

/// Gives attempts back, because the password was right.
pub async fn give_back(store: &Store, reservations: &[Reservation]) -> Result<(), DbErr> {
    for &reservation in reservations {
        let written = store.write(Durability::Relaxed, |writer| async move {
            give_back_within(writer.connection(), reservation).await
        });
        written.await?;
    }
    Ok(())
}

pub(super) async fn give_back_within(
    connection: &impl ConnectionTrait,
    reservation: Reservation,
) -> Result<(), DbErr> {
    let interval = micros(reservation.interval);
    Entity::update_many()
        .col_expr(Column::FreeAt, Expr::col(Column::FreeAt).sub(interval))
        .filter(Column::Subject.eq(reservation.subject.to_vec()))
        .exec(connection)
        .await?;
    Ok(())
}

/// Deletes at most `limit` rows that have had no meaning since `cutoff`; returns their number.
pub async fn sweep(store: &Store, cutoff: Timestamp, limit: u64) -> Result<u64, DbErr> {
    let is_free = Column::FreeAt.lt(cutoff);
    delete_batch::<Entity>(store, Column::Subject, is_free.into_condition(), limit).await
}
