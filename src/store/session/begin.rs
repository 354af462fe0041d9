//! The beginning of a session.

use std::time::Duration;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{InsertStatement, Query};
use sea_orm::{Condition, IntoActiveModel as _, Iterable as _};

use super::{
    Column, DeviceDigests, Entity, Model, RedeemedCode, enabled_client, enabled_user, event,
};
use crate::audit::{Action, Cause};
use crate::client::BROWSER;
use crate::clock::{Timestamp, micros, time_ordered_id};
use crate::store::Store;
use crate::store::sign_in_throttle::{self, Reservation};
use crate::store::transaction::Transaction;
use crate::store::writer::Durability;

/// The values of a session that begins. Its cause gives the time and the device.
#[derive(Clone, Debug)]
pub struct NewSession<'a> {
    /// The user.
    pub user_id: Uuid,
    /// The user's epoch when the user was authenticated.
    pub session_epoch: i64,
    /// The client.
    pub client_id: &'a str,
    /// The client's epoch when the client was authenticated.
    pub client_epoch: &'a [u8],
    /// The granted scope, separated by spaces.
    pub scope: String,
    /// The granted audience, separated by spaces; see [`Model::audience`].
    pub audience: String,
    /// The method of the authentication.
    pub acr: &'a str,
    /// The time of the authentication.
    pub authenticated_at: Timestamp,
    /// The latest end.
    pub expires_at: Timestamp,
    /// The time after which it ends without a refresh.
    pub idle_lifetime: Duration,
    /// The device that receives the tokens.
    pub device: DeviceDigests,
    /// The authorization code that it is begun by; `None`: the user has just authenticated.
    pub code: Option<RedeemedCode>,
}

/// Begins a session and gives back the attempts of the sign-in. `None` if the user or the client was disabled
/// or deleted, or the sessions of either were revoked, since they were authenticated.
pub async fn begin(
    store: &Store,
    new: NewSession<'_>,
    reservations: &[Reservation],
    cause: &Cause,
) -> Result<Option<Model>, DbErr> {
    let session = new.into_model(cause);
    let row = &session;
    let begun = store.transaction(Durability::Durable, |tx| async move {
        begin_after_sign_in(&tx, row, reservations, cause).await
    });
    Ok(begun.await?.then_some(session))
}

/// Begins a session within a transaction and gives back the attempts of the sign-in; `false` as in [`begin_within`].
pub(super) async fn begin_after_sign_in(
    tx: &Transaction<'_>,
    session: &Model,
    reservations: &[Reservation],
    cause: &Cause,
) -> Result<bool, DbErr> {
    if !begin_within(tx, session, cause).await? {
        return Ok(false);
    }
    for reservation in reservations {
        sign_in_throttle::give_back_within(tx, *reservation).await?;
    }
    Ok(true)
}

/// Begins a session within a transaction; `false` if its user or its client is not enabled or has another epoch.
pub(in crate::store) async fn begin_within(
    tx: &Transaction<'_>,
    session: &Model,
    cause: &Cause,
) -> Result<bool, DbErr> {
    if tx
        .execute(&insertion(session, None)?)
        .await?
        .rows_affected()
        == 0
    {
        return Ok(false);
    }
    record(tx, session, cause).await?;
    Ok(true)
}

/// Writes the event of a sign-in, with the way by which the user signed in.
pub(super) async fn record(
    tx: &Transaction<'_>,
    session: &Model,
    cause: &Cause,
) -> Result<(), DbErr> {
    let by = if session.browser_session_id.is_some() {
        "authorization_code"
    } else if session.client_id == BROWSER {
        "page"
    } else {
        "password"
    };
    tx.record(event(session, Action::SignIn, cause).with("by", by))
        .await
}

impl NewSession<'_> {
    /// The row of the session.
    pub fn into_model(self, cause: &Cause) -> Model {
        Model {
            id: self
                .code
                .map_or_else(|| time_ordered_id(cause.at), |code| code.session),
            user_id: self.user_id,
            client_id: self.client_id.to_owned(),
            client_epoch: self.client_epoch.to_owned(),
            session_epoch: self.session_epoch,
            scope: self.scope,
            audience: self.audience,
            generation: 0,
            rotated_at: cause.at,
            rotation_gap: 0,
            late_retry_generation: None,
            device_digest: Some(self.device.device.to_vec()),
            user_agent_digest: Some(self.device.user_agent.to_vec()),
            repeated_elsewhere: false,
            authenticated_at: self.authenticated_at,
            acr: self.acr.to_owned(),
            expires_at: self.expires_at,
            idle_lifetime: Some(micros(self.idle_lifetime)),
            revoked_at: None,
            revocation_reason: None,
            browser_session_id: self.code.map(|code| code.browser_session),
            offline: self.code.is_some_and(|code| code.is_offline),
            user_agent: cause.device.user_agent().to_owned(),
            address: cause.device.address_text(),
        }
    }
}

/// Inserts the row if its user and client are enabled, and the other condition holds. The locks make it wait for a
/// transaction that revokes the sessions of either, because that one would not find this row.
pub(super) fn insertion(
    session: &Model,
    condition: Option<Condition>,
) -> Result<InsertStatement, DbErr> {
    let mut user = enabled_user(
        Expr::value(session.user_id),
        Expr::value(session.session_epoch),
    );
    let mut client = enabled_client(
        Expr::value(session.client_id.clone()),
        Expr::value(session.client_epoch.clone()),
    );
    let row = session.clone().into_active_model();
    let value_of = |column| Some((column, Expr::value(row.get(column).into_value()?)));
    let (columns, values): (Vec<Column>, Vec<Expr>) = Column::iter().filter_map(value_of).unzip();
    let mut selected = Query::select();
    selected
        .exprs(values)
        .and_where(Expr::exists(user.lock_shared().take()))
        .and_where(Expr::exists(client.lock_shared().take()))
        .cond_where(condition.unwrap_or_else(Condition::all));
    let mut statement = Query::insert();
    statement
        .into_table(Entity)
        .columns(columns)
        .select_from(selected)
        .map_err(|error| DbErr::Custom(error.to_string()))?;
    Ok(statement)
}
