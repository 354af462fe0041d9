//! Changes of clients.

use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, Iterable as _};
use serde_json::{Map, Value};

use super::model::{new_epoch, new_revision};
use super::{ActiveModel, ClientError, Column, Entity, Model, ended_epoch, lock_target};
use crate::audit::{Action, Cause, Event};
use crate::client::{ClientPatch, ClientSettings, InvalidSetting, check, check_retention};
use crate::store::session::Ending;
use crate::store::writer::Durability;
use crate::store::{Store, Target, signing_key};

/// The settings of the client of browser sessions that can be changed.
const RESERVED_SETTINGS: [&str; 2] = ["session_lifetime", "session_idle_lifetime"];

/// The outcome of a change.
#[derive(Clone, Debug)]
pub struct UpdatedClient {
    /// The client after the change.
    pub client: Model,
    /// The names of the settings that changed, without `disabled`.
    pub changed: Vec<String>,
    /// The epoch that the change ended. Its sessions are still to be marked as revoked.
    pub ended: Option<ended_epoch::Model>,
}

/// Changes the settings of a client. Disabling it ends its epoch, and with it its sessions and own tokens; enabling it
/// revives none. Signing keys stay published for the lifetime of the client's tokens.
pub async fn update<'a>(
    store: &Store,
    target: impl Into<Target<&'a str>>,
    patch: &ClientPatch,
    cause: &Cause,
) -> Result<UpdatedClient, ClientError> {
    let target = target.into();
    store
        .transaction(Durability::Durable, |tx| async move {
            let before = lock_target(&tx, target).await?;
            let old = before.settings();
            let new = old.patched(patch, target.id)?;
            let changes = new.changes_since(&old);
            let check = |settings: &ClientSettings| {
                let mut invalid = check(settings, before.confidential);
                invalid.extend(check_retention(settings, store.session_retention));
                invalid
            };
            let is_lifetime = |name: &String| RESERVED_SETTINGS.contains(&name.as_str());
            if before.is_reserved() && !changes.keys().all(is_lifetime) {
                return Err(ClientError::Reserved);
            }
            check_changes(&changes, &check(&old), check(&new))?;
            let mut outcome = UpdatedClient {
                client: before,
                changed: names(&changes),
                ended: None,
            };
            if changes.is_empty() {
                return Ok(outcome);
            }
            let mut columns = changed_columns(&outcome.client, &old, &new, cause);
            if new.disabled && !old.disabled {
                columns.epoch = Set(new_epoch());
                let reason = Ending::ClientDisabled;
                let ended = ended_epoch::insert(&tx, &outcome.client, reason, cause.at).await?;
                outcome.ended = Some(ended);
            }
            let update = Entity::update_many().filter(Column::Id.eq(target.id));
            update.set(columns).exec(&tx).await?;
            outcome.client = lock_target(&tx, target.id.into()).await?;
            cover(&tx, &outcome.client).await?;
            for event in events(&outcome, &changes, cause) {
                tx.record(event).await?;
            }
            Ok(outcome)
        })
        .await
}

/// Refuses settings that the change makes invalid. A setting that was invalid before and is not changed is no reason:
/// rules may have become stricter.
fn check_changes(
    changes: &Map<String, Value>,
    known: &[InvalidSetting],
    mut invalid: Vec<InvalidSetting>,
) -> Result<(), ClientError> {
    invalid.retain(|one| changes.contains_key(&*one.field) || !known.contains(one));
    if invalid.is_empty() {
        Ok(())
    } else {
        Err(ClientError::Invalid(invalid))
    }
}

/// The columns of the settings that differ, and a new revision. A column that another version of the server wrote
/// in a way that this one does not know stays as it is.
fn changed_columns(
    before: &Model,
    old: &ClientSettings,
    new: &ClientSettings,
    cause: &Cause,
) -> ActiveModel {
    let row = |settings: &ClientSettings| before.clone().with_settings(settings.clone(), cause.at);
    let (old, new) = (row(old), row(new));
    let mut columns = ActiveModel {
        revision: Set(new_revision()),
        ..<ActiveModel as Default>::default()
    };
    for column in Column::iter() {
        let value = new.get(column);
        if value != old.get(column) {
            columns.set(column, value);
        }
    }
    columns
}

fn names(changes: &Map<String, Value>) -> Vec<String> {
    let names = changes.keys().filter(|name| *name != "disabled");
    names.cloned().collect()
}

/// The audit events of a change: one for `disabled`, one for all other settings.
fn events(outcome: &UpdatedClient, changes: &Map<String, Value>, cause: &Cause) -> Vec<Event> {
    let event = |action| Event::new(action, cause).client(&outcome.client.id);
    let mut events = Vec::new();
    if !outcome.changed.is_empty() {
        let mut updated = event(Action::ClientUpdated).with("changed", outcome.changed.join(" "));
        for name in &outcome.changed {
            updated = updated.with(name, changes.get(name).cloned().unwrap_or_default());
        }
        events.push(updated);
    }
    match changes.get("disabled") {
        Some(Value::Bool(true)) => events.push(event(Action::ClientDisabled)),
        Some(_) => events.push(event(Action::ClientEnabled)),
        None => {}
    }
    events
}

/// Keeps signing keys published for the lifetime of the client's tokens.
pub(super) async fn cover(connection: &impl ConnectionTrait, client: &Model) -> Result<(), DbErr> {
    match client.access_token_lifetime {
        Some(lifetime) => signing_key::cover(connection, lifetime).await,
        None => Ok(()),
    }
}

/// Replaces the revision of a client, because its secrets have changed.
pub(in crate::store) async fn touch(
    connection: &impl ConnectionTrait,
    id: &str,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::Revision, Expr::value(new_revision()))
        .filter(Column::Id.eq(id))
        .exec(connection)
        .await?;
    Ok(())
}
