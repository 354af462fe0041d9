//! The table `audit_events`. Rows are inserted and, after the retention, deleted; never changed.

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{InsertStatement, IntoCondition as _};
use sea_orm::{QueryOrder, QuerySelect, QueryTrait as _};

use super::Store;
use super::delete_batch::delete_batch;
use super::text_search::without_nul;
use super::writer::Durability;
use crate::audit::{Action, Event};
use crate::clock::{Timestamp, first_id_at, time_ordered_id};

/// A stored [`Event`].
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_events")]
pub struct Model {
    /// Ordered by time; also the cursor of a list.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The time of the event.
    pub at: Timestamp,
    /// The name of an [`Action`].
    pub action: String,
    /// `success` or `failure`.
    pub outcome: String,
    /// `user`, `client`, `operator` or `system`.
    pub actor_kind: String,
    /// The id of the actor.
    pub actor_id: Option<String>,
    /// The affected user.
    pub user_id: Option<Uuid>,
    /// The affected client.
    pub client_id: Option<String>,
    /// The affected session.
    pub session_id: Option<Uuid>,
    /// The IP address; empty for the command line and the server itself.
    pub address: String,
    /// The `User-Agent`, cut to 255 bytes.
    pub user_agent: String,
    /// A JSON object of at most 1024 bytes.
    pub detail: String,
}

/// No relations: an event outlives its user, client and session.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Conditions of a search; `None` matches all events.
#[derive(Clone, Copy, Debug, Default)]
pub struct AuditFilter<'a> {
    /// The affected user.
    pub user_id: Option<Uuid>,
    /// The affected client.
    pub client_id: Option<&'a str>,
    /// The affected session.
    pub session_id: Option<Uuid>,
    /// The action.
    pub action: Option<Action>,
    /// The earliest time, included.
    pub since: Option<Timestamp>,
    /// The latest time, excluded.
    pub until: Option<Timestamp>,
}

/// The newest events that match the filter and are older than the event `before`.
pub async fn search(
    store: &Store,
    filter: AuditFilter<'_>,
    before: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let AuditFilter {
        user_id,
        client_id,
        session_id,
        action,
        since,
        until,
    } = filter;
    let condition = sea_orm::Condition::all()
        .add_option(user_id.map(|id| Column::UserId.eq(id)))
        .add_option(client_id.map(|id| Column::ClientId.eq(without_nul(id))))
        .add_option(session_id.map(|id| Column::SessionId.eq(id)))
        .add_option(action.map(|action| Column::Action.eq(action.name())))
        .add_option(since.map(|since| Column::Id.gte(first_id_at(since))))
        .add_option(until.map(|until| Column::Id.lt(first_id_at(until))))
        .add_option(before.map(|before| Column::Id.lt(before)));
    Entity::find()
        .filter(condition)
        .order_by_desc(Column::Id)
        .limit(limit)
        .all(store.read())
        .await
}

/// The details of a sign-in by the password grant, now and before sign-ins said by which way.
const BY_PASSWORD: [&str; 2] = [r#"{"by":"password"}"#, "{}"];

/// The time of the last sign-in at a client by the password grant that the audit log still has.
pub async fn last_sign_in_by_password(
    store: &Store,
    client_id: &str,
) -> Result<Option<Timestamp>, DbErr> {
    let last = Entity::find()
        .filter(Column::ClientId.eq(client_id))
        .filter(Column::Action.eq(Action::SignIn.name()))
        .filter(Column::Detail.is_in(BY_PASSWORD))
        .order_by_desc(Column::Id)
        .one(store.read());
    Ok(last.await?.map(|event| event.at))
}

/// Records an event outside a transaction, such as a failed sign-in. The event is logged even if this fails.
pub async fn record(store: &Store, event: &Event) -> Result<(), DbErr> {
    let recorded = store.write(Durability::Relaxed, |writer| async move {
        writer.insert(insertion(event)).await
    });
    let recorded = recorded.await;
    event.trace();
    recorded.map(drop)
}

pub(super) async fn insert(connection: &impl ConnectionTrait, event: &Event) -> Result<(), DbErr> {
    connection.execute(&insertion(event)).await?;
    Ok(())
}

fn insertion(event: &Event) -> InsertStatement {
    let cause = &event.cause;
    let row = ActiveModel {
        id: Set(time_ordered_id(cause.at)),
        at: Set(cause.at),
        action: Set(event.action.name().to_owned()),
        outcome: Set(event.action.outcome().to_owned()),
        actor_kind: Set(cause.actor.kind().to_owned()),
        actor_id: Set(cause.actor.id()),
        user_id: Set(event.user_id),
        client_id: Set(event.client_id.clone()),
        session_id: Set(event.session_id),
        address: Set(cause.device.address_text()),
        user_agent: Set(cause.device.user_agent().to_owned()),
        detail: Set(event.detail_text()),
    };
    Entity::insert(row).into_query()
}

/// Deletes at most `limit` events from before `cutoff`; returns their number.
pub async fn sweep(store: &Store, cutoff: Timestamp, limit: u64) -> Result<u64, DbErr> {
    let old = Column::Id.lt(first_id_at(cutoff));
    delete_batch::<Entity>(store, Column::Id, old.into_condition(), limit).await
}
