//! What a change makes of a user.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;

use super::change::{Amendment, Change, ChangeError};
use super::{Column, Entity, Model};
use crate::audit::{Action, Actor, Cause};
use crate::store::session::Ending;

/// What a change makes of a user.
pub(super) struct Outcome {
    /// `None`: the user is no more.
    pub(super) after: Option<Model>,
    /// Why it ends the sessions, if it does.
    pub(super) ending: Option<Ending>,
    /// What is told of it.
    pub(super) actions: Vec<Action>,
}

impl Outcome {
    pub(super) fn of(change: Change, before: &Model, cause: &Cause) -> Self {
        let mut after = before.clone();
        let (ending, actions) = match change {
            Change::Password(hash) => {
                after.password_hash = hash;
                (Some(Ending::PasswordChange), vec![Action::PasswordChanged])
            }
            Change::SignOut => {
                let ending = match cause.actor {
                    Actor::User(id) if id == before.id => Ending::SignOut,
                    _ => Ending::Operator,
                };
                (Some(ending), vec![Action::SessionsRevoked])
            }
            Change::Delete => {
                return Self {
                    after: None,
                    ending: Some(Ending::UserDeleted),
                    actions: vec![Action::UserDeleted],
                };
            }
            Change::Amend(amendment) => amend(&mut after, amendment, before, cause),
        };
        if !actions.is_empty() {
            after.revision += 1;
        }
        if ending.is_some() {
            after.session_epoch += 1;
        }
        Self {
            after: Some(after),
            ending,
            actions,
        }
    }

    pub(super) async fn write(
        &self,
        before: &Model,
        connection: &impl ConnectionTrait,
    ) -> Result<(), ChangeError> {
        if self.actions.is_empty() {
            return Ok(());
        }
        let touched = if let Some(after) = &self.after {
            let mut update = Entity::update_many()
                .col_expr(Column::Username, Expr::value(&after.username))
                .col_expr(Column::Roles, Expr::value(&after.roles))
                .col_expr(Column::SessionEpoch, Expr::value(after.session_epoch))
                .col_expr(Column::DisabledAt, Expr::value(after.disabled_at))
                .col_expr(Column::Revision, Expr::value(after.revision));
            // Else it might undo a rehash.
            if after.password_hash != before.password_hash {
                let hash = Expr::value(&after.password_hash);
                update = update.col_expr(Column::PasswordHash, hash);
            }
            let update = update.filter(Column::Id.eq(before.id));
            let update = update.filter(Column::Revision.eq(before.revision));
            update.exec(connection).await?.rows_affected
        } else {
            let deletion = Entity::delete_by_id(before.id);
            let deletion = deletion.filter(Column::Revision.eq(before.revision));
            deletion.exec(connection).await?.rows_affected
        };
        if touched == 1 {
            Ok(())
        } else {
            Err(ChangeError::Stale)
        }
    }
}

fn amend(
    after: &mut Model,
    amendment: Amendment,
    before: &Model,
    cause: &Cause,
) -> (Option<Ending>, Vec<Action>) {
    let mut actions = Vec::new();
    if let Some(username) = amendment.username {
        after.username = username;
    }
    if let Some(roles) = amendment.roles {
        after.roles = roles;
    }
    if after.username != before.username || after.roles != before.roles {
        actions.push(Action::UserUpdated);
    }
    let mut ending = None;
    match (amendment.disabled, before.disabled_at) {
        (Some(true), None) => {
            after.disabled_at = Some(cause.at);
            ending = Some(Ending::UserDisabled);
            actions.push(Action::UserDisabled);
        }
        (Some(false), Some(_)) => {
            after.disabled_at = None;
            actions.push(Action::UserEnabled);
        }
        _ => {}
    }
    (ending, actions)
}
