//! Devices that have an active session of a user.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Query;

use super::{Column, Entity, enabled_user};
use crate::clock::Timestamp;
use crate::device::Device;
use crate::store::Store;

/// A device at which a user may have a session.
#[derive(Clone, Copy, Debug)]
pub struct KnownDevice<'a> {
    /// The user.
    pub user_id: Uuid,
    /// The client.
    pub client_id: &'a str,
    /// The address and the user agent.
    pub device: &'a Device,
    /// A session that was last rotated before this time has been idle for too long.
    pub idle_since: Timestamp,
    /// The current time.
    pub now: Timestamp,
}

/// Whether an active session was begun on the device.
pub async fn is_known(store: &Store, known: KnownDevice<'_>) -> Result<bool, DbErr> {
    let device = known.device;
    if device.address().is_none() {
        return Ok(false);
    }
    let column = |column| Expr::col((Entity, column));
    let mut statement = Query::select();
    statement
        .expr(Expr::value(1))
        .from(Entity)
        .and_where(Column::UserId.eq(known.user_id))
        .and_where(Column::ClientId.eq(known.client_id))
        .and_where(Column::Address.eq(device.address_text()))
        .and_where(Column::UserAgent.eq(device.user_agent()))
        .and_where(Column::RevokedAt.is_null())
        .and_where(Column::ExpiresAt.gt(known.now))
        .and_where(Column::RotatedAt.gt(known.idle_since))
        .and_where(Expr::exists(enabled_user(
            column(Column::UserId),
            column(Column::SessionEpoch),
        )))
        .limit(1);
    Ok(store.read().query_one(&statement).await?.is_some())
}
