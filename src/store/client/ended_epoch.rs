//! The table `ended_client_epochs`: epochs of clients that ended by disabling or deletion, while sessions of theirs are
//! not yet marked as revoked. The sessions are refused from the end of the epoch on.

use std::time::Duration;

use sea_orm::Condition;
use sea_orm::entity::prelude::*;

use crate::audit::{Action, Cause, Event};
use crate::clock::{Clock, Timestamp, time_ordered_id};
use crate::store::session::{self, Ending};
use crate::store::transaction::Transaction;
use crate::store::writer::Durability;
use crate::store::{Store, client};

/// The number of sessions that one transaction reads and marks. Refreshes wait for at most one such transaction.
const BATCH: u64 = 1000;
/// Another node continues the work after this time without a batch.
const TAKEOVER_AFTER: Duration = Duration::from_mins(1);

/// An epoch that ended, and how far its sessions are marked.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "ended_client_epochs")]
pub struct Model {
    /// The id of the row.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The client.
    pub client_id: String,
    /// See [`client::Model::epoch`].
    pub epoch: Vec<u8>,
    /// The reason of the revocation.
    pub reason: Ending,
    /// The greatest id of a session that was looked at.
    pub marked_until: Uuid,
    /// The time of the last batch.
    pub marked_at: Timestamp,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Records that the epoch of a client ended.
pub(super) async fn insert(
    tx: &Transaction<'_>,
    client: &client::Model,
    reason: Ending,
    now: Timestamp,
) -> Result<Model, DbErr> {
    let ended = Model {
        id: time_ordered_id(now),
        client_id: client.id.clone(),
        epoch: client.epoch.clone(),
        reason,
        marked_until: Uuid::nil(),
        marked_at: now,
    };
    let row = ActiveModel::from(ended.clone()).reset_all();
    Entity::insert(row).exec_without_returning(tx).await?;
    Ok(ended)
}

/// The epochs whose node has not continued to mark their sessions for a minute.
pub async fn abandoned(store: &Store, now: Timestamp) -> Result<Vec<Model>, DbErr> {
    let is_abandoned = Condition::any()
        .add(Column::MarkedAt.lte(now.minus(TAKEOVER_AFTER)))
        // By a clock that was ahead.
        .add(Column::MarkedAt.gt(now.plus(TAKEOVER_AFTER)));
    let found = Entity::find().filter(is_abandoned);
    found.all(store.read()).await
}

/// Marks the sessions of an epoch as revoked and returns their number. They are marked in order of their ids, and each
/// batch has its own transaction and time: the list of revoked sessions is read in the order of these times.
pub async fn mark_sessions(
    store: &Store,
    ended: &Model,
    cause: &Cause,
    clock: &Clock,
) -> Result<u64, DbErr> {
    let mut marked = 0;
    loop {
        let batch = store.transaction(Durability::Durable, |tx| async move {
            let cause = &Cause {
                at: clock.now(),
                ..cause.clone()
            };
            mark_batch(&tx, ended.id, cause).await
        });
        match batch.await? {
            Some(batch) => marked += batch,
            None => return Ok(marked),
        }
    }
}

/// Marks the next sessions and returns their number; `None` if there are none or another node has finished.
async fn mark_batch(tx: &Transaction<'_>, id: Uuid, cause: &Cause) -> Result<Option<u64>, DbErr> {
    // The write locks the row, so that two nodes mark one after the other.
    let locked = Entity::update_many()
        .col_expr(Column::MarkedAt, Expr::value(cause.at))
        .filter(Column::Id.eq(id));
    if locked.exec(tx).await?.rows_affected == 0 {
        return Ok(None);
    }
    let Some(ended) = Entity::find_by_id(id).one(tx).await? else {
        return Ok(None);
    };
    let (client_id, from) = (&ended.client_id, ended.marked_until);
    let Some(until) = session::last_of_batch(tx, client_id, from, BATCH).await? else {
        Entity::delete_by_id(id).exec(tx).await?;
        return Ok(None);
    };
    let marked = session::revoke_of_epoch(tx, &ended, until, cause.at).await?;
    let advanced = Entity::update_many()
        .col_expr(Column::MarkedUntil, Expr::value(until))
        .filter(Column::Id.eq(id));
    advanced.exec(tx).await?;
    if marked > 0 {
        let event = Event::new(Action::SessionsRevoked, cause)
            .client(client_id)
            .with("why", ended.reason.name())
            .with("sessions_ended", marked);
        tx.record(event).await?;
    }
    Ok(Some(marked))
}
