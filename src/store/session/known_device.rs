//! Devices on which a user is or was signed in.

use sea_orm::Condition;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Query;

use super::{Column, Ending, Entity};
use crate::clock::Timestamp;
use crate::device::Device;
use crate::store::Store;

/// A device on which a user may have a session.
#[derive(Clone, Copy, Debug)]
pub struct KnownDevice<'a> {
    /// The user.
    pub user_id: Uuid,
    /// The client.
    pub client_id: &'a str,
    /// The address and the user agent.
    pub device: &'a Device,
    /// A session that ended before this time does not count.
    pub ended_since: Timestamp,
}

/// Whether a session of the user was begun on the device and is active, or ended not long ago.
///
/// A device stays known after its user has signed out there. Otherwise an attacker could keep a user out who has
/// no active session. A session that ended by a replay does not count: a thief may have begun it or used it.
pub async fn is_known(store: &Store, known: KnownDevice<'_>) -> Result<bool, DbErr> {
    let device = known.device;
    if device.address().is_none() {
        return Ok(false);
    }
    let mut statement = Query::select();
    statement
        .expr(Expr::value(1))
        .from(Entity)
        .and_where(Column::UserId.eq(known.user_id))
        .and_where(Column::ClientId.eq(known.client_id))
        .and_where(Column::Address.eq(device.address_text()))
        .and_where(Column::UserAgent.eq(device.user_agent()))
        .and_where(Column::ExpiresAt.gt(known.ended_since))
        .cond_where(
            Condition::any()
                .add(Column::RevocationReason.is_null())
                .add(Column::RevocationReason.ne(Ending::Replay)),
        )
        .limit(1);
    Ok(store.read().query_one(&statement).await?.is_some())
}
