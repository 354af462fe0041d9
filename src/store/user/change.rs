//! What changes users, each change with the rows of the audit log that tell of it.

use std::fmt;

use sea_orm::SqlErr;
use sea_orm::entity::prelude::*;

use super::outcome::Outcome;
use super::{Column, Entity, Model, with_role, with_roles};
use crate::audit::{Action, Cause, Event};
use crate::store::Store;
use crate::store::lock::Lock;
use crate::store::retry::RetryError;
use crate::store::session;
use crate::store::transaction::Transaction;
use crate::store::writer::Durability;

/// How often a change is tried anew when another one of the same user came between.
const TRIES: u32 = 8;

/// A change of a user.
#[derive(Clone)]
pub enum Change {
    /// A new password, as a hash; it ends all sessions.
    Password(String),
    /// The user is signed out everywhere.
    SignOut,
    /// The user is no more; it ends all sessions.
    Delete,
    /// Other values; to disable ends all sessions.
    Amend(Amendment),
}

impl Change {
    /// The user may not sign in any more.
    pub const DISABLE: Self = Self::Amend(Amendment {
        username: None,
        roles: None,
        disabled: Some(true),
    });
    /// The user may sign in again; what was ended stays ended.
    pub const ENABLE: Self = Self::Amend(Amendment {
        username: None,
        roles: None,
        disabled: Some(false),
    });
}

/// The password's hash stays out of the log.
impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password(_) => f.write_str("Password"),
            Self::SignOut => f.write_str("SignOut"),
            Self::Delete => f.write_str("Delete"),
            Self::Amend(amendment) => amendment.fmt(f),
        }
    }
}

/// Other values of a user; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct Amendment {
    /// In the normal form of [`Username`](crate::username::Username).
    pub username: Option<String>,
    /// Separated by spaces.
    pub roles: Option<String>,
    /// Whether the user may not sign in.
    pub disabled: Option<bool>,
}

/// Whom a change is about.
#[derive(Clone, Copy, Debug)]
pub struct Whom {
    id: Uuid,
    revision: Option<i64>,
    kept: Option<Uuid>,
}

impl From<Uuid> for Whom {
    fn from(id: Uuid) -> Self {
        Self {
            id,
            revision: None,
            kept: None,
        }
    }
}

impl Whom {
    /// Only as long as the user is as they were when this was read.
    #[must_use]
    pub const fn as_of(user: &Model) -> Self {
        Self {
            id: user.id,
            revision: Some(user.revision),
            kept: None,
        }
    }

    /// One session of the user goes on, whatever is ended.
    #[must_use]
    pub fn but(self, session: impl Into<Option<Uuid>>) -> Self {
        Self {
            kept: session.into(),
            ..self
        }
    }
}

/// What came of a change.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The user as they are now, or as they were at the end.
    pub user: Model,
    /// How many sessions it ended.
    pub sessions_ended: u64,
}

/// Why a user was not changed.
#[derive(Debug)]
pub enum ChangeError {
    /// There is no such user.
    Gone,
    /// The user is not as they were any more.
    Stale,
    /// Another user has the name.
    Taken,
    /// Nobody could administer the server any more.
    LastAdmin,
    /// The store failed.
    Store(DbErr),
}

impl From<DbErr> for ChangeError {
    fn from(error: DbErr) -> Self {
        match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(_)) => Self::Taken,
            _ => Self::Store(error),
        }
    }
}

impl fmt::Display for ChangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("there is no such user any more"),
            Self::Stale => f.write_str("the user was changed meanwhile"),
            Self::Taken => f.write_str("another user has that name"),
            Self::LastAdmin => f.write_str(
                "nobody could administer the server any more: give another user the role admin first",
            ),
            Self::Store(error) => write!(f, "store: {error}"),
        }
    }
}

impl std::error::Error for ChangeError {}

impl RetryError for ChangeError {
    fn database_error(&self) -> Option<&DbErr> {
        match self {
            Self::Store(error) => Some(error),
            _ => None,
        }
    }
}

/// Changes a user, with the sessions that this ends.
///
/// # Errors
///
/// [`ChangeError`]; then nothing was changed.
pub async fn change(
    store: &Store,
    whom: impl Into<Whom>,
    change: Change,
    cause: &Cause,
) -> Result<Changed, ChangeError> {
    let whom = whom.into();
    let change = &change;
    let mut tries = 1;
    loop {
        let outcome = store.transaction(Durability::Durable, |tx| async move {
            change_within(&tx, whom, change.clone(), cause).await
        });
        match outcome.await {
            Err(ChangeError::Stale) if whom.revision.is_none() && tries < TRIES => tries += 1,
            outcome => return outcome,
        }
    }
}

async fn change_within(
    connection: &Transaction<'_>,
    whom: Whom,
    change: Change,
    cause: &Cause,
) -> Result<Changed, ChangeError> {
    let before = Entity::find_by_id(whom.id).one(connection).await?;
    let before = before.ok_or(ChangeError::Gone)?;
    if whom.revision.is_some_and(|seen| seen != before.revision) {
        return Err(ChangeError::Stale);
    }
    let outcome = Outcome::of(change, &before, cause);
    if before.is_admin() && !outcome.after.as_ref().is_some_and(Model::is_admin) {
        require_another_admin(connection, before.id).await?;
    }
    outcome.write(&before, connection).await?;
    let mut sessions_ended = 0;
    if let Some(why) = outcome.ending {
        // The new epoch alone ends the sessions, at once and whole; marking them is for those who read.
        let epoch = before.session_epoch + 1;
        if let Some(kept) = whom.kept {
            session::carry_over(connection, kept, whom.id, epoch).await?;
        }
        let ended = session::end_of_user(connection, whom.id, whom.kept, why, cause.at);
        sessions_ended = ended.await?;
    }
    record(&outcome, &before, sessions_ended, (connection, cause)).await?;
    Ok(Changed {
        user: outcome.after.unwrap_or(before),
        sessions_ended,
    })
}

/// Of two admins of whom each ends the other, the second waits here, and then finds nobody else.
async fn require_another_admin(
    connection: &impl ConnectionTrait,
    id: Uuid,
) -> Result<(), ChangeError> {
    Lock::LastAdmin.acquire(connection).await?;
    let another = Entity::find()
        .filter(Column::DisabledAt.is_null())
        .filter(with_role(super::ADMIN_ROLE))
        .filter(Column::Id.ne(id));
    match another.one(connection).await? {
        Some(_) => Ok(()),
        None => Err(ChangeError::LastAdmin),
    }
}

async fn record(
    outcome: &Outcome,
    before: &Model,
    sessions_ended: u64,
    (tx, cause): (&Transaction<'_>, &Cause),
) -> Result<(), DbErr> {
    for action in &outcome.actions {
        let mut event = Event::new(*action, cause).user(before.id);
        let updated = match action {
            Action::UserUpdated => outcome.after.as_ref(),
            _ => None,
        };
        // First: of names, which may take all the room there is, others tell as well.
        if let Some(after) = updated.filter(|after| after.roles != before.roles) {
            event = with_roles(event, &after.roles);
        }
        event = event.with("username", before.username.clone());
        if let Some(after) = updated {
            if after.username != before.username {
                event = event.with("new_username", after.username.clone());
            }
        } else if outcome.ending.is_some() {
            event = event.with("sessions_ended", sessions_ended);
        }
        tx.record(event).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_prints_no_hash() {
        let change = Change::Password("$argon2id$".to_owned());
        assert_eq!(format!("{change:?}"), "Password");
        assert!(format!("{:?}", Change::DISABLE).contains("disabled: Some(true)"));
    }
}
