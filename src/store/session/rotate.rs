//! The rotation of a session, and what other writes of a refresh share with it.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, Query, UpdateStatement};
use sea_orm::{DbBackend, FromQueryResult as _};

use super::rotating_statement::{RotationRequest, returning, rotate_all, statement, values};
use super::{Column, Entity, SessionRecord, columns, group_commit};
use crate::store::writer::Durability;
use crate::store::{Store, user};

/// Compares and sets in one statement: if the session is active and its generation is at most the
/// presented one, the next generation begins. `None` if nothing was changed.
///
/// "At most", because a store that lost its last writes is behind its tokens, and a token proves its
/// generation. For the same reason the write need not be durable.
pub async fn rotate(
    store: &Store,
    request: RotationRequest<'_>,
) -> Result<Option<SessionRecord>, DbErr> {
    let values = values(&request);
    if store.is_file() {
        return group_commit::rotate(store, request.session, values).await;
    }
    if store.read().get_database_backend() == DbBackend::MySql {
        let statement = statement(values.map(Expr::value));
        return execute(store, request.session, &statement).await;
    }
    let rotated = store.write(Durability::Rotation, |writer| {
        let values = values.clone();
        async move { rotate_all(store, &writer, vec![values]).await }
    });
    Ok(rotated.await?.pop())
}

/// Runs another statement that updates the session, with the durability of a rotation. Returns the written row.
pub(super) async fn execute(
    store: &Store,
    id: Uuid,
    statement: &UpdateStatement,
) -> Result<Option<SessionRecord>, DbErr> {
    if store.read().get_database_backend() == DbBackend::MySql {
        // The transaction keeps the row as it was written until it is read.
        let written = store.transaction(Durability::Rotation, |tx| async move {
            update_returning(&tx, id, statement, None).await
        });
        return written.await;
    }
    let written = store.write(Durability::Rotation, |writer| async move {
        update_returning(writer.connection(), id, statement, writer.relaxation()).await
    });
    written.await
}

/// Executes the statement and returns the written row. `relaxation` makes the transaction not wait for the
/// disk.
///
/// MySQL has no `UPDATE … RETURNING`, and MariaDB has it from version 13 on. There the row is read.
pub(super) async fn update_returning(
    connection: &impl ConnectionTrait,
    id: Uuid,
    statement: &UpdateStatement,
    relaxation: Option<Expr>,
) -> Result<Option<SessionRecord>, DbErr> {
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
        statement.returning(returning(relaxation));
        connection.query_one(&statement).await?
    };
    row.map(|row| SessionRecord::from_query_result(&row, ""))
        .transpose()
}

/// The roles of the session's user, who is enabled: the statement before checked it.
fn roles_of_user() -> Expr {
    let own = Expr::col((user::Entity, user::Column::Id)).equals((Entity, Column::UserId));
    let roles = Query::select()
        .column((user::Entity, user::Column::Roles))
        .from(user::Entity)
        .and_where(own)
        .take();
    Expr::SubQuery(None, Box::new(roles.into()))
}
