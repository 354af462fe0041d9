//! The table `sign_in_throttle`: what every node remembers of failed sign-ins, also after a restart.

use std::time::Duration;

use sea_orm::Iterable as _;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{
    CaseStatement, ExprTrait as _, InsertStatement, LockBehavior, LockType, OnConflict, Query,
};

use super::Store;
use crate::clock::{Timestamp, micros};
use crate::throttle::{Quota, Subject};

/// A subject and the time at which it will be free; see [`Quota`].
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sign_in_throttle")]
pub struct Model {
    /// A MAC: the table names nobody.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: Vec<u8>,
    /// When nothing will be remembered any more.
    pub free_at: Timestamp,
}

/// A subject may be nobody.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A place that was taken before the password was looked at, so that those who guess at the same
/// instant get no more of them than those who guess one after another.
#[derive(Clone, Copy, Debug)]
pub struct Reservation {
    subject: Subject,
    interval: Duration,
}

/// Takes a place, in one statement that compares and sets; or says how long to wait for one. A power
/// cut may undo it.
///
/// `announce` is called before the place is taken: whoever is refused because of it knows, and may wait
/// for what comes of it.
///
/// # Errors
///
/// What the database says.
pub async fn reserve<T>(
    store: &Store,
    subject: Subject,
    quota: Quota,
    now: Timestamp,
    announce: impl FnOnce() -> T,
) -> Result<Result<(Reservation, T), Duration>, DbErr> {
    // By reading first, so that a flood of attempts that have no place does not stand in the way of
    // those who write.
    if let Some(wait) = wait(store, subject, quota, now).await? {
        return Ok(Err(wait));
    }
    let announced = announce();
    let statement = reservation(subject, quota, now)?;
    let writer = store.write_relaxed().await;
    let written = writer.insert_relaxed(statement).await?;
    drop(writer);
    if written {
        let interval = quota.interval();
        return Ok(Ok((Reservation { subject, interval }, announced)));
    }
    // Somebody was faster.
    let wait = wait(store, subject, quota, now).await?;
    Ok(Err(wait.unwrap_or(quota.interval())))
}

fn reservation(subject: Subject, quota: Quota, now: Timestamp) -> Result<InsertStatement, DbErr> {
    let free_at = Expr::col((Entity, Column::FreeAt));
    let nonsense = free_at.clone().gt(quota.horizon(now));
    let used = free_at
        .clone()
        .gt(now)
        .and(free_at.clone().lte(quota.horizon(now)));
    let from: Expr = CaseStatement::new()
        .case(used, free_at.clone())
        .finally(Expr::value(now))
        .into();
    let next = from.add(micros(quota.interval()));
    let mut statement = Query::insert();
    statement
        .into_table(Entity)
        .columns(Column::iter())
        .values([
            Expr::value(subject.to_vec()),
            Expr::value(now.plus(quota.interval())),
        ])
        .map_err(|error| DbErr::Custom(error.to_string()))?
        .on_conflict(
            OnConflict::column(Column::Subject)
                .value(Column::FreeAt, next)
                .action_and_where(free_at.lte(quota.last_place(now)).or(nonsense))
                .to_owned(),
        );
    Ok(statement)
}

async fn wait(
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

/// Gives a place back, because nobody has guessed wrong.
///
/// # Errors
///
/// What the database says.
pub async fn give_back(store: &Store, reservation: Reservation) -> Result<(), DbErr> {
    let writer = store.write_relaxed().await;
    give_back_within(writer.connection(), reservation).await
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

/// Forgets subjects that are free since before `cutoff`, at most `limit` of them, and says how many.
///
/// # Errors
///
/// What the database says.
pub async fn sweep(store: &Store, cutoff: Timestamp, limit: u64) -> Result<u64, DbErr> {
    let mut free = Query::select();
    free.column(Column::Subject)
        .from(Entity)
        .and_where(Column::FreeAt.lt(cutoff))
        .limit(limit)
        // What another node is sweeping, it sweeps.
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    let writer = store.write_relaxed().await;
    let gone = Entity::delete_many()
        .filter(Column::Subject.in_subquery(free))
        .exec(writer.connection())
        .await?;
    Ok(gone.rows_affected)
}
