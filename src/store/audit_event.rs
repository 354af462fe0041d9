//! The table `audit_events`: what has happened. Rows are added and, when they are old, swept; never
//! changed.

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{InsertStatement, IntoCondition as _};
use sea_orm::{QueryOrder, QuerySelect, QueryTrait as _};

use super::Store;
use super::sweep::sweep as remove_some;
use super::text_search::sought;
use super::writer::Durability;
use crate::audit::{Action, Event};
use crate::clock::{Timestamp, first_id_at, time_ordered_id};

/// Something that happened; see [`Event`].
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_events")]
pub struct Model {
    /// Orders by time, and is where a page of a list may begin.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// When.
    pub at: Timestamp,
    /// What: an [`Action`] by its name.
    pub action: String,
    /// `success` or `failure`.
    pub outcome: String,
    /// `user`, `client`, `operator` or `system`.
    pub actor_kind: String,
    /// Which of them.
    pub actor_id: Option<String>,
    /// The user whom it concerns.
    pub user_id: Option<Uuid>,
    /// The client which it concerns.
    pub client_id: Option<String>,
    /// The session which it concerns.
    pub session_id: Option<Uuid>,
    /// Where it came from; empty when that is nowhere.
    pub address: String,
    /// The `User-Agent` there, cut to 255 bytes.
    pub user_agent: String,
    /// More about it, a JSON object of 1024 bytes at most.
    pub detail: String,
}

/// Whoever an event concerns may be gone long since.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Which events are searched for; what is `None` may be any.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter<'a> {
    /// Those that concern this user.
    pub user_id: Option<Uuid>,
    /// Those that concern this client.
    pub client_id: Option<&'a str>,
    /// Those that concern this session.
    pub session_id: Option<Uuid>,
    /// What happened.
    pub action: Option<Action>,
    /// At this time or later.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
}

/// The newest events that pass the filter and are older than the one with the id `before`, at most
/// `limit`.
///
/// # Errors
///
/// What the database says.
pub async fn search(
    store: &Store,
    filter: Filter<'_>,
    before: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let Filter {
        user_id,
        client_id,
        session_id,
        action,
        since,
        until,
    } = filter;
    let passing = sea_orm::Condition::all()
        .add_option(user_id.map(|id| Column::UserId.eq(id)))
        .add_option(client_id.map(|id| Column::ClientId.eq(sought(id))))
        .add_option(session_id.map(|id| Column::SessionId.eq(id)))
        .add_option(action.map(|action| Column::Action.eq(action.name())))
        .add_option(since.map(|since| Column::Id.gte(first_id_at(since))))
        .add_option(until.map(|until| Column::Id.lt(first_id_at(until))))
        .add_option(before.map(|before| Column::Id.lt(before)));
    Entity::find()
        .filter(passing)
        .order_by_desc(Column::Id)
        .limit(limit)
        .all(store.read())
        .await
}

/// Records what no other row depends on, such as a refused sign-in; a power cut may undo it. The log
/// is told in any case.
///
/// # Errors
///
/// What the database says.
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

/// Deletes what happened before `cutoff`, at most `limit` rows, and says how many.
///
/// # Errors
///
/// What the database says.
pub async fn sweep(store: &Store, cutoff: Timestamp, limit: u64) -> Result<u64, DbErr> {
    let old = Column::Id.lt(first_id_at(cutoff));
    remove_some::<Entity>(store, Column::Id, old.into_condition(), limit).await
}
