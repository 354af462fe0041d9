//! What changes clients, each change with the row of the audit log that tells of it.

use sea_orm::IntoActiveModel as _;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait as _;
use serde_json::Value;

use super::{ActiveModel, Column, Entity, Model, lock};
use crate::audit::{Action, Cause, Event};
use crate::clock::Timestamp;
use crate::store::again::{Failure, again};
use crate::store::session::{self, Ending};
use crate::store::{Store, signing_key};

/// Which client a change is about.
#[derive(Clone, Copy, Debug)]
pub struct Whom<'a> {
    pub(super) id: &'a str,
    revision: Option<i64>,
}

impl<'a> From<&'a str> for Whom<'a> {
    fn from(id: &'a str) -> Self {
        let revision = None;
        Self { id, revision }
    }
}

impl<'a> Whom<'a> {
    /// Only as long as the client is as it was when this was read.
    #[must_use]
    pub fn as_of(client: &'a Model) -> Self {
        Self {
            id: &client.id,
            revision: Some(client.revision),
        }
    }
}

/// What came of a change.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The client as it is now.
    pub client: Model,
    /// The names of the settings that differ from before.
    pub settings: Vec<&'static str>,
    /// How many sessions it ended.
    pub sessions_ended: u64,
}

/// Why a client was not changed.
#[derive(Debug)]
pub enum ChangeError {
    /// There is no such client.
    Gone,
    /// The client is not as it was any more.
    Stale,
    /// The store failed.
    Store(DbErr),
}

impl From<DbErr> for ChangeError {
    fn from(error: DbErr) -> Self {
        Self::Store(error)
    }
}

impl Failure for ChangeError {
    fn of_store(&self) -> Option<&DbErr> {
        match self {
            Self::Store(error) => Some(error),
            Self::Gone | Self::Stale => None,
        }
    }
}

/// Why a client was not changed, or why it shall not be.
enum Failed<E> {
    Store(DbErr),
    Refused(E),
}

impl<E> Failure for Failed<E> {
    fn of_store(&self) -> Option<&DbErr> {
        match self {
            Self::Store(error) => Some(error),
            Self::Refused(_) => None,
        }
    }
}

impl<E> From<DbErr> for Failed<E> {
    fn from(error: DbErr) -> Self {
        Self::Store(error)
    }
}

impl<E: From<ChangeError>> From<ChangeError> for Failed<E> {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Store(error) => Self::Store(error),
            other => Self::Refused(other.into()),
        }
    }
}

/// Changes a client: `change` says how it shall be, or why that cannot be, from how it is, and nobody else
/// changes it meanwhile. To disable it ends its sessions; to enable it revives none. Signing keys stay
/// published for as long as its tokens live.
///
/// # Errors
///
/// [`ChangeError`], or what `change` says; then nothing was changed.
pub async fn update<E: From<ChangeError> + From<DbErr>>(
    store: &Store,
    whom: impl Into<Whom<'_>>,
    change: impl Fn(&Model) -> Result<Model, E>,
    cause: &Cause,
) -> Result<Changed, E> {
    let whom = whom.into();
    let changed = again(|| try_update(store, whom, &change, cause)).await;
    changed.map_err(|failed| match failed {
        Failed::Store(error) => error.into(),
        Failed::Refused(why) => why,
    })
}

async fn try_update<E: From<ChangeError>>(
    store: &Store,
    whom: Whom<'_>,
    change: &impl Fn(&Model) -> Result<Model, E>,
    cause: &Cause,
) -> Result<Changed, Failed<E>> {
    let mut together = store.change_durably().await?;
    let connection = together.connection();
    let before = lock_as_of(connection, whom).await?;
    let mut client = change(&before).map_err(Failed::Refused)?;
    let changes = client.changes_since(&before);
    let mut events = events(&client, &before, &changes, cause);
    let mut sessions_ended = 0;
    if !events.is_empty() {
        cover(connection, &client).await?;
        client.revision = before.revision + 1;
        let update = Entity::update_many().filter(Column::Id.eq(whom.id));
        update.set(row(client.clone())).exec(connection).await?;
    }
    if client.disabled_at.is_some() && before.disabled_at.is_none() {
        let why = Ending::ClientDisabled;
        connection.take_time().await?;
        sessions_ended = session::end_of_client(connection, whom.id, why, cause.at).await?;
        if let Some(last) = events.pop() {
            events.push(last.with("sessions_ended", sessions_ended));
        }
    }
    for event in events {
        together.record(event).await?;
    }
    together.commit().await?;
    Ok(Changed {
        client,
        settings: changes.into_iter().map(|(name, _)| name).collect(),
        sessions_ended,
    })
}

/// What is told of a change; nothing, when there is none. That a client is disabled comes last.
fn events(
    client: &Model,
    before: &Model,
    changes: &[(&'static str, Value)],
    cause: &Cause,
) -> Vec<Event> {
    let event = |action| Event::new(action, cause).client(&before.id);
    let mut events = Vec::new();
    if !changes.is_empty() {
        let names: Vec<&str> = changes.iter().map(|(name, _)| *name).collect();
        let mut updated = event(Action::ClientUpdated).with("changed", names.join(" "));
        for (name, value) in changes {
            updated = updated.with(name, value.clone());
        }
        events.push(updated);
    }
    match (before.disabled_at, client.disabled_at) {
        (None, Some(_)) => events.push(event(Action::ClientDisabled)),
        (Some(_), None) => events.push(event(Action::ClientEnabled)),
        _ => {}
    }
    events
}

pub(super) fn row(client: Model) -> ActiveModel {
    client.into_active_model().reset_all()
}

/// Whoever verifies a token of the client must find the key that signed it, to the end of its life.
pub(super) async fn cover(connection: &impl ConnectionTrait, client: &Model) -> Result<(), DbErr> {
    match client.access_token_lifetime {
        Some(lifetime) => signing_key::cover(connection, lifetime).await,
        None => Ok(()),
    }
}

/// What belongs to a client has changed, and so the client has, for whoever looks at it whole.
pub(in crate::store) async fn touch(
    connection: &impl ConnectionTrait,
    id: &str,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::Revision, Expr::col(Column::Revision).add(1))
        .filter(Column::Id.eq(id))
        .exec(connection)
        .await?;
    Ok(())
}

/// Disables a client and ends its sessions, and says how many; `None` when there is no such client.
///
/// # Errors
///
/// What the database says.
pub async fn disable(store: &Store, id: &str, cause: &Cause) -> Result<Option<u64>, DbErr> {
    set_disabled_at(store, id, Some(cause.at), cause).await
}

/// Lets a disabled client have tokens again; what was ended stays ended. `false` when there is no
/// such client.
///
/// # Errors
///
/// What the database says.
pub async fn enable(store: &Store, id: &str, cause: &Cause) -> Result<bool, DbErr> {
    let ended = set_disabled_at(store, id, None, cause).await?;
    Ok(ended.is_some())
}

async fn set_disabled_at(
    store: &Store,
    id: &str,
    disabled_at: Option<Timestamp>,
    cause: &Cause,
) -> Result<Option<u64>, DbErr> {
    let change = |before: &Model| {
        Ok::<_, ChangeError>(Model {
            disabled_at: disabled_at.map(|now| before.disabled_at.unwrap_or(now)),
            ..before.clone()
        })
    };
    match update(store, id, change, cause).await {
        Ok(changed) => Ok(Some(changed.sessions_ended)),
        Err(ChangeError::Store(error)) => Err(error),
        Err(ChangeError::Gone | ChangeError::Stale) => Ok(None),
    }
}

/// The client as it is, if that is how it was seen; nobody else changes it until the transaction ends.
pub(in crate::store) async fn lock_as_of(
    connection: &impl ConnectionTrait,
    whom: Whom<'_>,
) -> Result<Model, ChangeError> {
    let client = lock(connection, whom.id).await?.ok_or(ChangeError::Gone)?;
    if whom.revision.is_some_and(|seen| seen != client.revision) {
        return Err(ChangeError::Stale);
    }
    Ok(client)
}
