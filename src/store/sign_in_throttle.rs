//! The table `sign_in_throttle`: what every node remembers of failed sign-ins, also after a restart.

use std::time::Duration;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{
    CaseStatement, ExprTrait as _, InsertStatement, IntoCondition as _, OnConflict, Query,
};
use sea_orm::{DbBackend, Iterable as _, SqlErr};

use super::Store;
use super::sweep::sweep as remove_some;
use super::writer::{Durability, Writer};
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
    let written = store.write(Durability::Relaxed, |writer| async move {
        take(&writer, subject, quota, now).await
    });
    if written.await? {
        let interval = quota.interval();
        return Ok(Ok((Reservation { subject, interval }, announced)));
    }
    // Somebody was faster.
    let wait = wait(store, subject, quota, now).await?;
    Ok(Err(wait.unwrap_or(quota.interval())))
}

/// Compares and sets in one statement, but on MySQL: of what an insertion updates instead, it does not tell
/// whether it did.
async fn take(
    writer: &Writer<'_>,
    subject: Subject,
    quota: Quota,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let insertion = insertion(subject, quota, now)?;
    let (next, free) = move_on(quota, now);
    let connection = writer.connection();
    if connection.get_database_backend() != DbBackend::MySql {
        let mut reservation = insertion;
        reservation.on_conflict(
            OnConflict::column(Column::Subject)
                .value(Column::FreeAt, next)
                .action_and_where(free)
                .to_owned(),
        );
        return writer.insert(reservation).await;
    }
    let update = Entity::update_many()
        .col_expr(Column::FreeAt, next)
        .filter(Column::Subject.eq(subject.to_vec()))
        .filter(free);
    if update.clone().exec(connection).await?.rows_affected == 1 {
        return Ok(true);
    }
    match writer.insert(insertion).await {
        Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => {
            // There is a row, perhaps a new one.
            Ok(update.exec(connection).await?.rows_affected == 1)
        }
        outcome => outcome,
    }
}

/// What the row says once a place is taken, and whether there is one.
fn move_on(quota: Quota, now: Timestamp) -> (Expr, Expr) {
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
    (next, free_at.lte(quota.last_place(now)).or(nonsense))
}

fn insertion(subject: Subject, quota: Quota, now: Timestamp) -> Result<InsertStatement, DbErr> {
    let mut statement = Query::insert();
    statement
        .into_table(Entity)
        .columns(Column::iter())
        .values([
            Expr::value(subject.to_vec()),
            Expr::value(now.plus(quota.interval())),
        ])
        .map_err(|error| DbErr::Custom(error.to_string()))?;
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
    store
        .write(Durability::Relaxed, |writer| async move {
            give_back_within(writer.connection(), reservation).await
        })
        .await
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
    let free = Column::FreeAt.lt(cutoff);
    remove_some::<Entity>(store, Column::Subject, free.into_condition(), limit).await
}
