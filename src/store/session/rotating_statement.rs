//! The rotating statement. On SQLite and PostgreSQL its text is built once: building it takes longer than running it.

use std::sync::OnceLock;
use std::time::Duration;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{
    ExprTrait as _, PostgresQueryBuilder, Query, Returning, ReturningClause, SqliteQueryBuilder,
    UpdateStatement,
};
use sea_orm::{DbBackend, FromQueryResult as _, Statement, Value};

use super::{
    Column, Entity, SessionRecord, columns, enabled_client, enabled_user,
    is_within_stored_idle_lifetime,
};
use crate::clock::{Timestamp, micros};
use crate::root_secret::DEVICE_DIGEST_LENGTH;
use crate::store::writer::Writer;
use crate::store::{Store, client};

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
    /// The revision that the client must have; `None`: any.
    pub client_revision: Option<i64>,
    /// The generation of the token.
    pub presented: u32,
    /// The generation to set: the next one, or `presented` if the client's tokens do not rotate.
    pub next: u32,
    /// The device that receives the response.
    pub device: DeviceDigests,
    /// The time to set.
    pub now: Timestamp,
    /// The idle lifetime to set.
    pub idle_lifetime: Duration,
    /// A session that was last rotated before this time has been idle for too long.
    pub idle_since: Timestamp,
    /// A session that was authenticated before this time has expired.
    pub begun_since: Timestamp,
}

/// The parameters of the rotating statement, and their types on PostgreSQL. No column of the table has such a name.
const PARAMETERS: [(&str, &str); 11] = [
    ("session", "uuid"),
    ("client", "varchar"),
    ("client_revision", "bigint"),
    ("presented", "bigint"),
    ("next", "bigint"),
    ("device", "bytea"),
    ("agent", "bytea"),
    ("now", "bigint"),
    ("new_idle_lifetime", "bigint"),
    ("idle_since", "bigint"),
    ("begun_since", "bigint"),
];

/// The values of [`PARAMETERS`].
pub(super) type Values = [Value; PARAMETERS.len()];

/// The values of a request.
pub(super) fn values(request: &RotationRequest<'_>) -> Values {
    [
        request.session.into(),
        request.client_id.into(),
        request.client_revision.into(),
        i64::from(request.presented).into(),
        i64::from(request.next).into(),
        request.device.device.to_vec().into(),
        request.device.user_agent.to_vec().into(),
        request.now.into(),
        micros(request.idle_lifetime).into(),
        request.idle_since.into(),
        request.begun_since.into(),
    ]
}

/// The statement for these parameters.
pub(super) fn statement(parameters: [Expr; PARAMETERS.len()]) -> UpdateStatement {
    let [
        session,
        client_id,
        client_revision,
        presented,
        next,
        device,
        user_agent,
        now,
        idle_lifetime,
        idle_since,
        begun_since,
    ] = parameters;
    let gap = presented.clone().sub(column(Column::Generation));
    let mut statement = Query::update();
    statement
        .table(Entity)
        // First, because on MySQL an assignment sees the assignments before it.
        .value(Column::RotationGap, gap)
        .value(Column::Generation, next)
        .value(Column::RotatedAt, now.clone())
        .value(Column::IdleLifetime, idle_lifetime)
        .value(Column::DeviceDigest, device)
        .value(Column::UserAgentDigest, user_agent)
        .and_where(column(Column::Id).eq(session))
        .and_where(column(Column::ClientId).eq(client_id))
        .and_where(column(Column::Generation).lte(presented))
        .and_where(column(Column::RotatedAt).gt(idle_since))
        .and_where(column(Column::AuthenticatedAt).gt(begun_since))
        .cond_where(is_within_stored_idle_lifetime(now.clone()));
    if_active(&mut statement, now, Some(client_revision));
    statement
}

/// Restricts the statement to a session that is not revoked or expired, and whose user and client are enabled and in
/// the session's epochs. The client must have the revision, unless that is null.
pub(super) fn if_active(statement: &mut UpdateStatement, now: Expr, revision: Option<Expr>) {
    let mut client = enabled_client(column(Column::ClientId), column(Column::ClientEpoch));
    if let Some(revision) = revision {
        let present = Expr::col((client::Entity, client::Column::Revision));
        let is_any = revision.clone().is_null();
        client.and_where(is_any.or(present.eq(revision)));
    }
    statement
        .and_where(column(Column::RevokedAt).is_null())
        .and_where(column(Column::ExpiresAt).gt(now))
        .and_where(Expr::exists(enabled_user(
            column(Column::UserId),
            column(Column::SessionEpoch),
        )))
        .and_where(Expr::exists(client));
}

fn column(column: Column) -> Expr {
    Expr::col((Entity, column))
}

/// The columns of a [`SessionRecord`], by their plain names: SQLite takes no others here.
pub(super) fn returning(relaxation: Option<Expr>) -> ReturningClause {
    let returned = columns().chain([roles_of_returned_row()]).chain(relaxation);
    Returning::new().exprs(returned)
}

/// The roles of the user of the written row, for `RETURNING` on SQLite and PostgreSQL.
pub(super) fn roles_of_returned_row() -> Expr {
    Expr::cust(r#"(SELECT "roles" FROM "users" WHERE "users"."id" = "user_id") AS "roles""#)
}

/// The maximum number of sessions that one statement rotates.
pub(super) const MAX_ROTATIONS: usize = 64;

/// The texts of the statement on SQLite and PostgreSQL for 1, 2, 4 … [`MAX_ROTATIONS`] sessions.
#[derive(Default)]
pub(in crate::store) struct RotationTexts([OnceLock<String>; MAX_ROTATIONS.ilog2() as usize + 1]);

impl RotationTexts {
    /// The text for this number of sessions, a power of two.
    fn get(&self, sessions: usize, writer: &Writer<'_>) -> Option<&str> {
        let text = self.0.get(sessions.ilog2() as usize)?;
        Some(text.get_or_init(|| text_for(sessions, writer)))
    }
}

/// `WITH batch (…) AS (VALUES …) UPDATE … FROM batch … RETURNING …`
fn text_for(sessions: usize, writer: &Writer<'_>) -> String {
    let names = PARAMETERS.map(|(name, _)| name);
    let mut statement = statement(names.map(|name| Expr::col(("batch", name))));
    statement
        .from("batch")
        .returning(returning(writer.relaxation()));
    let is_postgres = writer.connection().get_database_backend() == DbBackend::Postgres;
    let update = if is_postgres {
        statement.to_string(PostgresQueryBuilder)
    } else {
        statement.to_string(SqliteQueryBuilder)
    };
    let mut numbers = 1..;
    let rows: Vec<String> = (0..sessions)
        .map(|_| {
            let parameters = PARAMETERS.map(|(_, kind)| match (numbers.next(), is_postgres) {
                (Some(number), true) => format!("${number}::{kind}"),
                _ => "?".to_owned(),
            });
            format!("({})", parameters.join(", "))
        })
        .collect();
    let (names, rows) = (names.join(", "), rows.join(", "));
    format!("WITH batch ({names}) AS (VALUES {rows}) {update}")
}

/// Rotates a number of different sessions that is a power of two. Returns the written rows, in any order.
pub(super) async fn rotate_all(
    store: &Store,
    writer: &Writer<'_>,
    requests: Vec<Values>,
) -> Result<Vec<SessionRecord>, DbErr> {
    let connection = writer.connection();
    let text = store.rotation_texts.get(requests.len(), writer);
    let text = text.ok_or_else(|| DbErr::Custom("too many rotations at once".to_owned()))?;
    let values = requests.into_iter().flatten();
    let backend = connection.get_database_backend();
    let statement = Statement::from_sql_and_values(backend, text, values);
    let rows = connection.query_all_raw(statement).await?;
    let rows = rows.iter();
    rows.map(|row| SessionRecord::from_query_result(row, ""))
        .collect()
}
