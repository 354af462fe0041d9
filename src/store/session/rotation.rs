//! What rotation writes: the compare-and-set, and what gives an answer out again.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, Query, Returning, UpdateStatement};
use sea_orm::{DbBackend, FromQueryResult as _, TransactionOptions};

use super::ending::of;
use super::{Column, Entity, Model, Record, columns, living_client, living_user};
use crate::audit::{Action, Cause};
use crate::clock::Timestamp;
use crate::store::again::again;
use crate::store::{Store, user};

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
        // First: on MySQL, what is set later sees what was set before.
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
    write(store, rotation.session, &statement).await
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
    let statement = give_out_again(seen, cause.at, Some(seen.generation));
    again(|| try_retry_late(store, seen, &statement, cause)).await
}

async fn try_retry_late(
    store: &Store,
    seen: &Model,
    statement: &UpdateStatement,
    cause: &Cause,
) -> Result<Option<Record>, DbErr> {
    let mut together = store.change_rotation().await?;
    let (connection, relaxation) = (together.connection(), together.relaxation());
    let written = update_returning(connection, seen.id, statement, relaxation).await?;
    let Some(record) = written else {
        return Ok(None);
    };
    let late = cause
        .at
        .since(seen.rotated_at)
        .map_or(0, |late| late.as_secs());
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
    write(store, written.id, &statement).await
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

/// Runs the statement, which writes a rotation, alone.
async fn write(
    store: &Store,
    id: Uuid,
    statement: &UpdateStatement,
) -> Result<Option<Record>, DbErr> {
    again(async || {
        let writer = store.write_rotation().await;
        let connection = writer.connection();
        if connection.get_database_backend() != DbBackend::MySql {
            return update_returning(connection, id, statement, writer.relaxation()).await;
        }
        // Nobody else writes the row before it is read, so that what is answered is what was written.
        let transaction = connection.begin(TransactionOptions::default()).await?;
        let record = update_returning(&transaction, id, statement, None).await?;
        transaction.commit().await?;
        Ok(record)
    })
    .await
}

/// Runs the statement, which a power cut may undo where it has this relaxation, and whatever else its
/// transaction does; says how the row is then.
///
/// MySQL does not tell of an updated row, and MariaDB not before its version 13; there it is read anew.
async fn update_returning(
    connection: &impl ConnectionTrait,
    id: Uuid,
    statement: &UpdateStatement,
    relaxation: Option<Expr>,
) -> Result<Option<Record>, DbErr> {
    let row = if connection.get_database_backend() == DbBackend::MySql {
        if connection.execute(statement).await?.rows_affected() == 0 {
            return Ok(None);
        }
        let mut select = Query::select();
        select
            .exprs(columns())
            .expr_as(roles_of_user(), "roles")
            .from(Entity)
            .and_where(Column::Id.eq(id));
        connection.query_one(&select).await?
    } else {
        let mut statement = statement.clone();
        let roles = Expr::cust(
            r#"(SELECT "roles" FROM "users" WHERE "users"."id" = "user_id") AS "roles""#,
        );
        let returned = columns().chain([roles]).chain(relaxation);
        statement.returning(Returning::new().exprs(returned));
        connection.query_one(&statement).await?
    };
    row.map(|row| Record::from_query_result(&row, ""))
        .transpose()
}

/// The statement before has seen that the user lives.
fn roles_of_user() -> Expr {
    let own = Expr::col((user::Entity, user::Column::Id)).equals((Entity, Column::UserId));
    let roles = Query::select()
        .column((user::Entity, user::Column::Roles))
        .from(user::Entity)
        .and_where(own)
        .take();
    Expr::SubQuery(None, Box::new(roles.into()))
}
