//! What rotation writes: the compare-and-set, and what gives an answer out again.

use sea_orm::FromQueryResult as _;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, Query, Returning, UpdateStatement};

use super::ending::of;
use super::{Column, Entity, Model, Record, columns, living_client, living_user};
use crate::audit::{Action, Cause};
use crate::clock::Timestamp;
use crate::store::Store;

/// What a rotation is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Rotation<'a> {
    /// The session that the token names.
    pub session: Uuid,
    /// The client that shows the token.
    pub client_id: &'a str,
    /// The generation that the token proves.
    pub presented: u32,
    /// The generation that the session has then: the next one, or the presented one where refresh tokens
    /// do not rotate.
    pub next: u32,
    /// When.
    pub now: Timestamp,
    /// A session that was last rotated before this is idle too long.
    pub idle_since: Timestamp,
    /// A session that began before this has lived too long.
    pub begun_since: Timestamp,
}

/// Compares and sets, in one statement: if the session lives and its generation is at most the
/// presented one, the next generation begins, or the presented one goes on. `None` when nothing was
/// touched.
///
/// "At most", because a store that lost its last writes is behind its tokens, and a token proves
/// its generation by itself. Written with relaxed durability for the same reason, unless the operator
/// wants otherwise.
///
/// # Errors
///
/// What the database says.
pub async fn rotate(store: &Store, rotation: Rotation<'_>) -> Result<Option<Record>, DbErr> {
    let presented = i64::from(rotation.presented);
    let mut statement = Query::update();
    statement
        .table(Entity)
        .value(
            Column::RotationGap,
            Expr::value(presented).sub(Expr::col(Column::Generation)),
        )
        .value(Column::Generation, i64::from(rotation.next))
        .value(Column::RotatedAt, rotation.now)
        .and_where(Column::Id.eq(rotation.session))
        .and_where(Column::ClientId.eq(rotation.client_id))
        .and_where(Column::Generation.lte(presented))
        .and_where(Column::RotatedAt.gt(rotation.idle_since))
        .and_where(Column::AuthenticatedAt.gt(rotation.begun_since));
    while_it_lives(&mut statement, rotation.now);
    let writer = store.write_rotation().await;
    update_returning(writer.connection(), statement, writer.relaxation()).await
}

/// Gives the current generation out again, later than the window allows: if the row is still as it
/// was read, `rotated_at` moves to `now` and the generation is remembered. `None` when somebody was
/// faster, or the session is over.
///
/// # Errors
///
/// What the database says.
pub async fn retry_late(
    store: &Store,
    seen: &Model,
    cause: &Cause,
) -> Result<Option<Record>, DbErr> {
    let now = cause.at;
    let statement = give_out_again(seen, now, Some(seen.generation));
    let mut together = store.change_rotation().await?;
    let Some(record) =
        update_returning(together.connection(), statement, together.relaxation()).await?
    else {
        return Ok(None);
    };
    let late = now.since(seen.rotated_at).map_or(0, |late| late.as_secs());
    let event = of(seen, Action::LateRetry, cause)
        .with("generation", seen.generation)
        .with("seconds", late);
    together.record(event).await?;
    together.commit().await?;
    Ok(Some(record))
}

/// Begins the window anew for a generation whose writing took long, so that the client's second try
/// is not taken for a late one. `None` when the row is no longer as it was written.
///
/// # Errors
///
/// What the database says.
pub async fn restamp(
    store: &Store,
    written: &Model,
    now: Timestamp,
) -> Result<Option<Record>, DbErr> {
    let statement = give_out_again(written, now, written.late_retry_generation);
    let writer = store.write_rotation().await;
    update_returning(writer.connection(), statement, writer.relaxation()).await
}

fn give_out_again(
    seen: &Model,
    now: Timestamp,
    late_retry_generation: Option<i64>,
) -> UpdateStatement {
    let mut statement = Query::update();
    statement
        .table(Entity)
        .value(Column::RotatedAt, now)
        .value(Column::LateRetryGeneration, late_retry_generation)
        .and_where(Column::Id.eq(seen.id))
        .and_where(Column::Generation.eq(seen.generation))
        .and_where(Column::RotatedAt.eq(seen.rotated_at));
    while_it_lives(&mut statement, now);
    statement
}

/// The session is not over, and neither its user nor its client is gone or disabled.
fn while_it_lives(statement: &mut UpdateStatement, now: Timestamp) {
    let column = |column| Expr::col((Entity, column));
    statement
        .and_where(Column::RevokedAt.is_null())
        .and_where(Column::ExpiresAt.gt(now))
        .and_where(Expr::exists(living_user(
            column(Column::UserId),
            column(Column::SessionEpoch),
        )))
        .and_where(Expr::exists(living_client(column(Column::ClientId))));
}

/// Runs the statement, which a power cut may undo where it has this relaxation, and whatever else its
/// transaction does.
async fn update_returning(
    connection: &impl ConnectionTrait,
    mut statement: UpdateStatement,
    relaxation: Option<Expr>,
) -> Result<Option<Record>, DbErr> {
    let roles =
        Expr::cust(r#"(SELECT "roles" FROM "users" WHERE "users"."id" = "user_id") AS "roles""#);
    let returned = columns().chain([roles]).chain(relaxation);
    statement.returning(Returning::new().exprs(returned));
    match connection.query_one(&statement).await? {
        Some(row) => Record::from_query_result(&row, "").map(Some),
        None => Ok(None),
    }
}
