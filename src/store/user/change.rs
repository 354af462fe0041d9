//! Changes users in one transaction with their sessions and the audit events.

use sea_orm::entity::prelude::*;
use sea_orm::{IntoActiveModel as _, QuerySelect as _, SqlErr};
use thiserror::Error;

use super::outcome::{Change, Outcome, Replacement};
use super::{ADMIN_ROLE, Column, Entity, Model, has_role, with_roles};
use crate::audit::{Action, Cause, Event};
use crate::store::lock::Lock;
use crate::store::retry::RetryError;
use crate::store::session::Ending;
use crate::store::transaction::Transaction;
use crate::store::writer::Durability;
use crate::store::{Store, Target, consent, session};

/// The result of a change.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The user after the change; a deleted user as it was before.
    pub user: Model,
    /// The number of sessions that were revoked and not replaced.
    pub sessions_ended: u64,
    /// The session that began instead of another one.
    pub session: Option<session::Model>,
}

/// The reason why a user was not changed.
#[derive(Debug, Error)]
pub enum UserError {
    /// No user has the id.
    #[error("there is no such user")]
    NotFound,
    /// The user does not have the required revision.
    #[error("the user was changed meanwhile")]
    Stale,
    /// Another user has the username.
    #[error("another user has that name")]
    Taken,
    /// No enabled user with the role `jeton:admin` would remain.
    #[error("this is the last administrator: give another user the role jeton:admin first")]
    LastAdmin,
    /// The session to replace has ended, or its client was disabled or deleted.
    #[error("the session has ended meanwhile")]
    SessionEnded,
    /// The store failed.
    #[error("store: {0}")]
    Store(#[source] DbErr),
}

impl From<DbErr> for UserError {
    fn from(error: DbErr) -> Self {
        match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(_)) => Self::Taken,
            _ => Self::Store(error),
        }
    }
}

impl RetryError for UserError {
    fn database_error(&self) -> Option<&DbErr> {
        match self {
            Self::Store(error) => Some(error),
            _ => None,
        }
    }
}

/// Changes a user and revokes the sessions that the change ends.
pub async fn change(
    store: &Store,
    target: impl Into<Target<Uuid>>,
    change: Change,
    cause: &Cause,
) -> Result<Changed, UserError> {
    let (target, change) = (target.into(), &change);
    store
        .transaction(Durability::Durable, |tx| async move {
            change_within(&tx, target, change, cause).await
        })
        .await
}

/// The same in an open transaction.
pub(super) async fn change_within(
    tx: &Transaction<'_>,
    target: Target<Uuid>,
    change: &Change,
    cause: &Cause,
) -> Result<Changed, UserError> {
    let before = lock(tx, target).await?;
    let outcome = Outcome::of(change, &before, cause);
    if before.is_admin() && !outcome.after.as_ref().is_some_and(Model::is_admin) {
        require_another_admin(tx, before.id).await?;
    }
    write(tx, &outcome, &before).await?;
    let replacement = match change {
        Change::Password { replacement, .. } => replacement.as_ref(),
        _ => None,
    };
    let kept = outcome.kept_session.or(replacement.map(|one| one.replaced));
    let sessions_ended = end_sessions(tx, &outcome, &before, kept, cause).await?;
    for event in events(&outcome, &before, sessions_ended, cause) {
        tx.record(event).await?;
    }
    let session = match replacement {
        Some(replacement) => Some(replace(tx, replacement, &before, cause).await?),
        None => None,
    };
    Ok(Changed {
        user: outcome.after.unwrap_or(before),
        sessions_ended,
        session,
    })
}

/// Reads the user and locks the row until the transaction ends.
async fn lock(tx: &Transaction<'_>, target: Target<Uuid>) -> Result<Model, UserError> {
    let found = Entity::find_by_id(target.id).lock_exclusive().one(tx);
    let user = found.await?.ok_or(UserError::NotFound)?;
    if target.matches(user.revision) {
        Ok(user)
    } else {
        Err(UserError::Stale)
    }
}

/// Without the lock, two administrators could remove each other at once.
async fn require_another_admin(tx: &Transaction<'_>, id: Uuid) -> Result<(), UserError> {
    Lock::LastAdmin.acquire(tx).await?;
    let another = Entity::find()
        .filter(Column::DisabledAt.is_null())
        .filter(has_role(ADMIN_ROLE))
        .filter(Column::Id.ne(id));
    match another.one(tx).await? {
        Some(_) => Ok(()),
        None => Err(UserError::LastAdmin),
    }
}

async fn write(tx: &Transaction<'_>, outcome: &Outcome, before: &Model) -> Result<(), DbErr> {
    match &outcome.after {
        None => {
            Entity::delete_by_id(before.id).exec(tx).await?;
            consent::delete_of_user(tx, before.id).await?;
        }
        Some(after) if after != before => {
            let update = Entity::update_many().set(after.clone().into_active_model().reset_all());
            update.filter(Column::Id.eq(before.id)).exec(tx).await?;
        }
        Some(_) => {}
    }
    Ok(())
}

async fn end_sessions(
    tx: &Transaction<'_>,
    outcome: &Outcome,
    before: &Model,
    kept: Option<Uuid>,
    cause: &Cause,
) -> Result<u64, DbErr> {
    let Some(why) = outcome.ending else {
        return Ok(0);
    };
    // The new epoch ends the sessions. Their rows are marked for the lists of sessions.
    let epoch = before.session_epoch + 1;
    if let Some(kept) = outcome.kept_session {
        session::carry_over(tx, kept, before.id, epoch).await?;
    }
    session::revoke_of_user(tx, before.id, kept, why, cause.at).await
}

/// Ends the replaced session, which alone is left, and begins the other one in the user's new epoch.
async fn replace(
    tx: &Transaction<'_>,
    replacement: &Replacement,
    before: &Model,
    cause: &Cause,
) -> Result<session::Model, UserError> {
    let why = Ending::PasswordChange;
    if session::revoke_of_user(tx, before.id, None, why, cause.at).await? == 0 {
        return Err(UserError::SessionEnded);
    }
    let session = session::Model {
        session_epoch: before.session_epoch + 1,
        ..(*replacement.session).clone()
    };
    if session::begin_within(tx, &session, cause).await? {
        Ok(session)
    } else {
        Err(UserError::SessionEnded)
    }
}

fn events(outcome: &Outcome, before: &Model, sessions_ended: u64, cause: &Cause) -> Vec<Event> {
    let event = |action: &Action| {
        let event = Event::new(*action, cause).user(before.id);
        match &outcome.after {
            Some(after) if *action == Action::UserUpdated => with_differences(event, before, after),
            _ => {
                let event = event.with("username", before.username.clone());
                match outcome.ending {
                    Some(_) => event.with("sessions_ended", sessions_ended),
                    None => event,
                }
            }
        }
    };
    outcome.actions.iter().map(event).collect()
}

/// Usernames come last, because two long ones can fill the detail, and other events name the username too. The values of
/// name and email address are left out: the log is kept longer than they are.
fn with_differences(mut event: Event, before: &Model, after: &Model) -> Event {
    let fields = [
        ("name", before.name != after.name),
        ("email", before.email != after.email),
    ];
    let changed = fields.into_iter().filter(|(_, is_changed)| *is_changed);
    let changed: Vec<&str> = changed.map(|(field, _)| field).collect();
    if !changed.is_empty() {
        event = event.with("changed", changed.join(" "));
    }
    if after.roles != before.roles {
        event = with_roles(event, &after.roles);
    }
    event = event.with("username", before.username.clone());
    if after.username != before.username {
        event = event.with("new_username", after.username.clone());
    }
    event
}
