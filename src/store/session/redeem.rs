//! The beginning of a session by an authorization code, RFC 6749 §4.1.3.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, InsertStatement, Query};
use sea_orm::{Condition, DbBackend, SqlErr};

use super::begin::{insertion, record};
use super::rotating_statement::roles_of_returned_row;
use super::{Column, Entity, Model};
use crate::audit::Cause;
use crate::store::transaction::Transaction;
use crate::store::writer::Durability;
use crate::store::{Store, consent, user};

/// What an authorization code says of the session that it begins.
#[derive(Clone, Copy, Debug)]
pub struct RedeemedCode {
    /// The id of the session.
    pub session: Uuid,
    /// The browser session in which the user was signed in. It must not be revoked.
    pub browser_session: Uuid,
    /// Whether the session outlives a sign-out of the browser session.
    pub is_offline: bool,
}

/// The outcome of redeeming an authorization code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redemption {
    /// The session has begun.
    Begun {
        /// The user's roles, separated by spaces.
        roles: String,
    },
    /// The user, the client, the browser session or the consent does not allow it any more.
    Refused,
    /// The code was redeemed before.
    Used,
}

/// Begins the session of an authorization code. "The client MUST NOT use the authorization code more than once", RFC
/// 6749 §4.1.2: the primary key of the table does not allow a second session with its id.
pub async fn redeem(
    store: &Store,
    session: &Model,
    requires_consent: bool,
    cause: &Cause,
) -> Result<Redemption, DbErr> {
    let begun = store.transaction(Durability::Durable, |tx| async move {
        let condition = is_still_allowed(session, requires_consent);
        let insertion = insertion(session, Some(condition))?;
        let Some(roles) = insert_returning_roles(&tx, session, insertion).await? else {
            return Ok::<_, DbErr>(Redemption::Refused);
        };
        record(&tx, session, cause).await?;
        Ok(Redemption::Begun { roles })
    });
    match begun.await {
        Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => {
            Ok(Redemption::Used)
        }
        outcome => outcome,
    }
}

/// The browser session and the consent still exist. The locks make a sign-out, or a withdrawal of the consent, wait for
/// this transaction: it revokes the sessions that it finds.
fn is_still_allowed(session: &Model, requires_consent: bool) -> Condition {
    let mut browser_session = Query::select();
    browser_session
        .expr(Expr::value(1))
        .from(Entity)
        .and_where(Expr::col((Entity, Column::Id)).eq(session.browser_session_id))
        .and_where(Expr::col((Entity, Column::RevokedAt)).is_null())
        .lock_shared();
    let consent = consent::covering(session.user_id, &session.client_id, &session.scope);
    let consent = requires_consent.then(|| Expr::exists(consent));
    Condition::all()
        .add(Expr::exists(browser_session))
        .add_option(consent)
}

/// Executes the insertion. Returns the roles of the session's user; `None` if no row was inserted.
///
/// MySQL has no `INSERT … RETURNING`. There they are read.
async fn insert_returning_roles(
    tx: &Transaction<'_>,
    session: &Model,
    mut insertion: InsertStatement,
) -> Result<Option<String>, DbErr> {
    let row = if tx.get_database_backend() == DbBackend::MySql {
        if tx.execute(&insertion).await?.rows_affected() == 0 {
            return Ok(None);
        }
        let roles = Query::select()
            .column(user::Column::Roles)
            .from(user::Entity)
            .and_where(user::Column::Id.eq(session.user_id))
            .take();
        tx.query_one(&roles).await?
    } else {
        insertion.returning(Query::returning().exprs([roles_of_returned_row()]));
        tx.query_one(&insertion).await?
    };
    row.map(|row| row.try_get("", "roles")).transpose()
}
