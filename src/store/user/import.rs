//! Imports users from another system, in batches: each is one transaction.

use std::collections::HashMap;
use std::fmt;

use sea_orm::entity::prelude::*;
use thiserror::Error;

use super::change::change_within;
use super::insert::insert_within;
use super::outcome::{Change, Outcome, UserAttributes};
use super::{Column, Entity, Model, UserError};
use crate::audit::Cause;
use crate::clock::Timestamp;
use crate::store::Store;
use crate::store::retry::RetryError;
use crate::store::transaction::Transaction;
use crate::store::writer::Durability;

/// A user from another system. What is absent stays as it is, or is empty for a new user.
#[derive(Clone)]
pub struct Import {
    /// The id; a new user without one gets a random id.
    pub id: Option<Uuid>,
    /// In the normal form of [`Username`](crate::username::Username).
    pub username: String,
    /// An accepted hash. A new user must have one.
    pub password_hash: Option<String>,
    /// The time of the creation. That of an existing user stays.
    pub created_at: Option<Timestamp>,
    /// The other attributes, without a username.
    pub attributes: UserAttributes,
}

/// Leaves the password hash out.
impl fmt::Debug for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Import")
            .field("id", &self.id)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// The effect of an import on a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A new user.
    Created,
    /// Another value of an existing user.
    Updated,
    /// The user has these values.
    Unchanged,
}

/// An imported user.
#[derive(Clone, Copy, Debug)]
pub struct Imported {
    /// The id.
    pub id: Uuid,
    /// What was done.
    pub effect: Effect,
    /// The number of sessions that the change ended.
    pub sessions_ended: u64,
}

/// The reason why a user is not imported.
#[derive(Debug, Error)]
pub enum ImportError {
    /// Another user has the id.
    #[error("id: it is the id of the user {0}; correct one of the two names")]
    IdTaken(String),
    /// The user has another id.
    #[error("id: the user of this name has the id {0}; correct the id or leave it out")]
    OtherId(Uuid),
    /// A new user without a password hash.
    #[error("password_hash: there is no such user, and a new user needs one")]
    NoHash,
    /// The user cannot be inserted or changed.
    #[error(transparent)]
    User(#[from] UserError),
}

/// The reason why a batch is not imported.
#[derive(Debug)]
pub struct BatchError {
    /// The position of the user in the batch, if it is about one.
    pub position: Option<usize>,
    /// The reason.
    pub error: ImportError,
}

impl From<DbErr> for BatchError {
    fn from(error: DbErr) -> Self {
        Self {
            position: None,
            error: ImportError::User(UserError::Store(error)),
        }
    }
}

impl RetryError for BatchError {
    fn database_error(&self) -> Option<&DbErr> {
        match &self.error {
            ImportError::User(error) => error.database_error(),
            _ => None,
        }
    }
}

/// What an import would do to each user. Changes nothing.
pub async fn check_import(
    store: &Store,
    users: &[Import],
    replaces_hashes: bool,
    cause: &Cause,
) -> Result<Vec<Result<Effect, ImportError>>, DbErr> {
    let existing = Existing::find(store.read(), users).await?;
    let plans = users
        .iter()
        .map(|user| existing.plan(user, replaces_hashes, cause));
    Ok(plans.map(|plan| Ok(plan?.effect())).collect())
}

/// Imports all users, or none after an error.
pub async fn import(
    store: &Store,
    users: &[Import],
    replaces_hashes: bool,
    cause: &Cause,
) -> Result<Vec<Imported>, BatchError> {
    store
        .transaction(Durability::Durable, |tx| async move {
            let existing = Existing::find(&tx, users).await?;
            let mut imported = Vec::with_capacity(users.len());
            for (position, user) in users.iter().enumerate() {
                let done = match existing.plan(user, replaces_hashes, cause) {
                    Ok(plan) => plan.apply(&tx, cause).await.map_err(Into::into),
                    Err(error) => Err(error),
                };
                imported.push(done.map_err(|error| BatchError {
                    position: Some(position),
                    error,
                })?);
            }
            Ok(imported)
        })
        .await
}

/// The users whose ids or names are in a batch.
struct Existing {
    by_id: HashMap<Uuid, Model>,
    by_name: HashMap<String, Model>,
}

impl Existing {
    async fn find(connection: &impl ConnectionTrait, users: &[Import]) -> Result<Self, DbErr> {
        // Two queries, because not every engine uses two indexes in one.
        let names = users.iter().map(|user| user.username.as_str());
        let by_name = Entity::find().filter(Column::Username.is_in(names));
        let by_name = by_name.all(connection).await?;
        let ids: Vec<Uuid> = users.iter().filter_map(|user| user.id).collect();
        let by_id = Entity::find().filter(Column::Id.is_in(ids));
        let by_id = by_id.all(connection).await?;
        let name = |user: Model| (user.username.clone(), user);
        Ok(Self {
            by_id: by_id.into_iter().map(|user| (user.id, user)).collect(),
            by_name: by_name.into_iter().map(name).collect(),
        })
    }

    fn plan(
        &self,
        user: &Import,
        replaces_hashes: bool,
        cause: &Cause,
    ) -> Result<Plan, ImportError> {
        let by_id = user.id.and_then(|id| self.by_id.get(&id));
        let by_name = self.by_name.get(&user.username);
        match (by_id, by_name) {
            (Some(found), _) if found.username != user.username => {
                Err(ImportError::IdTaken(found.username.clone()))
            }
            (None, Some(found)) if user.id.is_some() => Err(ImportError::OtherId(found.id)),
            (Some(found), _) | (None, Some(found)) => {
                Ok(user.changes(found, replaces_hashes, cause))
            }
            (None, None) => user.insertion(cause),
        }
    }
}

impl Import {
    fn insertion(&self, cause: &Cause) -> Result<Plan, ImportError> {
        let hash = self.password_hash.clone().ok_or(ImportError::NoHash)?;
        let created_at = self.created_at.unwrap_or(cause.at);
        let new = Model::new(&self.username, hash, created_at);
        let given = &self.attributes;
        Ok(Plan::Insert(Box::new(Model {
            id: self.id.unwrap_or(new.id),
            roles: given.roles.clone().unwrap_or_default(),
            name: given.name.applied_to(&None),
            email: given.email.applied_to(&None),
            disabled_at: (given.disabled == Some(true)).then_some(cause.at),
            ..new
        })))
    }

    fn changes(&self, found: &Model, replaces_hashes: bool, cause: &Cause) -> Plan {
        let mut changes = Vec::new();
        if let Some(hash) = &self.password_hash
            && replaces_hashes
            && *hash != found.password_hash
        {
            changes.push(Change::password(hash.clone()));
        }
        let attributes = Change::Attributes(self.attributes.clone());
        if !Outcome::of(&attributes, found, cause).actions.is_empty() {
            changes.push(attributes);
        }
        Plan::Change(found.id, changes)
    }
}

enum Plan {
    Insert(Box<Model>),
    /// Without changes, the user has the values already.
    Change(Uuid, Vec<Change>),
}

impl Plan {
    fn effect(&self) -> Effect {
        match self {
            Self::Insert(_) => Effect::Created,
            Self::Change(_, changes) if changes.is_empty() => Effect::Unchanged,
            Self::Change(..) => Effect::Updated,
        }
    }

    async fn apply(self, tx: &Transaction<'_>, cause: &Cause) -> Result<Imported, UserError> {
        let effect = self.effect();
        let mut sessions_ended = 0;
        let id = match self {
            Self::Insert(user) => {
                insert_within(tx, &user, cause).await?;
                user.id
            }
            Self::Change(id, changes) => {
                for change in &changes {
                    let outcome = change_within(tx, id.into(), change, cause).await?;
                    sessions_ended += outcome.sessions_ended;
                }
                id
            }
        };
        Ok(Imported {
            id,
            effect,
            sessions_ended,
        })
    }
}
