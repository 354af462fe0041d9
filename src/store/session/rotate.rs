//! The rotating statement.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, Query, Returning, UpdateStatement};
use sea_orm::{DbBackend, FromQueryResult as _};

use super::{
    Column, Entity, SessionRecord, columns, enabled_client, enabled_user, is_before_idle_expiry,
};
use crate::clock::Timestamp;
use crate::root_secret::DEVICE_DIGEST_LENGTH;
use crate::store::writer::Durability;
use crate::store::{Store, user};

/// The keyed digests of a device, for the columns of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceDigests {
    /// Of `User-Agent` and network.
    pub device: [u8; DEVICE_DIGEST_LENGTH],
    /// Of the `User-Agent` alone.
    pub user_agent: [u8; DEVICE_DIGEST_LENGTH],
}

impl DeviceDigests {
    pub(super) fn values(self) -> [(Column, Expr); 2] {
        [
            (Column::DeviceDigest, Expr::value(self.device.to_vec())),
            (
                Column::UserAgentDigest,
                Expr::value(self.user_agent.to_vec()),
            ),
        ]
    }
}

/// The inputs of the rotating statement.
#[derive(Clone, Copy, Debug)]
pub struct RotationRequest<'a> {
    /// The session that the token names.
    pub session: Uuid,
    /// The client that presents the token.
    pub client_id: &'a str,
    /// The generation of the token.
    pub presented: u32,
    /// The generation to set: the next one, or `presented` if the client's tokens do not rotate.
    pub next: u32,
    /// The device that receives the response.
    pub device: DeviceDigests,
    /// The time to set.
    pub now: Timestamp,
    /// The end to set, without a further refresh.
    pub idle_expires_at: Timestamp,
    /// A session that was last rotated before this time has been idle for too long.
    pub idle_since: Timestamp,
    /// A session that was authenticated before this time has expired.
    pub begun_since: Timestamp,
}

/// Compares and sets in one statement: if the session is active and its generation is at most the
/// presented one, the next generation begins. `None` if nothing was changed.
///
/// "At most", because a store that lost its last writes is behind its tokens, and a token proves its
/// generation. For the same reason the write need not be durable.
pub async fn rotate(
    store: &Store,
    request: RotationRequest<'_>,
) -> Result<Option<SessionRecord>, DbErr> {
    let presented = i64::from(request.presented);
    let mut statement = Query::update();
    statement
        .table(Entity)
        // First, because on MySQL an assignment sees the assignments before it.
        .value(
            Column::RotationGap,
            Expr::value(presented).sub(Expr::col(Column::Generation)),
        )
        .value(Column::Generation, i64::from(request.next))
        .value(Column::RotatedAt, request.now)
        .value(Column::IdleExpiresAt, request.idle_expires_at)
        .values(request.device.values())
        .and_where(Column::Id.eq(request.session))
        .and_where(Column::ClientId.eq(request.client_id))
        .and_where(Column::Generation.lte(presented))
        .and_where(Column::RotatedAt.gt(request.idle_since))
        .and_where(Column::AuthenticatedAt.gt(request.begun_since))
        .cond_where(is_before_idle_expiry(request.now));
    if_active(&mut statement, request.now);
    execute(store, request.session, &statement).await
}

/// Restricts the statement to a session that is not revoked or expired, and whose user and client are
/// enabled and in the session's epochs.
pub(super) fn if_active(statement: &mut UpdateStatement, now: Timestamp) {
    let column = |column| Expr::col((Entity, column));
    statement
        .and_where(Column::RevokedAt.is_null())
        .and_where(Column::ExpiresAt.gt(now))
        .and_where(Expr::exists(enabled_user(
            column(Column::UserId),
            column(Column::SessionEpoch),
        )))
        .and_where(Expr::exists(enabled_client(
            column(Column::ClientId),
            column(Column::ClientEpoch),
        )));
}

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
        let roles = Expr::cust(
            r#"(SELECT "roles" FROM "users" WHERE "users"."id" = "user_id") AS "roles""#,
        );
        let returned = columns().chain([roles]).chain(relaxation);
        statement.returning(Returning::new().exprs(returned));
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
