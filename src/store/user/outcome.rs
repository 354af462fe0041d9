//! The change of a user and its effects on the row, the sessions and the audit log.

use std::fmt;

use uuid::Uuid;

use super::Model;
use crate::audit::{Action, Actor, Cause};
use crate::store::session::{Ending, Model as Session};

/// A change of a user.
#[derive(Clone)]
pub enum Change {
    /// A new password; ends all sessions.
    Password {
        /// The hash of the new password.
        hash: String,
        /// The session to begin instead of one of them.
        replacement: Option<Replacement>,
    },
    /// Ends all sessions but one.
    SignOut {
        /// The session that continues.
        kept_session: Option<Uuid>,
    },
    /// Deletes the user and ends all sessions.
    Delete,
    /// New attributes; disabling ends all sessions.
    Attributes(UserAttributes),
}

impl Change {
    /// Disables the user.
    pub const DISABLE: Self = Self::Attributes(UserAttributes {
        disabled: Some(true),
        ..UserAttributes::NONE
    });
    /// Enables the user; sessions that were ended stay ended.
    pub const ENABLE: Self = Self::Attributes(UserAttributes {
        disabled: Some(false),
        ..UserAttributes::NONE
    });
    /// Ends all sessions.
    pub const SIGN_OUT: Self = Self::SignOut { kept_session: None };

    /// A new password; ends all sessions.
    pub const fn password(hash: String) -> Self {
        let replacement = None;
        Self::Password { hash, replacement }
    }
}

/// A session that begins instead of another one, in the user's new epoch.
#[derive(Clone)]
pub struct Replacement {
    /// The session that ends. It is not counted.
    pub replaced: Uuid,
    /// The session that begins.
    pub session: Box<Session>,
}

/// Leaves the password hash out.
impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password { .. } => f.write_str("Password"),
            Self::SignOut { .. } => f.write_str("SignOut"),
            Self::Delete => f.write_str("Delete"),
            Self::Attributes(attributes) => attributes.fmt(f),
        }
    }
}

/// Attributes to change; `None` keeps the value.
#[derive(Clone, Debug)]
pub struct UserAttributes {
    /// In the normal form of [`Username`](crate::username::Username).
    pub username: Option<String>,
    /// Separated by spaces.
    pub roles: Option<String>,
    /// Whether sign-in is refused.
    pub disabled: Option<bool>,
    /// The name that is shown to people.
    pub name: ValueChange,
    /// The email address.
    pub email: ValueChange,
}

/// A change of a value that may be absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueChange {
    /// It stays.
    Keep,
    /// It is removed.
    Remove,
    /// It is replaced.
    Set(String),
}

impl ValueChange {
    /// The value after the change.
    pub fn applied_to(&self, before: &Option<String>) -> Option<String> {
        match self {
            Self::Keep => before.clone(),
            Self::Remove => None,
            Self::Set(value) => Some(value.clone()),
        }
    }
}

/// The effects of a change.
pub(super) struct Outcome {
    /// The row after the change; `None`: deleted.
    pub(super) after: Option<Model>,
    /// The reason for which sessions are ended, if they are.
    pub(super) ending: Option<Ending>,
    pub(super) kept_session: Option<Uuid>,
    /// The audit events. Empty: the change has no effect.
    pub(super) actions: Vec<Action>,
}

impl Outcome {
    pub(super) fn of(change: &Change, before: &Model, cause: &Cause) -> Self {
        let mut after = before.clone();
        let mut kept = None;
        let (ending, actions) = match change {
            Change::Password { hash, .. } => {
                after.password_hash.clone_from(hash);
                (Some(Ending::PasswordChange), vec![Action::PasswordChanged])
            }
            Change::SignOut { kept_session } => {
                kept = *kept_session;
                let ending = match cause.actor {
                    Actor::User(id) if id == before.id => Ending::SignOut,
                    _ => Ending::Operator,
                };
                (Some(ending), vec![Action::SessionsRevoked])
            }
            Change::Delete => (Some(Ending::UserDeleted), vec![Action::UserDeleted]),
            Change::Attributes(attributes) => attributes.apply(&mut after, cause),
        };
        if !actions.is_empty() {
            after.revision += 1;
        }
        if ending.is_some() {
            after.session_epoch += 1;
        }
        Self {
            after: (!matches!(change, Change::Delete)).then_some(after),
            ending,
            kept_session: kept,
            actions,
        }
    }
}

impl UserAttributes {
    /// No change.
    pub const NONE: Self = Self {
        username: None,
        roles: None,
        disabled: None,
        name: ValueChange::Keep,
        email: ValueChange::Keep,
    };

    fn apply(&self, user: &mut Model, cause: &Cause) -> (Option<Ending>, Vec<Action>) {
        let mut actions = Vec::new();
        let after = Model {
            username: self.username.as_ref().unwrap_or(&user.username).clone(),
            roles: self.roles.as_ref().unwrap_or(&user.roles).clone(),
            name: self.name.applied_to(&user.name),
            email: self.email.applied_to(&user.email),
            ..user.clone()
        };
        if after != *user {
            actions.push(Action::UserUpdated);
        }
        let profile = |user: &Model| (user.username.clone(), user.name.clone(), user.email.clone());
        let is_new_profile = profile(&after) != profile(user);
        *user = after;
        if is_new_profile {
            user.profile_updated_at = Some(cause.at);
        }
        let mut ending = None;
        match (self.disabled, user.disabled_at) {
            (Some(true), None) => {
                user.disabled_at = Some(cause.at);
                ending = Some(Ending::UserDisabled);
                actions.push(Action::UserDisabled);
            }
            (Some(false), Some(_)) => {
                user.disabled_at = None;
                actions.push(Action::UserEnabled);
            }
            _ => {}
        }
        (ending, actions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_debug_form_of_a_change_contains_no_password_hash() {
        let change = Change::password("$argon2id$".to_owned());
        assert_eq!(format!("{change:?}"), "Password");
        assert!(format!("{:?}", Change::DISABLE).contains("disabled: Some(true)"));
    }
}
